"""The engine as its supervisor holds it: started in a process group of its own, told to stop, cleared away."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tuitune.runs import files, identity
from tuitune.runs.directory import Run

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 2.0
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
    return [sys.executable, "-P", "-m", "tuitune.engine", "train", str(run.path)]


def engine_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the engine sees of the environment: all that was inherited, without what makes loading a file unsafe.

    Secrets such as HF_TOKEN reach the engine this way and no other.
    """
    kept = {name: value for name, value in inherited.items() if name not in _DANGEROUS}
    return {**_DEFAULTS, **kept, **_SETTLED}


class EngineProcess:
    """A running engine, whose output goes to the run's log. OSError or SubprocessError where it cannot be started."""

    def __init__(self, run: Run, command: Sequence[str]) -> None:
        log = files.open_regular(run.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=run.path,
                env=engine_environment(os.environ),
                umask=0o077,
                process_group=0,
                preexec_fn=_end_with_parent(),
            )
        finally:
            os.close(log)
        self._handle = os.pidfd_open(self._process.pid)
        self._exit = select.poll()
        self._exit.register(self._handle, select.POLLIN)
        self.identity = identity.of(self._process.pid)

    def exited_within(self, seconds: float) -> bool:
        """Sleep until the engine has exited, at most `seconds`; whether it has."""
        return bool(self._exit.poll(seconds * 1000))

    def stop(self) -> None:
        """Ask the engine to save and end at its next step."""
        signal.pidfd_send_signal(self._handle, signal.SIGTERM)

    def clear_away(self) -> int:
        """After the engine has exited: kill what it left in its process group; its return code, negative for a signal.

        What is left has a moment to leave by itself. The engine is waited for last: until then its pid, which is also
        the group's, cannot come to mean another process.
        """
        group = self._process.pid
        deadline = time.monotonic() + _GRACE_SECONDS
        while identity.group_members(group):
            if time.monotonic() > deadline:
                os.killpg(group, signal.SIGKILL)
                break
            time.sleep(0.05)
        os.close(self._handle)
        return self._process.wait()


def _end_with_parent() -> Callable[[], None]:
    """What the engine does between fork and exec: have the kernel send it SIGTERM when this process dies.

    This process is looked for again afterwards, for it may have died just before.
    """
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
