"""The file of the queue, `queue.json` in the home: which runs wait, in order, and for what."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tuitune import paths
from tuitune.runs.store import files, identity, lease
from tuitune.runs.store.directory import Run, list_runs, read_record
from tuitune.runs.store.identity import Identity

ANY = "*"
"""Stands among the devices of an entry for all of them, until the process that waits says which."""

PATIENTLY = 2.0
"""Seconds to wait for another process that is changing the queue, where it is not done again soon."""

_SIZE_LIMIT = 1 << 20


@dataclass(frozen=True)
class Entry:
    """A waiting run: the name of its directory, the devices it would take, whether beside the programs of others, and
    the process that waits for it.
    """

    run: str
    devices: tuple[str, ...]
    share: bool
    owner: Identity

    @classmethod
    def from_record(cls, record: object) -> Entry | None:
        """The entry that a JSON object describes; None where it is none."""
        if not isinstance(record, dict):
            return None
        run, devices, share = record.get("run"), record.get("devices"), record.get("share")
        owner = Identity.from_record(record.get("owner"))
        if not isinstance(run, str) or not isinstance(devices, list) or not isinstance(share, bool) or owner is None:
            return None
        entry = cls(run, tuple(map(str, devices)), share, owner)
        return entry if entry.found.path.name == run != entry.found.id else None

    @property
    def found(self) -> Run:
        return Run(paths.runs_home() / self.run.replace("/", "_"))

    @property
    def is_here(self) -> bool:
        """Whether it waits on this machine: a home may be shared by several."""
        return self.owner.host == identity.host()


def read() -> list[Entry]:
    """Who waits, in order; where the file is damaged, all who wait, in the order of their making. Never raises."""
    entries = _entries()
    living: dict[str, Entry] = {}
    for entry in _rebuilt() if entries is None else entries:
        if not entry.is_here or identity.alive(entry.owner):  # of another machine's process nobody can tell from here
            living.setdefault(entry.run, entry)
    return list(living.values())


@contextmanager
def changing(seconds: float) -> Iterator[list[Entry]]:
    """The queue, alone, to change in place: what is in the list after the block is written. Takes out who is dead.

    Waits up to `seconds` for another process that is changing it, then raises OSError, as where it cannot be written.
    """
    with lease.alone("queue.lock", seconds, "another process is changing the queue"):
        before = read()
        entries = list(before)
        yield entries
        if entries != before or not is_sound():
            files.clear_drafts(_file().parent)
            record = {"v": 1, "runs": [asdict(entry) for entry in entries]}
            files.write_whole(_file(), json.dumps(record, indent=1).encode() + b"\n")


def enter(run: Run, owner: Identity) -> None:
    """Put a run at the end of the queue before it is known for what it waits: runs get their turn in the order in which
    they were started, however long each takes to read its recipe. One that cannot enters with its first attempt. Never
    raises.
    """
    with suppress(OSError), changing(PATIENTLY) as entries:
        entries.append(Entry(run.path.name, (ANY,), False, owner))


def leave(run: Run) -> None:
    """Take a run out of the queue; nothing where it is not in it. Never raises."""
    if not is_sound():
        return
    with suppress(OSError), changing(PATIENTLY) as entries:
        entries[:] = [entry for entry in entries if entry.run != run.path.name]


def version() -> list[int]:
    """Something that changes whenever the file does."""
    return files.stamp(_file())


def _file() -> Path:
    return paths.data_home() / "queue.json"


def is_sound() -> bool:
    """Whether there is nothing wrong with the file."""
    return _entries() is not None


def _entries() -> list[Entry] | None:
    """What stands in the file; None where it is damaged, or another user's."""
    try:
        owner, record = _file().lstat().st_uid, json.loads(files.read_bytes(_file(), _SIZE_LIMIT))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError):
        return None
    runs = record.get("runs") if isinstance(record, dict) and owner == os.geteuid() else None
    return list(filter(None, map(Entry.from_record, runs))) if isinstance(runs, list) else None


def _rebuilt() -> list[Entry]:
    """Every run of this home that waits on this machine; its own process will soon say for what."""
    from tuitune.runs.read.state import derive

    entries = []
    for run in reversed(list_runs()):
        owner = Identity.from_record(read_record(run.owner_file))
        if owner and owner.host == identity.host() and identity.alive(owner) and derive(run)[0] == "queued":
            entries.append(Entry(run.path.name, (ANY,), False, owner))
    return entries
