"""What the machine is doing: its GPUs with this run's share of them, or its processors and memory where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from textual.content import Content
from textual.message import Message
from textual.worker import get_current_worker

from tuitune.hardware.gpus import Gpu, Sampler
from tuitune.hardware.host import Host, host, process_memory
from tuitune.runs.identity import Identity, alive
from tuitune.text import clean
from tuitune.tui.widgets.bars import gauge, joined, labelled
from tuitune.tui.widgets.rows import Rows
from tuitune.units import bytes_text

INTERVAL = 1.0
_PATIENCE = 0.2


@dataclass(frozen=True)
class Reading:
    """The machine at one moment. `ours`: bytes of main memory of the run's process tree; `family`: that tree's pids."""

    gpus: Sequence[Gpu] = ()
    reason: str = ""
    host: Host | None = None
    ours: int | None = None
    family: frozenset[int] = frozenset()


def read_machine(sampler: Sampler, engine: Identity | None) -> Reading:
    """Look once. Takes milliseconds; on a machine whose driver sleeps, seconds: not for an event loop."""
    found = sampler.sample()
    pid = engine.pid if engine is not None and alive(engine) else None
    return Reading(
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

    DEFAULT_CSS = "GpuPanel { height: 1fr; }"

    class Sampled(Message):
        """A reading from the thread."""

        def __init__(self, reading: Reading) -> None:
            super().__init__()
            self.reading = reading

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.engine: Identity | None = None
        self.peak: float | None = None
        self.reading: Reading | None = None
        self._stopped = Event()

    def on_mount(self) -> None:
        self.run_worker(self._watch, thread=True, exit_on_error=False)

    def on_unmount(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        worker, sampler = get_current_worker(), Sampler()
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
            self.show_lines(machine_lines(self.reading, self.size.width, self.peak))


def machine_lines(reading: Reading, width: int, peak: float | None) -> list[Content]:
    """The panel at `width` cells. `peak`: the most memory that the run says it held."""
    if reading.gpus:
        return [line for gpu in reading.gpus for line in _gpu_lines(gpu, reading, width, peak)]
    lines = [Content.styled(f"no GPU: {clean(reading.reason)}" if reading.reason else "no GPU", "$faint")]
    if reading.host is not None:
        lines += _host_lines(reading.host, reading, width, peak)
    return lines


def machine_line(reading: Reading | None, peak: float | None) -> Content:
    """The machine in one line, for where there is no room for the panel."""
    if reading is None:
        return Content("")
    if reading.gpus:
        gpu = reading.gpus[0]
        used = f"{bytes_text(gpu.memory_used)} of {bytes_text(gpu.memory_total)}"
        return joined(
            [labelled(f"GPU {gpu.index}", _percent(gpu.utilization)), labelled("memory", used), *_climate(gpu)]
        )
    figures = [labelled("CPU", _percent(reading.host.cpu_percent)) if reading.host else None]
    if reading.ours is not None:
        figures.append(labelled("memory", bytes_text(reading.ours)))
    if peak:
        figures.append(labelled("peak", bytes_text(peak)))
    return joined([*figures, ("no GPU", "$faint")])


def _gpu_lines(gpu: Gpu, reading: Reading, width: int, peak: float | None) -> list[Content]:
    ours = sum(process.memory or 0 for process in gpu.processes if process.pid in reading.family)
    name = clean(gpu.name, limit=40)
    used, total = gpu.memory_used, gpu.memory_total
    lines = [_spread(joined([(f"GPU {gpu.index}", "bold"), name]), joined(_climate(gpu)), width)]
    if total and used is not None:
        share = min(ours, used) / total
        bar = gauge([(share, "━", "$accent"), (used / total - share, "─", "$faint")], max(width // 2 - 9, 8))
        figures = f"{bytes_text(used)} / {bytes_text(total)}"
        lines.append(_spread(Content.assemble(("memory   ", "$faint"), bar), Content(figures), width))
    else:
        lines.append(labelled("memory", "n/a"))
    if gpu.utilization is not None:
        bar = gauge([(gpu.utilization / 100, "━", "$ok")], max(width // 2 - 9, 8))
        lines.append(_spread(Content.assemble(("busy     ", "$faint"), bar), Content(_percent(gpu.utilization)), width))
    shares = [
        labelled("this run", bytes_text(ours)) if ours else None,
        labelled("peak", bytes_text(peak)) if peak else None,
    ]
    if any(shares):
        lines.append(joined(shares))
    return lines


def _climate(gpu: Gpu) -> list[Content]:
    figures = []
    if gpu.temperature is not None:
        figures.append(Content(f"{gpu.temperature:.0f} °C"))
    if gpu.power is not None:
        figures.append(Content(f"{gpu.power:.0f} W" + (f" / {gpu.power_limit:.0f} W" if gpu.power_limit else "")))
    return figures


def _host_lines(machine: Host, reading: Reading, width: int, peak: float | None) -> list[Content]:
    room = max(width // 2 - 9, 8)
    used = machine.memory_total - machine.memory_available
    ours = min(reading.ours or 0, used) / machine.memory_total
    busy = (machine.cpu_percent or 0.0) / 100
    cores = f"{_percent(machine.cpu_percent)} of {machine.cpu_count} cores"
    memory = [(ours, "━", "$accent"), (used / machine.memory_total - ours, "─", "$faint")]
    lines = [
        _spread(Content.assemble(("CPU      ", "$faint"), gauge([(busy, "━", "$ok")], room)), Content(cores), width),
        _spread(
            Content.assemble(("memory   ", "$faint"), gauge(memory, room)),
            Content(f"{bytes_text(used)} / {bytes_text(machine.memory_total)}"),
            width,
        ),
    ]
    run = bytes_text(reading.ours) if reading.ours is not None else "not running here"
    lines.append(_spread(labelled("this run", run), labelled("peak", bytes_text(peak)) if peak else Content(""), width))
    return lines


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:3.0f} %"


def _spread(left: Content, right: Content, width: int) -> Content:
    """`left` and `right` at either end of a line; without `right` where both do not fit."""
    gap = width - left.cell_length - right.cell_length
    return Content.assemble(left, " " * gap, right) if gap > 0 else left
