"""Processes forked off this one, which cost milliseconds: some die when they write or sync for the n-th time."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SURVIVED = 99
MODES = ("before", "torn", "after")


def forked(act: Callable[[], int], output: Path) -> int:
    """Run `act` in a process of its own, in a session of its own, with its output in a file; what it returned."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(fd, 1)
            os.dup2(fd, 2)
            sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - this process has no other end
            code = act()
            sys.stderr.flush()
            os._exit(code)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(SURVIVED)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die_at(point: int, mode: str, act: Callable[[Callable[[str], None]], Any]) -> tuple[list[str], bool]:
    """Run `act` in a process that is killed at its `point`-th write or sync: before, in the middle of it, or after.

    `act` is given a function by which it tells what it was told is done. What it told, and whether it survived.
    """
    ear, mouth = os.pipe()
    pid = os.fork()
    if pid == 0:
        write = os.write
        _arm(point, mode)
        try:
            act(lambda word: write(mouth, word.encode() + b"\n") and None)
        finally:
            os._exit(SURVIVED)
    os.close(mouth)
    with open(ear) as told:
        words = told.read().split()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (SURVIVED, -signal.SIGKILL)
    return words, status == SURVIVED


def _arm(point: int, mode: str) -> None:
    left, write, sync = [point], os.write, os.fdatasync

    def here() -> bool:
        left[0] -= 1
        return left[0] == 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def deadly_write(fd: int, content: bytes) -> int:
        now = here()
        if now and mode == "before":
            die()
        written = write(fd, content[: len(content) // 2] if now and mode == "torn" else content)
        if now:
            die()
        return written

    def deadly_sync(fd: int) -> None:
        now = here()
        if now and mode == "before":
            die()
        sync(fd)
        if now:
            die()

    os.write, os.fdatasync, os.fsync = deadly_write, deadly_sync, deadly_sync  # type: ignore[assignment]
