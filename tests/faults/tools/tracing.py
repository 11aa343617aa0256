"""System calls of a process: traced with strace, parsed, and made to fail or to kill at a chosen one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TRACED = (
    *("openat", "write", "pwrite64", "writev", "pwritev", "ftruncate", "copy_file_range", "sendfile", "fallocate"),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
)
WRITES = ("write", "writev", "pwrite64", "ftruncate", "openat", "mkdir")
SYNCS = ("fsync", "fdatasync")

_LINE = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)(?P<rest>.*)")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FD = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")
_ATTACH_SECONDS = 20.0


@dataclass(frozen=True)
class Call:
    """One system call: `paths` are absolute, those of its descriptors before those it names; `nth` counts the calls of
    this name in its thread, from 1."""

    thread: int
    name: str
    nth: int
    arguments: str
    paths: tuple[str, ...]
    error: str

    @property
    def done(self) -> bool:
        return not self.error


@cache
def unavailable() -> str:
    """Why nothing can be traced here; "" where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True)
    return "" if probe.returncode == 0 else f"tracing is not permitted here: {probe.stderr.strip()[:200]}"


needs_tracing = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")


@contextmanager
def traced(pid: int, output: Path, *options: str) -> Iterator[None]:
    """Trace a process that holds still, and its threads and children, from the start of the block to its end; the block
    begins with the process let go."""
    _wait_until(pid, lambda status: "State:\tT" in status)
    command = ["strace", "-f", "-y", "-s", "0", "-o", str(output), "-e", f"trace={','.join(TRACED)}", *options]
    tracer = subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    _wait_until(pid, lambda status: "TracerPid:\t0\n" not in status)
    os.kill(pid, signal.SIGCONT)
    try:
        yield
    finally:
        if tracer.poll() is None:
            tracer.wait(_ATTACH_SECONDS)


def _wait_until(pid: int, condition: Callable[[str], bool]) -> None:
    deadline = time.monotonic() + _ATTACH_SECONDS
    while not condition(Path(f"/proc/{pid}/status").read_text()):
        assert time.monotonic() < deadline, f"strace and process {pid} do not come together"
        time.sleep(0.002)


def inject(name: str, nth: int, what: str, *, and_all_after: bool = False) -> tuple[str, str]:
    """strace's option to have the `nth` call of a name fail (`what` is "error=ENOSPC") or kill ("signal=KILL")."""
    return "-e", f"inject={name}:{what}:when={nth}{'+' if and_all_after else ''}"


def calls(output: Path) -> list[Call]:
    """The calls of a trace in the order in which they returned."""
    counts: dict[tuple[str, str], int] = {}
    started: dict[tuple[str, str], str] = {}
    found = []
    for line in output.read_text(errors="replace").splitlines():
        if " <unfinished ...>" in line:
            thread, _, begun = line.partition(" ")
            started[thread, begun.strip().partition("(")[0]] = line.replace(" <unfinished ...>", "")
            continue
        if resumed := re.match(r"(\d+) +<\.\.\. (\w+) resumed>(.*)", line):
            line = started.pop((resumed[1], resumed[2]), "") + resumed[3]
        if parsed := _LINE.match(line):
            key = (parsed["thread"], parsed["name"])
            counts[key] = counts.get(key, 0) + 1
            found.append(_call(parsed, counts[key]))
    return found


def _call(parsed: re.Match[str], nth: int) -> Call:
    arguments = parsed["arguments"]
    folders = _FD.findall(arguments)
    names = [re.sub(r"\\(.)", r"\1", name) for name in _TEXT.findall(_FD.sub("", arguments))]
    if parsed["name"] in ("write", "pwrite64", "writev", "pwritev"):
        names = []
    folders = folders or ["/"]
    named = [os.path.normpath(Path(folders[min(at, len(folders) - 1)], name)) for at, name in enumerate(names)]
    failed = re.match(r" (E[A-Z]+)", parsed["rest"])
    error = failed[1] if failed and parsed["result"] == "-1" else ""
    return Call(int(parsed["thread"]), parsed["name"], nth, arguments, tuple(named or folders), error)


def below(found: Sequence[Call], root: Path) -> list[Call]:
    """The calls about something below `root`."""
    return [call for call in found if any(path.startswith(str(root)) for path in call.paths)]
