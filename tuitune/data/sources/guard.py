"""The open internet and nothing else: which addresses are part of it, and a transport that connects to no other."""

from __future__ import annotations

import ipaddress
import socket

import httpx2

from tuitune.data.sources.rows import SourceError
from tuitune.text import clean

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


class GuardedTransport(httpx2.HTTPTransport):
    """Resolves each name once: the address that was judged is the one connected to, under the name that the certificate
    must bear. No connection is kept, since another name at the same address has a certificate of its own to show.

    `start` is the address that was asked for, which a redirect may have led away from.
    """

    def __init__(self, start: str) -> None:
        super().__init__(limits=httpx2.Limits(max_keepalive_connections=0))
        self.start = start

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response. SourceError where the name leads to an address that is not of the open internet."""
        url, host = request.url, request.url.raw_host.decode()
        found = socket.getaddrinfo(host, url.port or 443, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if refused := next((one for one in addresses if not is_public(one)), None):
            way = "" if url == self.start else f" (redirected to {clean(host, limit=80)})"
            raise SourceError(self.start, f"leads to {refused}{way}, not on the public internet; refused")
        failure: Exception = httpx2.ConnectError("the name has no address")
        for address in addresses:
            named = {**request.extensions, "sni_hostname": host}
            pinned = httpx2.Request("GET", url.copy_with(host=address), headers=request.headers, extensions=named)
            try:
                return super().handle_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
        raise failure
