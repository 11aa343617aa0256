"""The process's side of a task: what is wanted of it, how far it is, and how it ended."""

from __future__ import annotations

import hashlib
import resource
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import psutil

from tuitune.problem import TuituneError
from tuitune.text import clean, redact

_EVERY_SECONDS = 0.1
_LEAST_MEMORY = 4 << 30


class TaskReport:
    """What the process of a task reads and writes in its folder.

    `wanted` is what was asked of it. Once it is read, the file keeps it without what looks like a credential.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        asked = (folder / "wanted.json").read_text()
        self.wanted: dict[str, Any] = orjson.loads(asked)
        if (kept := redact(asked)) != asked:
            write_whole(folder / "wanted.json", kept.encode())
        self._shown: tuple[str, float] = ("", 0.0)

    def progress(self, text: str, done: int = 0, total: int | None = None, unit: str = "rows") -> None:
        """Say what is being done and how far it is. May be called for every row: few of the calls reach the disk."""
        said, at = self._shown
        if text == said and time.monotonic() - at < _EVERY_SECONDS:
            return
        self._write("working", text=redact(text), done=done, total=total, unit=unit)
        self._shown = (text, time.monotonic())

    def done(self, result: Mapping[str, Any]) -> None:
        content = orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS)
        write_whole(self.folder / "result.json", content)
        self._write("done", digest=digest(content))

    def failed(self, error: str) -> None:
        self._write("failed", error=clean(redact(error), limit=2000, newlines=True))

    def _write(self, state: str, **more: Any) -> None:
        write_whole(self.folder / "progress.json", orjson.dumps({"state": state, **more}))


def carry_out(folder: Path, work: Callable[[TaskReport], Mapping[str, Any]]) -> int:
    """Do the work of a task and write down its result, or why there is none: in words for what was refused and for
    want of memory, with a traceback in the log for anything else. The exit code is 1 where it failed.
    """
    report = TaskReport(folder)
    limit = limit_memory()
    try:
        report.done(work(report))
        return 0
    except TuituneError as error:
        report.failed(str(error))
    except MemoryError:
        report.failed(f"needs more than the {limit / (1 << 30):.0f} GiB of memory that a data task may take")
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        report.failed(f"{type(error).__name__}: {error}")
    return 1


def limit_memory(wanted: int = 0) -> int:
    """Hold this process to so many bytes, else half of the machine's memory, so that a bomb ends it alone."""
    wanted = wanted or max(_LEAST_MEMORY, psutil.virtual_memory().total // 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = min([wanted, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    return limit


def digest(content: bytes) -> str:
    """What tells a result from a damaged one."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Create or replace a file of a task in one step: a reader sees the old content or the new, never a part."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(content)
    draft.replace(path)
