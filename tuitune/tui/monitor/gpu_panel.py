"""What the machine is doing: its GPUs with this run's share of them, or its processors and memory where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import sleep

from textual.content import Content
from textual.worker import get_current_worker

from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.hardware.host import Host, host, process_memory
from tuitune.hardware.occupancy import users_text
from tuitune.runs.store.identity import Identity, alive
from tuitune.text import clean
from tuitune.tui.widgets.bars import gauge, joined, labelled
from tuitune.tui.widgets.rows import Rows
from tuitune.units import bytes_text

INTERVAL = 1.0
_PATIENCE = 0.2
_LABEL = 9


@dataclass(frozen=True)
class MachineReading:
    """The machine at one moment. `ours`: bytes of main memory of the run's process tree; `family`: that tree's pids."""

    gpus: Sequence[Gpu] = ()
    reason: str = ""
    host: Host | None = None
    ours: int | None = None
    family: frozenset[int] = frozenset()


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

    @property
    def line(self) -> Content:
        """The machine in one line, for where there is no room for the panel."""
        return machine_line(self.reading, self.peak, self.device)

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        if self.reading is not None and self.size.width:
            self.show_lines(machine_lines(self.reading, self.size.width, self.peak, self.device))


def machine_lines(reading: MachineReading, width: int, peak: float | None, device: str | None = None) -> list[Content]:
    """The panel at `width` cells: the run's GPU whole, the others in a line each.

    `peak`: the most memory that the run says it held; `device`: the UUID of the GPU it was given, None before that.
    """
    if reading.gpus:
        whole = _run_gpu(reading, device)
        return [
            line
            for gpu in sorted(reading.gpus, key=lambda gpu: gpu is not whole)
            for line in (_gpu_lines(gpu, reading, width, peak) if gpu is whole else [_gpu_line(gpu, reading)])
        ]
    lines = [Content.styled(f"no GPU: {clean(reading.reason)}" if reading.reason else "no GPU", "$faint")]
    if reading.host is not None:
        lines += _host_lines(reading.host, reading, width, peak)
    return lines


def machine_line(reading: MachineReading | None, peak: float | None, device: str | None = None) -> Content:
    """The machine in one line, for where there is no room for the panel."""
    if reading is None:
        return Content("")
    if reading.gpus:
        gpu = _run_gpu(reading, device) or reading.gpus[0]
        used = f"{bytes_text(gpu.memory_used)} of {bytes_text(gpu.memory_total)}"
        figures = [labelled(f"GPU {gpu.index}", _percent(gpu.utilization)), labelled("memory", used)]
        return joined([*figures, *_others(gpu, reading), *_climate(gpu)])
    figures = [labelled("CPU", _percent(reading.host.cpu_percent))] if reading.host else []
    if reading.ours is not None:
        figures.append(labelled("memory", bytes_text(reading.ours)))
    if peak:
        figures.append(labelled("peak", bytes_text(_most(peak, reading))))
    return joined([*figures, ("no GPU", "$faint")])


def _run_gpu(reading: MachineReading, device: str | None) -> Gpu | None:
    """The GPU the run is on: the one it was given, else one that its processes use, else the only one."""
    given = [gpu for gpu in reading.gpus if device is not None and gpu.uuid == device]
    used = [gpu for gpu in reading.gpus if _ours(gpu, reading)]
    return next(iter(given or used or (reading.gpus if len(reading.gpus) == 1 else ())), None)


def _ours(gpu: Gpu, reading: MachineReading) -> int:
    return sum(process.memory or 0 for process in gpu.processes if process.pid in reading.family)


def _others(gpu: Gpu, reading: MachineReading) -> list[Content]:
    """Who else is at work on a GPU; empty where nobody is.

    What nobody claims is somebody's who is hidden from here, unless the run itself is: in a container it may be.
    """
    foreign = tuple(process for process in gpu.processes if process.pid not in reading.family)
    seen = not reading.family or any(_ours(other, reading) for other in reading.gpus)
    rest = gpu.memory_used - _ours(gpu, reading) if seen and gpu.memory_used is not None else None
    words = users_text(replace(gpu, processes=foreign, memory_used=rest))
    return [Content.styled(words, "$warn")] if words else []


def _gpu_lines(gpu: Gpu, reading: MachineReading, width: int, peak: float | None) -> list[Content]:
    ours = _ours(gpu, reading)
    used, total = gpu.memory_used, gpu.memory_total
    lines = [_spread(joined([(f"GPU {gpu.index}", "bold"), clean(gpu.name, limit=40)]), joined(_climate(gpu)), width)]
    if total and used is not None:
        share = min(ours, used) / total
        parts = [(share, "━", "$accent"), (used / total - share, "─", "$faint")]
        lines.append(_bar("memory", parts, f"{bytes_text(used)} / {bytes_text(total)}", width))
    else:
        lines.append(labelled("memory", "n/a"))
    if gpu.utilization is not None:
        lines.append(_bar("busy", [(gpu.utilization / 100, "━", "$ok")], _percent(gpu.utilization), width))
    shares = [
        labelled("this run", bytes_text(ours)) if ours else None,
        labelled("peak", bytes_text(peak)) if peak else None,
    ]
    if any(shares):
        lines.append(joined(shares))
    lines += [labelled("others", others) for others in _others(gpu, reading)]
    return lines


def _gpu_line(gpu: Gpu, reading: MachineReading) -> Content:
    """A GPU the run is not on: how full and how busy it is, and with whose programs."""
    used = f"{bytes_text(gpu.memory_used)} / {bytes_text(gpu.memory_total)}" if gpu.memory_total else "memory n/a"
    busy = f"{_percent(gpu.utilization)} busy" if gpu.utilization is not None else None
    return joined([labelled(f"GPU {gpu.index}", used), *_others(gpu, reading), busy])


def _climate(gpu: Gpu) -> list[Content]:
    figures = []
    if gpu.temperature is not None:
        figures.append(Content(f"{gpu.temperature:.0f} °C"))
    if gpu.power is not None:
        figures.append(Content(f"{gpu.power:.0f} W" + (f" / {gpu.power_limit:.0f} W" if gpu.power_limit else "")))
    return figures


def _host_lines(machine: Host, reading: MachineReading, width: int, peak: float | None) -> list[Content]:
    used = machine.memory_total - machine.memory_available
    ours = min(reading.ours or 0, used) / machine.memory_total
    busy = (machine.cpu_percent or 0.0) / 100
    cores = f"{_percent(machine.cpu_percent)} of {machine.cpu_count} cores"
    memory = [(ours, "━", "$accent"), (used / machine.memory_total - ours, "─", "$faint")]
    run = bytes_text(reading.ours) if reading.ours is not None else "no process on this machine"
    highest = labelled("peak", bytes_text(_most(peak, reading))) if peak else Content("")
    return [
        _bar("CPU", [(busy, "━", "$ok")], cores, width),
        _bar("memory", memory, f"{bytes_text(used)} / {bytes_text(machine.memory_total)}", width),
        _spread(labelled("this run", run), highest, width),
    ]


def _most(peak: float, reading: MachineReading) -> float:
    """The run's peak in main memory: its engine's own says nothing of the supervisor, which `ours` counts too."""
    return max(peak, reading.ours or 0)


def _bar(label: str, parts: list[tuple[float, str, str]], figures: str, width: int) -> Content:
    bar = Content.assemble((label.ljust(_LABEL), "$faint"), gauge(parts, max(width // 2 - _LABEL, 8)))
    return _spread(bar, Content(figures), width)


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:3.0f} %"


def _spread(left: Content, right: Content, width: int) -> Content:
    """`left` and `right` at either end of a line; without `right` where both do not fit."""
    gap = width - left.cell_length - right.cell_length
    return Content.assemble(left, " " * gap, right) if gap > 0 else left
