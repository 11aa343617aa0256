"""`tuitune queue`: the queued runs and the devices, and what the verbs on them share."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any

from tuitune.cli.arguments import Parser, add_verbs
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json, say_table
from tuitune.hardware.gpus import GpuSampler
from tuitune.hardware.occupancy import title
from tuitune.problem import TuituneError
from tuitune.runs.queue import slots
from tuitune.runs.read.state import derive
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import Run, find

_VERBS = {
    "queue.move": "move a queued run",
    "queue.edit": "change settings of a queued run before it starts",
    "queue.remove": "take a run out of the queue; it is kept and can be resumed",
}


def arguments(parser: Parser) -> None:
    parser.take("--json")
    add_verbs(parser, _VERBS)


def queue(options: argparse.Namespace) -> int:
    """The waiting runs in order with what each waits for, then the devices that are held and by which run."""
    found = _document()
    if options.json:
        say_json(found)
        return Exit.DONE
    if found["waiting"]:
        rows = [(str(run["place"]), run["id"], run["name"], run["device"], run["reason"]) for run in found["waiting"]]
        say_table(("PLACE", "ID", "NAME", "DEVICE", "REASON"), rows, right=(0,))
    else:
        note("no run is queued")
    if found["waiting"] and found["holders"]:
        say("")
    if found["holders"]:
        held = [(device["label"], device["id"], device["name"]) for device in found["holders"]]
        say_table(("DEVICE", "HELD BY", "NAME"), held)
    return Exit.DONE


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
        say_json(_document())
    else:
        say(text)
    return Exit.DONE


def _document() -> dict[str, Any]:
    """The waiting runs in order, and which run holds which device: the document of `--json`."""
    from tuitune.runs.queue import order

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
