"""The order that makes a save survive a loss of power, checked on a trace of system calls.

Before a directory takes a final name (a checkpoint, the adapter), every file in it and the directory itself are on
disk. Before the first byte of an older checkpoint goes, the directory that holds the new name is on disk too. What
failed to be written or synced once is never trusted again, however often it is synced after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.tools.tracing import Call

_WRITERS = ("write", "pwrite64", "writev", "pwritev", "ftruncate", "copy_file_range", "sendfile", "fallocate")
_REMOVERS = ("unlink", "unlinkat", "rmdir")
_MAKERS = ("mkdir", "mkdirat")


@dataclass
class Verdict:
    """What was found: commits and removals in their order, how many files were synced for them, and every breach.

    Distrusted are the commits whose directory could not be synced: nobody may rely on them.
    """

    commits: list[str] = field(default_factory=list)
    distrusted: list[str] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)
    synced: int = 0
    breaches: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        result = "; ".join(self.breaches) or "none"
        return (
            f"commits: {', '.join(self.commits) or 'none'} · removed after: {', '.join(self.removals) or 'none'} · "
            f"{self.synced} files and directories on disk before their rename · breaches: {result}"
        )


class _Disk:
    """What of the run directory is not on disk yet, as the calls go by."""

    def __init__(self, root: Path) -> None:
        self.verdict = Verdict()
        self._root = str(root)
        self._final = re.compile(re.escape(str(root)) + r"/(checkpoints/step-\d+|adapter|model)")
        self._known: set[str] = set()
        self._dirty: set[str] = set()
        self._tainted: set[str] = set()
        self._unsettled: dict[str, None] = {}
        self._settled: list[str] = []
        self._distrusted: list[str] = []

    def take(self, call: Call) -> None:
        if not call.paths or not call.paths[-1].startswith(self._root):
            return
        path = call.paths[0]
        match call.name:
            case "openat":
                self._opened(call, path)
            case name if name in _WRITERS:
                self._changed(path) if call.done else self._tainted.add(path)
            case "fsync" | "fdatasync":
                self._synced(path) if call.done else self._not_synced(path)
            case name if name in _MAKERS and call.done:
                self._created(path)
            case name if name in _REMOVERS and call.done:
                self._removing(path)
                self._forget(path)
            case "rename" | "renameat" | "renameat2" if call.done:
                self._renamed(*call.paths)

    def _opened(self, call: Call, path: str) -> None:
        fresh = "O_TRUNC" in call.arguments or "O_EXCL" in call.arguments
        if call.done and (fresh or ("O_CREAT" in call.arguments and path not in self._known)):
            self._created(path)

    def _created(self, path: str) -> None:
        self._tainted.discard(path)
        self._known.add(path)
        self._dirty |= {path, _parent(path)}

    def _changed(self, path: str) -> None:
        self._known.add(path)
        self._dirty.add(path)

    def _synced(self, path: str) -> None:
        if path not in self._tainted:
            self._dirty.discard(path)
        self._settled += self._take_unsettled(path)

    def _not_synced(self, path: str) -> None:
        """A name whose directory could not be synced may be lost; names made in that directory later are not."""
        if path in (self._root, f"{self._root}/checkpoints"):
            lost = self._take_unsettled(path)
            self._distrusted += lost
            self.verdict.distrusted += map(_short, lost)
        else:
            self._tainted.add(path)

    def _take_unsettled(self, parent: str) -> list[str]:
        taken = [final for final in self._unsettled if _parent(final) == parent]
        self._unsettled = {final: None for final in self._unsettled if final not in taken}
        return taken

    def _renamed(self, source: str, target: str) -> None:
        self._removing(source)
        if self._final.fullmatch(target):
            self._committed(source, target)
        for names in (self._known, self._dirty, self._tainted):
            moved = {name for name in names if name == source or name.startswith(source + "/")}
            names -= moved
            names |= {target + name[len(source) :] for name in moved}
        self._dirty |= {_parent(source), _parent(target)}

    def _committed(self, source: str, target: str) -> None:
        files = sorted(name for name in self._known if name == source or name.startswith(source + "/"))
        for name in files:
            if name in self._tainted:
                self.verdict.breaches.append(f"{_short(target)} committed with {_short(name)}, which failed before")
            elif name in self._dirty:
                self.verdict.breaches.append(f"{_short(target)} committed before {_short(name)} was on disk")
            else:
                self.verdict.synced += 1
        self.verdict.commits.append(_short(target))
        self._unsettled[target] = None

    def _removing(self, path: str) -> None:
        """Something goes away; where it is a committed checkpoint, a newer one has to be there for good."""
        if not (matched := self._final.match(path)) or "checkpoints" not in matched[0]:
            return
        gone = matched[0]
        newer = [final for final in self._settled if "checkpoints" in final and _step(final) > _step(gone)]
        breach = f"{_short(gone)} went before a newer one was on disk for good"
        if gone not in self._distrusted and not newer and breach not in self.verdict.breaches:
            self.verdict.breaches.append(breach)
        if path == gone:
            self.verdict.removals.append(_short(gone))

    def close(self) -> None:
        """Nothing more comes: every name that was given has to be on disk."""
        left = [f"the directory of {_short(final)} was never synced" for final in self._unsettled]
        self.verdict.breaches += left

    def _forget(self, path: str) -> None:
        for names in (self._known, self._dirty, self._tainted):
            names.discard(path)
        self._dirty.add(_parent(path))


def judge(found: Iterable[Call], root: Path) -> Verdict:
    """The verdict on a trace of everything that was written below a run's directory."""
    disk = _Disk(root)
    for call in found:
        disk.take(call)
    disk.close()
    return disk.verdict


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])


def _step(path: str) -> int:
    return int(path.rpartition("-")[2])
