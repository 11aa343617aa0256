"""What lies in a run's control spool: requests, and files that are none. The supervisor's side of `control`.

A file counts as a request only as a plain file of this user with one name, of at most 64 KiB, that names a known verb
with arguments of the right shape. How old it says it is does not matter.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuitune.runs.store import files
from tuitune.runs.store.directory import Run

SIZE_LIMIT = 1 << 16
_FILE = re.compile(r"([A-Za-z0-9_-]{1,64})\.json")
_AT_ONCE = 64

_SHAPES: Mapping[str, Mapping[str, type]] = {
    "stop": {},
    "pause": {},
    "kill": {"now": bool},
    "checkpoint": {},
    "evaluate": {},
    "sample": {"prompt": str},
    "tune": {"changes": dict},
    "edit": {"changes": dict},
}
_NEEDED = {"tune": "changes", "edit": "changes"}

VERBS = frozenset(_SHAPES)


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


def misshapen(verb: str, arguments: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of a known verb; "" where nothing is."""
    shape = _SHAPES[verb]
    for name, value in arguments.items():
        if name not in shape:
            known = f"it takes {', '.join(shape)}" if shape else "it takes none"
            return f"{verb} has no argument {str(name)!r:.40}; {known}"
        if type(value) is not shape[name]:
            return f"{verb}: the argument {name} is of a wrong type"
    needed = _NEEDED.get(verb)
    return f"{verb} needs {needed}" if needed and not arguments.get(needed) else ""


def pending(run: Run, answered: Collection[str] = ()) -> list[Request | Refusal]:
    """The requests that wait, oldest first, and the files that are none; at most 64 at a time. Never raises.

    Files of a nonce in `answered` are passed over.
    """
    try:
        spool = os.open(run.control, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        names = [name for name in os.listdir(spool) if _nonce(name, answered)]  # noqa: PTH208 - of the open directory
        return [_read(spool, name) for name in sorted(names, key=lambda name: (_age(spool, name), name))[:_AT_ONCE]]
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


def _nonce(name: str, answered: Collection[str]) -> bool:
    return name.endswith(".json") and not name.startswith(".") and name.removesuffix(".json") not in answered


def _age(spool: int, name: str) -> int:
    try:
        return os.stat(name, dir_fd=spool, follow_symlinks=False).st_mtime_ns
    except OSError:
        return 0


def _read(spool: int, name: str) -> Request | Refusal:
    nonce = name.removesuffix(".json")
    try:
        return Request(nonce, *_parsed(_content(spool, name)))
    except OSError as error:
        return Refusal(nonce, f"not a request: {error.strerror}")
    except ValueError as error:
        return Refusal(nonce, str(error))


def _content(spool: int, name: str) -> bytes:
    """What a file says; OSError or ValueError where it is not to be trusted."""
    if not _FILE.fullmatch(name):
        raise ValueError("its name is not a nonce")
    with open(files.open_regular(name, os.O_RDONLY, directory=spool), "rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid != os.geteuid():
            raise ValueError(f"not a request: it belongs to user {found.st_uid}")
        if found.st_nlink > 1:
            raise ValueError("not a request: it has another hard link")
        content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise ValueError(f"not a request: longer than {SIZE_LIMIT} bytes")
    return content


def _parsed(content: bytes) -> tuple[str, dict[str, Any]]:
    """The verb and its arguments; ValueError where it is no request."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("not a request: not JSON") from None
    if not isinstance(record, dict) or not isinstance(record.get("arguments", {}), dict):
        raise ValueError("not a request: not an object with arguments")
    verb, arguments = record.get("verb"), record.get("arguments", {})
    if not isinstance(verb, str) or verb not in VERBS:
        raise ValueError(f"unknown request {verb!r:.40}")
    if wrong := misshapen(verb, arguments):
        raise ValueError(wrong)
    return verb, arguments
