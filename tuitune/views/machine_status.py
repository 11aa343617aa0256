"""Where this is: the folder, the machine, and who uses its GPUs. Knows nothing of Textual."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuitune.paths import data_home, user_home
from tuitune.units import bytes_text

if TYPE_CHECKING:
    from tuitune.hardware.gpus import Gpu
    from tuitune.hardware.host import Host

_AGAIN_SECONDS = 5.0


def folder() -> str:
    """The data folder, with ~ for the home folder."""
    path = data_home()
    home = user_home()
    return f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)


class MachineStatus:
    """This machine, looked at again every five seconds at most."""

    def __init__(self) -> None:
        from tuitune.hardware.gpus import GpuSampler

        self._sampler = GpuSampler()
        self._described = ("", "")
        self._due = 0.0

    def describe(self) -> tuple[str, str]:
        """`box · NVIDIA H200 138.1 GB of 139.8 GB free`, without a GPU the processors and the memory; and who uses the
        GPUs, "" where nobody does. Never raises.
        """
        from tuitune.hardware.host import host

        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _AGAIN_SECONDS
            gpus = self._sampler.sample()
            unseen = "" if self._sampler.certain else self._sampler.reason
            self._described = machine_text(host(), gpus, unseen), users_text(gpus)
        return self._described


def machine_text(host: Host, gpus: Sequence[Gpu], unseen: str = "") -> str:
    """The machine in a few words; `unseen` says why a GPU that may be there is not seen."""
    if not gpus:
        memory = f"{bytes_text(host.memory_available)} of {bytes_text(host.memory_total)} free"
        return f"{host.hostname} · {unseen or 'no GPU'} · {host.cpu_count} CPUs, {memory}"
    total = sum(gpu.memory_total or 0 for gpu in gpus)
    names = ", ".join(sorted({gpu.name for gpu in gpus}))
    many = f"{len(gpus)} × " if len(gpus) > 1 else ""
    free = sum(gpu.memory_free or 0 for gpu in gpus)
    memory = f", {bytes_text(free)} of {bytes_text(total)} free" if total else ""
    return f"{host.hostname} · {many}{names}{memory}"


def users_text(gpus: Sequence[Gpu]) -> str:
    """`GPU 0 anna: python, 23.1 GB · GPU 1 me: the run triage, 8.1 GB`; GPUs that nobody uses are left out."""
    from tuitune.hardware import occupancy

    used = [(gpu.index, occupancy.users_text(gpu)) for gpu in gpus]
    return " · ".join(f"GPU {index} {users}" for index, users in used if users)
