"""What the machine is doing: its GPUs with this run's share of them, or its processors and memory where it has none."""

from __future__ import annotations

from threading import Event

from textual.message import Message
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

    class Sampled(Message):
        """A reading from the thread."""

        def __init__(self, reading: MachineReading) -> None:
            super().__init__()
            self.reading = reading

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.engine: Identity | None = None
        self.peak: float | None = None
        self.device: str | None = None
        self.reading: MachineReading | None = None
        self._stopped = Event()

    def on_mount(self) -> None:
        self.run_worker(self._watch, thread=True, exit_on_error=False)

    def on_unmount(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        worker, sampler = get_current_worker(), GpuSampler()
        while not worker.is_cancelled and not self._stopped.is_set():
            self.post_message(self.Sampled(read_machine(sampler, self.engine)))
            for _ in range(round(INTERVAL / _PATIENCE)):
                if worker.is_cancelled or self._stopped.wait(_PATIENCE):
                    return

    def on_gpu_panel_sampled(self, event: Sampled) -> None:
        event.stop()
        self.reading = event.reading
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        if self.reading is not None and self.size.width:
            self.show_lines(machine_lines(self.reading, self.size.width, self.peak, self.device))
