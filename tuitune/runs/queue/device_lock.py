"""The lock on a device, with a note of who holds it; free once its holder is dead.

It is two locks at once. The one in the user's runtime folder is shared by all homes (`TUITUNE_HOME`) of the user; a
logout may take that folder away from under a running run, and so there is one in the home as well.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from tuitune import paths
from tuitune.problem import TuituneError
from tuitune.runs.store import files, identity, lease
from tuitune.runs.store.directory import Run, read_record

_INSTANT = 0.05
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class DeviceLock:
    """The lock on `device` ("cpu" or a GPU's UUID) of this machine."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._name = _UNSAFE.sub("_", f"{identity.host()}-{device}")[:128]
        self._held: list[tuple[Path, BaseFileLock]] = []

    def acquire(self) -> bool:
        """Take it; False where another process holds it for longer than somebody who only looks whether it is free.

        TuituneError where this user has no place for locks at all.
        """
        refusals = []
        for folder in _folders():
            try:
                lock = FileLock(_private(folder) / f"{self._name}.lock", mode=0o600, thread_local=False)
                lock.acquire(timeout=_INSTANT, poll_interval=_INSTANT / 5)
            except Timeout:
                self.release()
                return False
            except OSError as error:
                refusals.append(str(error))
            else:
                self._held.append((folder, lock))
        if not self._held:
            reason = "; ".join(refusals)
            raise TuituneError(f"devices cannot be leased: {reason}; set XDG_RUNTIME_DIR to a folder of yours")
        return True

    def release(self) -> None:
        """Give it up. Never raises."""
        for _, lock in self._held:
            with suppress(OSError):
                lock.release()
        self._held = []

    def is_held(self) -> bool:
        """Whether a process holds it, this one or another."""
        return any(lease.is_locked(folder / f"{self._name}.lock") for folder in _own_folders())

    def note(self, run: Run) -> None:
        """Leave word, while it is held, of who holds it: see `holder`."""
        record = {"device": self.device, "run": run.id, "name": run.name, "directory": str(run.path)}
        for folder, _ in self._held:
            with suppress(OSError):
                files.write_whole(folder / f"{self._name}.json", json.dumps(record).encode())

    def forget(self) -> None:
        """Take that word back."""
        for folder, _ in self._held:
            with suppress(OSError):
                (folder / f"{self._name}.json").unlink(missing_ok=True)

    def holder(self) -> Run | None:
        """Who left word last; one that was killed could not take it back, so it counts only while the lock is held."""
        for folder in _own_folders():
            directory = read_record(folder / f"{self._name}.json").get("directory")
            if directory and Path(directory).is_absolute() and "\0" not in directory:
                return Run(Path(directory))
        return None


def noted_devices() -> list[str]:
    """The devices of this machine of which somebody has left word."""
    found = (read_record(file).get("device") for folder in _own_folders() for file in folder.glob("*.json"))
    return sorted(set(filter(None, found)))


def _folders() -> Iterator[Path]:
    yield _runtime_folder()
    yield paths.data_home() / "devices"


def _runtime_folder() -> Path:
    """A folder of the user's that all homes share, also where the environment (of cron, or of sudo) names none."""
    configured, me = Path(os.environ.get("XDG_RUNTIME_DIR", "")), os.geteuid()
    if configured.is_absolute():
        with suppress(OSError):
            configured.mkdir(mode=0o700, exist_ok=True)
        if _is_mine(configured):
            return configured / "tuitune"
    usual = Path(f"/run/user/{me}")
    return usual / "tuitune" if _is_mine(usual) else Path(f"/tmp/tuitune-{me}")


def _own_folders() -> list[Path]:
    """Those of them that are there and belong to this user; a link is none."""
    return [folder for folder in _folders() if not folder.is_symlink() and _is_mine(folder)]


def _is_mine(folder: Path) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _private(folder: Path) -> Path:
    """The folder, made if it is missing; OSError where it is a link, or not this user's alone and cannot be made so."""
    paths.private_directory(folder)
    if folder.is_symlink() or not _is_mine(folder):
        raise OSError(errno.EPERM, "not a folder of this user", str(folder))
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder
