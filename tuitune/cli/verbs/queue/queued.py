"""The queue as its verbs read and tell it."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any

from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say, say_json
from tuitune.problem import TuituneError
from tuitune.runs.queue import order, slots
from tuitune.runs.read.state import derive
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import Run, find


def find_queued(reference: str) -> Run:
    """The run that is meant; TuituneError where it is not queued."""
    run = find(reference)
    state, _ = derive(run)
    if state != "queued":
        hint = "; `tuitune tune` changes a run while it trains" if state == "training" else ""
        raise TuituneError(f"{run.name} is not in the queue: it is {state}{hint}")
    return run


def tell(options: argparse.Namespace, text: str) -> int:
    """What was done, or with `--json` the queue as it is now; the verb's exit code."""
    if options.json:
        say_json(document())
    else:
        say(text)
    return Exit.DONE


def document() -> dict[str, Any]:
    """The waiting runs in order, and which run holds which device: the document of `--json`."""
    held = slots.holders()
    labels = _labels(held)
    return {
        "waiting": [_entry(place, run) for place, run in enumerate(order.waiting(), 1)],
        "holders": [
            {"device": device, "label": labels.get(device, device), "id": run["run"], "name": run["name"]}
            for device, run in held.items()
        ],
    }


def _labels(devices: Collection[str]) -> dict[str, str]:
    """What people call the devices; the driver is asked only where one of them is a GPU."""
    cpu = {device: "CPU" for device in devices if slots.is_cpu(device)}
    if len(cpu) == len(devices):
        return cpu
    from tuitune.hardware.gpus import GpuSampler
    from tuitune.hardware.occupancy import title

    return {**cpu, **{gpu.uuid or str(gpu.index): title(gpu) for gpu in GpuSampler().sample()}}


def _entry(place: int, run: Run) -> dict[str, Any]:
    summary = summarize(run)
    hardware = summary.recipe.get("hardware", {})
    return {
        "place": place,
        "id": run.id,
        "name": run.name,
        "directory": str(run.path),
        "device": hardware.get("gpu", "auto"),
        "share": hardware.get("share", False),
        "reason": summary.reason,
    }
