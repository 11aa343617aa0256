"""What the machine is doing: its GPUs with this run's share of them, or its processors and memory where it has none."""

from __future__ import annotations

from time import sleep

from textual.worker import get_current_worker

from tuitune.hardware.gpus import GpuSampler
from tuitune.hardware.host import host, process_memory
from tuitune.runs.store.identity import Identity, alive
from tuitune.tui.monitor.machine_lines import MachineReading, machine_lines
from tuitune.tui.widgets.rows import Rows

INTERVAL = 1.0
_PATIENCE = 0.2


def read_machine(sampler: GpuSampler, engine: Identity | None) -> MachineReading:
    """Look once. Takes milliseconds; on a machine whose driver sleeps, seconds: not for an event loop."""
    found = sampler.sample()
    pid = engine.pid if engine is not None and alive(engine) else None
    return MachineReading(
        gpus=tuple(found),
        reason=sampler.reason,
        host=host(),
        ours=process_memory(pid) if pid is not None else None,
        family=_family(pid) if pid is not None and found else frozenset(),
    )


def _family(pid: int) -> frozenset[int]:
    import psutil

    try:
        return frozenset([pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))])
    except psutil.Error:
        return frozenset([pid])


class GpuPanel(Rows, can_focus=True):
    """Samples the machine in a thread while it is shown, and draws it."""

    DEFAULT_CSS = "GpuPanel { height: auto; min-height: 4; }"

    def __init__(self) -> None:
        super().__init__()
        self.engine: Identity | None = None
        self.peak: float | None = None
        self.device: str | None = None
        self.reading: MachineReading | None = None

    def on_mount(self) -> None:
        self.run_worker(self._watch, thread=True, exit_on_error=False)

    def _watch(self) -> None:
        worker, sampler = get_current_worker(), GpuSampler()
        while not worker.is_cancelled:
            self.call_later(self._take, read_machine(sampler, self.engine))
            for _ in range(round(INTERVAL / _PATIENCE)):
                if not worker.is_cancelled:
                    sleep(_PATIENCE)

    def _take(self, reading: MachineReading) -> None:
        self.reading = reading
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        if self.reading is not None and self.size.width:
            self.show_lines(machine_lines(self.reading, self.size.width, self.peak, self.device))
