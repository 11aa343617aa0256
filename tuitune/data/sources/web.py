"""Data files at https addresses, fetched into the cache: never over http, and never from inside a private network."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import os
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from tuitune import __version__
from tuitune.data.sources.formats import FORMATS, PACKED
from tuitune.data.sources.rows import SourceError
from tuitune.paths import data_home, private_directory
from tuitune.text import clean, redact
from tuitune.units import bytes_text

LARGEST = 50 << 30
"""Bytes of the largest file that is fetched."""

FRESH_SECONDS = 600.0
"""How long a fetched file is used without asking the server whether it has changed."""

_WAIT_SECONDS = 30.0
_REDIRECTS = 5
_CHUNK = 1 << 20
_PARTIAL = "partial-"
_ABANDONED_SECONDS = 86_400.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is routed on the open internet in IPv6. Site-local addresses (fec0::/10) are not, and still in use."""

_WITHHELD = (ipaddress.ip_network("3fff::/20"), ipaddress.ip_network("192.88.99.0/24"))
"""Documentation (RFC 9637) and relays of 6to4 (RFC 7526), which Python counts as global."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: not private, loopback, link-local, multicast or reserved, and
    not such an address in the clothes of IPv6 (mapped, 6to4, Teredo, NAT64, ISATAP).
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        isatap = int(found) >> 32 & 0xFDFFFFFF == 0x5EFE
        inner += [ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)] if found in _NAT64 or isatap else []
        if any(one is not None and not is_public(str(one)) for one in inner):
            return False
        if found in _NAT64 or found.ipv4_mapped:
            return True
        if found not in _UNICAST:
            return False
    withheld = any(found in network for network in _WITHHELD)
    return found.is_global and not (found.is_multicast or found.is_reserved or withheld)


def checked_address(url: str) -> str:
    """The address without its fragment. SourceError where it is not https, or carries a name and password."""
    shown = redact(clean(url, limit=200))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(shown, f"is not a web address: {error}") from None
    if parts.scheme.lower() != "https":
        raise SourceError(shown, "only https:// addresses are read; download the file, or name a Hub data set")
    if parts.username is not None or parts.password is not None:
        raise SourceError(shown, "holds a user name; fetch the file yourself")
    if not host or port == 0 or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise SourceError(shown, "is not a web address; percent-encode spaces and non-ASCII letters (%20)")
    return urlunsplit((*parts[:4], ""))


def cached(url: str) -> Path | None:
    """The file that was fetched from an address, if it was."""
    note = _note(_folder(url))
    path = _folder(url) / str(note.get("name", ""))
    return path if note and path.is_file() else None


def fetch(url: str, *, permitted: Callable[[str], bool] | None = None, context: ssl.SSLContext | None = None) -> Path:
    """Fetch the file at `url` into the cache, or find it there: a copy that is fresh, unchanged on the server, or the
    best there is while the server cannot be reached. `permitted` judges every IP address that is connected to.

    SourceError says why there is none: the address is refused, the server answers with an error, the file is too large.
    """
    url = checked_address(url)
    folder = private_directory(_folder(url))
    here, note = cached(url), _note(folder)
    if here and 0 <= time.time() - note.get("asked", 0) < FRESH_SECONDS:
        return here
    caller = _Caller(url, permitted or is_public, context or ssl.create_default_context())
    conditions = {"If-None-Match": note["etag"]} if here and note.get("etag") else {}
    try:
        with closing(caller.open(conditions)) as reply:
            if reply.status == http.client.NOT_MODIFIED and here:
                _write_note(folder, {**note, "asked": time.time()})
                return here
            return _keep(reply, folder, url, caller.url)
    except (OSError, http.client.HTTPException) as error:
        if here and not isinstance(error, ssl.SSLCertVerificationError):
            return here
        raise SourceError(url, f"could not be fetched: {_why(error)}") from None


class _Caller:
    """Follows an address and its redirects. Each name is resolved once: what was judged is what is connected to."""

    def __init__(self, url: str, permitted: Callable[[str], bool], context: ssl.SSLContext) -> None:
        self.start = self.url = url
        self.permitted, self.context = permitted, context

    def open(self, conditions: dict[str, str]) -> http.client.HTTPResponse:
        for _ in range(_REDIRECTS + 1):
            parts = urlsplit(self.url)
            connection = _Pinned(parts, self._addresses(parts), self.context)
            headers = {"User-Agent": f"tuitune/{__version__}", "Accept-Encoding": "identity", "Connection": "close"}
            target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("GET", target, headers=headers | conditions)
            reply = connection.getresponse()
            if reply.status in (200, 304):
                return reply
            reply.close()
            leads_to = reply.headers.get("Location")
            if reply.status not in (301, 302, 303, 307, 308) or not leads_to:
                raise SourceError(self.start, f"the server answered {reply.status} {clean(reply.reason, limit=60)}")
            self.url = checked_address(urljoin(self.url, leads_to))
        raise SourceError(self.start, f"redirects more than {_REDIRECTS} times")

    def _addresses(self, parts: SplitResult) -> list[str]:
        host = str(parts.hostname)
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if refused := next((one for one in addresses if not self.permitted(one)), None):
            way = "" if self.url == self.start else f" (redirected to {clean(host, limit=80)})"
            raise SourceError(self.start, f"leads to {refused}{way}, not on the public internet; refused")
        return addresses


class _Pinned(http.client.HTTPSConnection):
    """A connection to addresses that were judged, under the name that the certificate must bear."""

    def __init__(self, parts: SplitResult, addresses: list[str], context: ssl.SSLContext) -> None:
        super().__init__(str(parts.hostname), parts.port or 443, timeout=_WAIT_SECONDS, context=context)
        self.addresses, self.tls = addresses, context

    def connect(self) -> None:
        failure: OSError = ConnectionError("the name has no address")
        for address in self.addresses:
            try:
                plain = socket.create_connection((address, self.port), _WAIT_SECONDS)
            except OSError as error:
                failure = error
                continue
            self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)
            return
        raise failure


def _keep(reply: http.client.HTTPResponse, folder: Path, url: str, final: str) -> Path:
    """Write the file beside the former copy and put it in its place at once, when it is whole."""
    length = reply.headers.get("Content-Length", "")
    expected = int(length) if length.isdecimal() else None
    if expected is not None and expected > LARGEST:
        raise _too_large(url)
    _sweep(folder)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=_PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            taken = _copy(reply, file, url)
        if expected is not None and taken != expected:
            raise ConnectionError(f"the connection broke after {bytes_text(taken)} of {bytes_text(expected)}")
        path = folder / _file_name(url, final)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _write_note(
        folder, {"name": path.name, "url": redact(url), "etag": reply.headers.get("ETag"), "asked": time.time()}
    )
    return path


def _copy(reply: http.client.HTTPResponse, file: BinaryIO, url: str) -> int:
    taken = 0
    while chunk := reply.read(_CHUNK):
        taken += len(chunk)
        if taken > LARGEST:
            raise _too_large(url)
        file.write(chunk)
    return taken


def _sweep(folder: Path) -> None:
    """Remove what fetches that were killed left behind."""
    for path in folder.glob(f"{_PARTIAL}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()


def _too_large(url: str) -> SourceError:
    return SourceError(url, f"is larger than {bytes_text(LARGEST)}; it is not fetched")


def _file_name(url: str, final: str) -> str:
    """A name with the ending that says how to read it, from the address or from where it led to."""
    ends = [unquote(urlsplit(one).path).rpartition("/")[2] for one in (url, final)]
    names = [re.sub(r"[^A-Za-z0-9_.-]", "_", end)[-80:].lstrip(".") for end in ends]
    known = (*FORMATS, *PACKED)
    return next((name for name in names if name.lower().endswith(known)), names[0] or "data")


def _folder(url: str) -> Path:
    return data_home() / "cache" / "web" / hashlib.sha256(url.encode()).hexdigest()[:24]


def _note(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "fetched.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_note(folder: Path, note: dict[str, Any]) -> None:
    temporary = folder / f"fetched.{os.getpid()}"
    with suppress(OSError):
        temporary.write_text(json.dumps(note))
        temporary.replace(folder / "fetched.json")


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its server's name does not resolve; check the address and the network"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is invalid ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"the server did not answer within {_WAIT_SECONDS:.0f} s"
    return clean(str(getattr(error, "strerror", None) or error or type(error).__name__), limit=200)
