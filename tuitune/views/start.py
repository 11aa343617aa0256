"""When a run would start if it were launched now. Knows nothing of Textual."""

from __future__ import annotations

from tuitune.hardware.gpus import PATIENCE
from tuitune.paths import runs_home
from tuitune.recipe.sections.hardware import HardwareSection
from tuitune.runs.queue import order
from tuitune.runs.queue.slots import Busy, Slots
from tuitune.runs.store.directory import Run


def when(hardware: HardwareSection) -> str:
    """`now, on GPU 0 (NVIDIA H200)`, or what it waits for and behind how many. Never raises; may take seconds."""
    free = Slots(Run(runs_home() / "new"), hardware, PATIENCE).free()
    ahead = len(order.waiting())
    waiting = "1 queued run" if ahead == 1 else f"{ahead:,} queued runs"
    if isinstance(free, Busy):
        return f"later: {free.reason}" + (f"; behind {waiting}" if ahead else "")
    place = f"the {free[0].label}" if free[0].card is None else free[0].label
    return f"on {place}, unless a queued run takes it first ({ahead:,} ahead)" if ahead else f"now, on {place}"
