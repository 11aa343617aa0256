"""A supervisor's side of the log filter: the pipe that the engine prints into, and the process that empties it."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tuitune.log_filter import start_filter
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run

_ROOM = 1 << 20
"""Bytes that the engine can print before it has to wait for the filter."""

_SETTLING_SECONDS = 2.0


class FilteredLog:
    """The log of `run` with a filter before it. OSError or SubprocessError where the filter cannot be started.

    The pipe stays open here, so that an engine does not print into nothing while a filter that died is replaced.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._exit, self._entrance = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):
            fcntl.fcntl(self._entrance, fcntl.F_SETPIPE_SZ, _ROOM)
        try:
            self._filter = self._start()
        except BaseException:
            os.close(self._exit)
            os.close(self._entrance)
            raise

    @contextmanager
    def entrance(self) -> Iterator[int]:
        """The descriptor for an engine to print into; closed here after the block, so that the engine alone has it."""
        try:
            yield self._entrance
        finally:
            os.close(self._entrance)

    def keep_alive(self) -> None:
        """Replace a filter that was killed. Never raises."""
        if self._filter.poll():
            with suppress(OSError, subprocess.SubprocessError):
                self._filter = self._start()

    def settle(self) -> None:
        """After the engine is gone: wait until its last words are in the log, unless somebody it left still prints."""
        self.keep_alive()
        with suppress(subprocess.TimeoutExpired):
            self._filter.wait(_SETTLING_SECONDS)
        os.close(self._exit)

    def _start(self) -> subprocess.Popen[bytes]:
        log = files.open_regular(self._run.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            return start_filter(self._exit, log)
        finally:
            os.close(log)
