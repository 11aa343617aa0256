"""Data files at https addresses, fetched into the cache: never over http, and never from inside a private network."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import ssl
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from tuitune import __version__
from tuitune.data.sources.formats import FORMATS, PACKED
from tuitune.data.sources.rows import SourceError
from tuitune.paths import data_home, private_directory
from tuitune.text import clean, redact
from tuitune.units import bytes_text

if TYPE_CHECKING:
    import httpx2

LARGEST = 50 << 30
"""Bytes of the largest file that is fetched."""

FRESH_SECONDS = 600.0
"""How long a fetched file is used without asking the server whether it has changed."""

_WAIT_SECONDS = 30.0
_REDIRECTS = 5
_CHUNK = 1 << 20
_PARTIAL = "partial-"
_ABANDONED_SECONDS = 86_400.0


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


def fetch(url: str) -> Path:
    """Fetch the file at `url` into the cache, or find it there: a copy that is fresh, unchanged on the server, or the
    best there is while the server cannot be reached.

    SourceError says why there is none: the address is refused, the server answers with an error, the file is too large.
    """
    import httpx2

    from tuitune.data.sources.guard import GuardedTransport

    url = checked_address(url)
    folder = private_directory(_folder(url))
    here, note = cached(url), _note(folder)
    if here and 0 <= time.time() - note.get("asked", 0) < FRESH_SECONDS:
        return here
    headers = {"User-Agent": f"tuitune/{__version__}", "Accept-Encoding": "identity"}
    if here and note.get("etag"):
        headers["If-None-Match"] = note["etag"]
    transport = GuardedTransport(url)
    try:
        with httpx2.Client(transport=transport, headers=headers, timeout=_WAIT_SECONDS, trust_env=False) as client:
            reply = _answer(client, url)
            if reply.status_code == httpx2.codes.NOT_MODIFIED and here:
                _write_note(folder, note)
                return here
            return _keep(reply, folder, url)
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        cause = _cause(error)
        if here and not isinstance(cause, ssl.SSLCertVerificationError):
            return here
        raise SourceError(url, f"could not be fetched: {_why(cause)}") from None


def _answer(client: httpx2.Client, start: str) -> httpx2.Response:
    """What the address, or the one that it leads to, answers. The text of a redirect, of any length, is not read."""
    url = start
    for _ in range(_REDIRECTS + 1):
        reply = client.send(client.build_request("GET", url), stream=True)
        if reply.status_code in (200, 304):
            return reply
        reply.close()
        if not reply.has_redirect_location:
            reason = clean(reply.reason_phrase, limit=60)
            raise SourceError(start, f"the server answered {reply.status_code} {reason}")
        url = checked_address(str(reply.url.join(reply.headers["Location"])))
    raise SourceError(start, f"redirects more than {_REDIRECTS} times")


def _keep(reply: httpx2.Response, folder: Path, url: str) -> Path:
    """Write the file beside the former copy and put it in its place at once, when it is whole."""
    too_large = SourceError(url, f"is larger than {bytes_text(LARGEST)}; it is not fetched")
    if int(reply.headers.get("Content-Length", 0)) > LARGEST:
        raise too_large
    _sweep(folder)
    path = folder / _file_name(url, str(reply.url))
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=_PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in reply.iter_raw(_CHUNK):
                file.write(chunk)
                if reply.num_bytes_downloaded > LARGEST:
                    raise too_large
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    _write_note(folder, {"name": path.name, "url": redact(url), "etag": reply.headers.get("ETag")})
    return path


def _sweep(folder: Path) -> None:
    """Remove what fetches that were killed left behind."""
    for path in folder.glob(f"{_PARTIAL}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()


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
    """Keep what is known of the fetched file, and that the server was asked about it now."""
    temporary = folder / f"fetched.{os.getpid()}"
    with suppress(OSError):
        temporary.write_text(json.dumps({**note, "asked": time.time()}))
        temporary.replace(folder / "fetched.json")


def _cause(error: BaseException) -> BaseException:
    """The system's error that httpx made its own of, where there is one."""
    found: BaseException | None = error
    while found and not isinstance(found, OSError):
        found = found.__context__
    return found or error


def _why(cause: BaseException) -> str:
    if isinstance(cause, socket.gaierror):
        return "its server's name does not resolve; check the address and the network"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is invalid ({cause.verify_message})"
    if isinstance(cause, TimeoutError):
        return f"the server did not answer within {_WAIT_SECONDS:.0f} s"
    return clean(str(getattr(cause, "strerror", None) or cause or type(cause).__name__), limit=200)
