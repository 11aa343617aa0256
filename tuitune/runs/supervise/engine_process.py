"""The engine as its supervisor holds it: started in a process group of its own, told things, signalled, waited for."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from tuitune.log_filter import start_filter
from tuitune.orphans import end_with
from tuitune.runs.store import files, identity
from tuitune.runs.store.directory import Run

MARK = "TUITUNE_ENGINE_OF"
"""The environment variable by which the processes that an engine left behind are known to be its run's."""

_BACKLOG_LIMIT = 1 << 20
_PIPE_SIZE = 1 << 20
"""Bytes that the engine can print before it has to wait for the filter."""

_SETTLING_SECONDS = 2.0
_DANGEROUS = ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "PYTHONINSPECT", "PYTHONSTARTUP", "PYTHONBREAKPOINT")
_DEFAULTS = {"TOKENIZERS_PARALLELISM": "true", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
_SETTLED = {
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONFAULTHANDLER": "1",
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


def engine_command(run: Run) -> list[str]:
    return [sys.executable, "-P", "-m", "tuitune.engine", "train", str(run.path), "--listen"]


class EngineProcess:
    """A running engine, whose output goes to the run's log, without secrets, and which hears us on its standard input.

    It sees our environment, without what makes loading a file unsafe, and with `extra`; secrets such as HF_TOKEN reach
    it this way and no other. OSError or SubprocessError where it cannot be started.
    """

    def __init__(self, run: Run, command: Sequence[str], extra: Mapping[str, str] | None = None) -> None:
        self._log = _FilteredLog(run)
        ear, self._mouth = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._mouth, False)
        self._backlog = b""
        inherited = {name: value for name, value in os.environ.items() if name not in _DANGEROUS}
        try:
            with self._log.entrance() as entrance:
                self._process = subprocess.Popen(
                    command,
                    stdin=ear,
                    stdout=entrance,
                    stderr=entrance,
                    cwd=run.path,
                    env={**_DEFAULTS, **inherited, **_SETTLED, **(extra or {}), MARK: run.id},
                    umask=0o077,
                    process_group=0,
                    preexec_fn=partial(end_with, os.getpid(), signal.SIGTERM),
                )
        except BaseException:
            os.close(self._mouth)
            self._log.settle()
            raise
        finally:
            os.close(ear)
        self._handle = os.pidfd_open(self._process.pid)
        self._exit = select.poll()
        self._exit.register(self._handle, select.POLLIN)
        self.identity = identity.of(self._process.pid)

    def exited_within(self, seconds: float) -> bool:
        """Sleep until the engine has exited, at most `seconds`; whether it has. What it was told goes out meanwhile."""
        self._utter()
        self._log.keep_alive()
        return bool(self._exit.poll(seconds * 1000))

    def tell(self, record: Mapping[str, Any]) -> bool:
        """Write a record to the engine's standard input, as one line, without waiting for it to be read.

        False where the engine does not read any more, or has not read for very long.
        """
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        if len(self._backlog) + len(line) > _BACKLOG_LIMIT:
            return False
        self._backlog += line
        return self._utter()

    def _utter(self) -> bool:
        """Write of the backlog what the pipe takes; False where nobody reads it any more."""
        try:
            while self._backlog:
                self._backlog = self._backlog[os.write(self._mouth, self._backlog) :]
        except BlockingIOError:
            return True
        except OSError:
            self._backlog = b""
            return False
        return True

    def stop(self) -> None:
        """Ask the engine to save and end at its next step."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGTERM)

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the engine and all that it started. It is not waited for yet, so its pid is still its own."""
        group = self._process.pid
        with suppress(OSError):
            if group >= 2 and os.getpgid(group) == group:
                os.killpg(group, number)

    def group_is_empty(self) -> bool:
        """Whether nothing of the engine's process group is left, the engine itself included."""
        return not identity.group_members(self._process.pid)

    def wait(self) -> int:
        """After the engine has exited and nothing is left of its group: its return code, negative for a signal."""
        os.close(self._handle)
        os.close(self._mouth)
        code = self._process.wait()
        self._log.settle()
        return code


class _FilteredLog:
    """The pipe that the engine prints into, and the process that filters what goes from there into the run's log. The
    pipe stays open here, so that an engine does not print into nothing while a filter that died is replaced.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._exit, self._entrance = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):
            fcntl.fcntl(self._entrance, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
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
        with files.opened(self._run.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as log:
            return start_filter(self._exit, log)
