"""What the supervisor tells the engine while it runs: JSON lines on standard input, looked at between two steps."""

from __future__ import annotations

import json
import os
from typing import Any

from tuitune.pipes import readable
from tuitune.runs.control.intake import SIZE_LIMIT, Request

LINE_LIMIT = 8 * SIZE_LIMIT
"""Bytes of the longest line that is read: a request as the spool takes it, every character escaped."""

_CHUNK = 1 << 16
_AT_ONCE = 64 * _CHUNK


class RequestPipe:
    """Requests from a file descriptor, each `{"nonce": …, "verb": …, "arguments": {…}}`; no descriptor, no requests.

    Never waits and never raises: whatever is no request is passed over, and so is a nonce that was there before.
    `unanswered` holds the requests given out and not answered yet, by nonce.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.unanswered: dict[str, Request] = {}
        self._descriptor = descriptor
        self._seen: set[str] = set()
        self._rest = b""
        self._overlong = False

    def poll(self) -> list[Request]:
        """The requests that came since the last call, in order."""
        *lines, self._rest = (self._rest + self._arrived()).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            self._rest, self._overlong = b"", True
        if lines and self._overlong:
            del lines[0]
            self._overlong = False
        fresh: list[Request] = []
        for request in filter(None, map(_request, lines)):
            if request.nonce not in self._seen:
                self._seen.add(request.nonce)
                self.unanswered[request.nonce] = request
                fresh.append(request)
        return fresh

    def answered(self, request: Request) -> None:
        self.unanswered.pop(request.nonce, None)

    def _arrived(self) -> bytes:
        """What can be read now, at most 4 MiB; nothing where the other end is closed or was never there."""
        found = bytearray()
        try:
            while self._descriptor is not None and len(found) < _AT_ONCE and readable(self._descriptor, 0):
                piece = os.read(self._descriptor, _CHUNK)
                found += piece
                if not piece:
                    self._descriptor = None
        except OSError:
            self._descriptor = None
        return bytes(found)


def _request(line: bytes) -> Request | None:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    nonce, verb, arguments = record.get("nonce"), record.get("verb"), record.get("arguments", {})
    if not (isinstance(nonce, str) and isinstance(verb, str) and isinstance(arguments, dict)) or len(nonce) > 64:
        return None
    return Request(nonce, verb, arguments)
