"""The control spool: the one door through which a running run is told something.

A request is a small JSON file, `control/<nonce>.json`, renamed into place: `{"v": 1, "verb": "stop", "arguments": {}}`.
The supervisor takes it up within half a second and answers with an `acknowledged` event that bears the nonce.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuitune.problem import TuituneError
from tuitune.runs import files
from tuitune.runs.directory import Run
from tuitune.runs.state import ENDED, derive

VERBS = frozenset({"stop"})
SIZE_LIMIT = 4096
_FILE = re.compile(r"([A-Za-z0-9_-]{1,64})\.json")
_AT_ONCE = 64


@dataclass(frozen=True)
class Request:
    """Something asked of a run; `nonce` names this one request, which is carried out once."""

    nonce: str
    verb: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A file in the spool that is no request, and why."""

    nonce: str
    message: str


def request(run: Run, verb: str, arguments: Mapping[str, Any] | None = None) -> str:
    """Ask the run's supervisor for something; the nonce to look for in the events.

    TuituneError where the verb is unknown, the run has ended or its directory cannot be written.
    """
    if verb not in VERBS:
        raise TuituneError(f"unknown request {verb!r}; known: {', '.join(sorted(VERBS))}")
    state, _ = derive(run)
    if state in ENDED:
        raise TuituneError(f"run {run.name} ({run.id}) cannot be asked to {verb}: it is {state}")
    nonce = secrets.token_hex(16)
    content = json.dumps({"v": 1, "verb": verb, "arguments": dict(arguments or {})}).encode()
    if len(content) > SIZE_LIMIT:
        raise TuituneError(f"a request of {len(content)} bytes; the limit is {SIZE_LIMIT}")
    try:
        files.write_whole(run.control / f"{nonce}.json", content)
    except OSError as error:
        raise TuituneError(f"run {run.name} ({run.id}) cannot be asked to {verb}: {error.strerror}") from error
    return nonce


def pending(run: Run) -> list[Request | Refusal]:
    """The requests that wait, oldest first, and the files that are none; at most 64 at a time. Never raises.

    A request counts only as a plain file of this user, at most 4 KiB long, with a known verb.
    """
    try:
        spool = os.open(run.control, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        names = [name for name in os.listdir(spool) if name.endswith(".json")]  # noqa: PTH208 - of the open directory
        return [_read(spool, name) for name in sorted(names, key=lambda name: _age(spool, name))[:_AT_ONCE]]
    except OSError:
        return []
    finally:
        os.close(spool)


def discard(run: Run, nonce: str) -> bool:
    """Take a request out of the spool, once it is answered; whether that could be done."""
    try:
        (run.control / f"{nonce}.json").unlink()
    except OSError:
        return False
    return True


def _age(spool: int, name: str) -> int:
    try:
        return os.stat(name, dir_fd=spool, follow_symlinks=False).st_mtime_ns
    except OSError:
        return 0


def _read(spool: int, name: str) -> Request | Refusal:
    nonce = name.removesuffix(".json")
    if not _FILE.fullmatch(name):
        return Refusal(nonce, "its name is not a nonce")
    try:
        owner = os.stat(name, dir_fd=spool, follow_symlinks=False).st_uid
        content = files.read_bytes(name, SIZE_LIMIT, directory=spool)
    except OSError as error:
        return Refusal(nonce, f"not a request: {error.strerror}")
    if owner != os.geteuid():
        return Refusal(nonce, f"not a request: it belongs to user {owner}")
    return _parse(nonce, content)


def _parse(nonce: str, content: bytes) -> Request | Refusal:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return Refusal(nonce, "not a request: not JSON")
    if not isinstance(record, dict) or not isinstance(record.get("arguments", {}), dict):
        return Refusal(nonce, "not a request: not an object with arguments")
    verb = record.get("verb")
    if not isinstance(verb, str) or verb not in VERBS:
        return Refusal(nonce, f"unknown request {verb!r:.40}")
    return Request(nonce, verb, record.get("arguments", {}))
