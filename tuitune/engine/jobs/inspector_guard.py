"""The inspector: asked over JSON lines, it passes each request to a worker and answers itself where that dies.

A chat template is a foreign program: one that cannot be interrupted takes its process with it. This one imports
nothing heavy, has the next worker ready, and never leaves a request without a reply.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any

from tuitune.pipes import readable

_WORKER = (sys.executable, "-P", "-m", "tuitune.engine", "inspect", "--worker")
_SIGN_OF_LIFE_SECONDS = 1.0


def guard(requests: IO[bytes], replies: IO[bytes]) -> int:
    """Pass requests on until there are none left."""
    worker = _Worker()
    worker.start()
    opened: bytes | None = None
    try:
        for line in requests:
            request = _request(line)
            opening = request.get("op") == "open"
            if opening or opened is not None:
                answer = worker.ask(line, request.get("id"), replies)
                if opening:
                    opened = line if answer is not None and _request(answer).get("ok") else None
                if answer is None:
                    answer = _refused(request, worker.obituary())
                    worker.start(opened)
            else:
                answer = _refused(request, "no recipe is open")
            _pass_on(answer, replies)
    finally:
        worker.end()
    return 0


def _refused(request: dict[str, Any], error: str) -> bytes:
    return json.dumps({"id": request.get("id"), "ok": False, "error": error}).encode()


class _Worker:
    """The process that does the work, and the next one after it died."""

    def start(self, first: bytes | None = None) -> None:
        """Start one, with a first request that nobody waits for."""
        self._process = subprocess.Popen(_WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._received = b""
        if first is not None:
            self._send(first)

    def ask(self, line: bytes, number: Any, replies: IO[bytes]) -> bytes | None:
        """The worker's reply to a request; None where it died. What it does meanwhile is passed on at once."""
        self._send(line)
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        while True:
            while b"\n" in self._received:
                reply, _, self._received = self._received.partition(b"\n")
                found = _request(reply)
                if "phase" in found:
                    _pass_on(reply, replies)
                elif found.get("id") == number and "ok" in found:
                    return reply
            if not readable(output, _SIGN_OF_LIFE_SECONDS):
                _pass_on(b'{"phase": "working"}', replies)
                continue
            piece = os.read(output, 1 << 20)
            if not piece:
                return None
            self._received += piece

    def obituary(self) -> str:
        """How the worker ended, in words."""
        code = self._process.wait()
        if code == -signal.SIGVTALRM:
            return "the chat template ran for more than 2 s on one row and was stopped"
        if code in (-signal.SIGKILL, -signal.SIGABRT):
            return "the inspector's worker was killed, probably out of memory"
        return f"the inspector's worker ended with exit code {code}"

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            view = memoryview(line)
            while view:
                view = view[self._process.stdin.write(view) or 0 :]


def _pass_on(line: bytes, replies: IO[bytes]) -> None:
    replies.write(line + b"\n")
    replies.flush()


def _request(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
