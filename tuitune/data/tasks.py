"""Long work over data as a process of its own: started, looked at, left, cancelled and found again.

A task is a folder of the cache, named by what is wanted and of what: `wanted.json` says what to do, `progress.json` how
far it is, `result.json` what came out, `log.txt` what the process printed, without secrets. Its process holds the
folder's lock, so one that was killed is known to be gone. Whoever looks needs nothing but the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from tuitune import __version__, plain
from tuitune.data import task_lock
from tuitune.data.task_report import digest, write_whole
from tuitune.log_filter import start_filter
from tuitune.paths import data_home, private_directory
from tuitune.problem import TuituneError
from tuitune.text import last_line

KEPT = 50
"""Task folders that stay in the cache; the oldest go first, and none that is at work."""

_SETTING = re.compile(r"(data|model|cleaning)\.[a-z_]+: ")
_END_SECONDS = 5.0
_POLL_SECONDS = 0.005
_LAST_WORDS = 4096


@dataclass(frozen=True)
class Progress:
    """How far a task is: `done` of `total` units (None where the total is unknown), and `text` for what is being done.

    `result` is there once it is done; `error` says why it failed. A process that was killed or vanished has failed.
    """

    state: Literal["working", "done", "failed"]
    text: str = ""
    done: int = 0
    total: int | None = None
    unit: str = "rows"
    result: dict[str, Any] | None = None
    error: str = ""

    @property
    def refused(self) -> bool:
        """Whether it failed for what was wanted, by the setting that its error names, and would fail again."""
        return self.state == "failed" and _SETTING.match(self.error) is not None


class Task:
    """A task by its folder. Any number of viewers may look at one; a viewer that goes away changes nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._progress = Progress("working", "starting")

    def look(self) -> Progress:
        """How far it is now. Cheap enough to be called several times a second; never waits."""
        if self._progress.state != "working":
            return self._progress
        at_work = task_lock.holder(self.folder) is not None
        self._read()
        if self._progress.state == "working" and not at_work and _is_settled(self.folder / "log.txt"):
            self._progress = Progress("failed", error=self._obituary())
        return self._progress

    def cancel(self) -> None:
        """End the process, where one is at work, and everything it began, and remove what a task leaves unfinished.

        Waits for their end: a moment, five seconds at most.
        """
        if self.look().state == "done":
            return
        if pid := task_lock.holder(self.folder):
            _end(pid, self.folder)
        with suppress(OSError):
            _remove(self.folder)
        self._progress = Progress("failed", error="was cancelled")

    def _read(self) -> None:
        try:
            record = orjson.loads(_content(self.folder / "progress.json"))
            result = self._result(record.pop("digest")) if record["state"] == "done" else None
            self._progress = Progress(**record, result=result)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return

    def _result(self, expected: str) -> dict[str, Any]:
        """What came out; ValueError where it is no longer what was written."""
        content = _content(self.folder / "result.json")
        if digest(content) != expected:
            raise ValueError("damaged")
        return dict(orjson.loads(content))

    def _obituary(self) -> str:
        if not self.folder.is_dir():
            return "was cancelled"
        with suppress(OSError):
            if words := last_line(_content(self.folder / "log.txt", last=_LAST_WORDS), limit=300):
                return f"its process ended before it was done: {words}"
        return "its process was killed before it was done, perhaps for lack of memory"


def begin(kind: str, wanted: Mapping[str, Any], stamps: Iterable[str] = (), *, module: str = "tuitune.data") -> Task:
    """The task that does `wanted`: one that is done or at work already, else a process started for it.

    The process is `python -m MODULE KIND FOLDER`, apart from this one's session and terminal. `stamps` tell the state
    of the data (`sources.names.stamp`): where they differ it is another task. TuituneError where none can be started.
    """
    try:
        folder = private_directory(_folder(kind, wanted, stamps))
        lock = _lock_of(folder)
        if lock is None:
            return Task(folder)
        try:
            os.utime(folder)
            if Task(folder).look().state != "done":
                _start(kind, wanted, folder, module, lock)
        finally:
            os.close(lock)
        _sweep(folder.parent)
    except OSError as error:
        raise TuituneError(f"{kind}: cannot be started: {error.strerror or error}") from error
    return Task(folder)


def find(kind: str, wanted: Mapping[str, Any], stamps: Iterable[str] = ()) -> Task | None:
    """The task that `begin` would find at work or done; None where there is none."""
    folder = _folder(kind, wanted, stamps)
    return Task(folder) if folder.is_dir() else None


def _lock_of(folder: Path) -> int | None:
    """The lock of a task's folder; None where a process works in it. One that has failed is waited for: it holds the
    lock while it ends.
    """
    deadline = time.monotonic() + _END_SECONDS
    while (lock := task_lock.take(folder)) is None and Task(folder).look().state == "failed":
        if time.monotonic() > deadline:
            return None
        time.sleep(_POLL_SECONDS)
    return lock


def _content(path: Path, last: int = 0) -> bytes:
    """A file of a task, or so many of its last bytes; OSError where it is a link, a pipe or a folder."""
    with open(plain.opened(path, links=False), "rb") as file:
        if last:
            file.seek(max(0, os.fstat(file.fileno()).st_size - last))
        return file.read()


def _folder(kind: str, wanted: Mapping[str, Any], stamps: Iterable[str]) -> Path:
    text = json.dumps([wanted, list(stamps), __version__], sort_keys=True, default=str)
    name = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
    return data_home() / "cache" / "data" / f"{kind}-{name}"


def _start(kind: str, wanted: Mapping[str, Any], folder: Path, module: str, lock: int) -> None:
    _empty(folder)
    write_whole(folder / "wanted.json", json.dumps(wanted, default=str).encode())
    write_whole(folder / "progress.json", orjson.dumps({"state": "working", "text": "starting"}))
    source, entrance = os.pipe2(os.O_CLOEXEC)
    try:
        with (folder / "log.txt").open("wb") as log:
            fcntl.flock(log, fcntl.LOCK_EX)  # the filter's, which inherits it, until everything printed is there
            log_filter = start_filter(source, log.fileno())
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, kind, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=entrance,
            stderr=entrance,
            pass_fds=(lock,),
            umask=0o077,
            start_new_session=True,
        )
    finally:
        os.close(source)
        os.close(entrance)
    task_lock.name_holder(lock, process.pid)
    for child in (process, log_filter):
        threading.Thread(target=child.wait, name=f"reap {kind}", daemon=True).start()


def _end(pid: int, folder: Path) -> None:
    """Kill the process group that works in the folder, if it still does, and wait until its lock is free of it."""
    if task_lock.holder(folder) == pid and pid != os.getpgrp():
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + _END_SECONDS
    while task_lock.holder(folder) is not None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _is_settled(log: Path) -> bool:
    """Whether all that a process printed is in its log."""
    try:
        with open(plain.opened(log, links=False), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _empty(folder: Path) -> None:
    """Remove everything but the lock."""
    for entry in folder.iterdir():
        if entry.name == task_lock.NAME:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _remove(folder: Path) -> None:
    lock = task_lock.take(folder)
    if lock is not None:
        shutil.rmtree(folder)
        os.close(lock)


def _sweep(home: Path) -> None:
    folders = sorted(home.iterdir(), key=lambda folder: folder.lstat().st_mtime, reverse=True)
    for folder in folders[KEPT:]:
        with suppress(OSError):
            _remove(folder)
