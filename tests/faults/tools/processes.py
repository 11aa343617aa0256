"""The processes of a run: which there are, what their command lines say, and what they listen on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.runs.harness import events
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, read_record
from tuitune.runs.store.identity import Identity

_LISTENING = 0x00010000
_TCP_LISTEN, _UDP_BOUND = "0A", "07"


def recorded(run: Run) -> list[int]:
    """The supervisor and the engine, as far as they are alive."""
    known = [read_record(run.owner_file), *(event.get("identity") for event in events(run, "engine"))]
    return [found.pid for found in map(Identity.from_record, known) if found and identity.alive(found)]


def of_run(run: Run) -> list[int]:
    """The same and all that they have started."""
    return sorted({pid for root in recorded(run) for pid in (root, *descendants(root))})


def descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, _text(task).split()):
            yield child
            yield from descendants(child)


def started_with(text: str) -> list[int]:
    """The pids of the processes that have `text` in their command line, this one aside."""
    return [pid for pid, line in command_lines().items() if text in line and pid != os.getpid()]


def command_lines() -> dict[int, str]:
    """The command line of every process there is."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {pid: _text(Path(f"/proc/{pid}/cmdline")).replace("\0", " ") for pid in pids}


def doors(pids: Iterable[int]) -> list[str]:
    """Everything by which these processes could be reached: TCP and UDP ports, listening and abstract Unix sockets."""
    open_sockets = {_socket(link) for pid in pids for link in _links(pid)}
    return [door for inode, door in _doors() if inode in open_sockets]


def _doors() -> Iterator[tuple[str, str]]:
    """Inode and description of every door of this machine."""
    for kind, state in (("tcp", _TCP_LISTEN), ("tcp6", _TCP_LISTEN), ("udp", _UDP_BOUND), ("udp6", _UDP_BOUND)):
        for line in _text(Path("/proc/net") / kind).splitlines()[1:]:
            fields = line.split()
            if fields[3] == state:
                yield fields[9], f"{kind} {fields[1]}"
    for line in _text(Path("/proc/net/unix")).splitlines()[1:]:
        _, _, _, flags, _, _, inode, *path = line.split()
        if int(flags, 16) & _LISTENING or (path and path[0].startswith("@")):
            yield inode, f"unix {' '.join(path)}".rstrip()


def _links(pid: int) -> Iterator[str]:
    try:
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            yield str(entry.readlink())
        except OSError:
            continue


def _socket(link: str) -> str:
    return link.removeprefix("socket:[").removesuffix("]") if link.startswith("socket:[") else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
