"""Verbs on the queue of runs that wait for a device: queue, queue move, queue edit, queue remove."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any

from tuitune.cli.asking import ask, message_of
from tuitune.cli.changes import changed
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.output import note, say, say_json, say_table
from tuitune.problem import TuituneError
from tuitune.runs.queue import order, slots
from tuitune.runs.read.state import derive
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import Run, find

_END = 1 << 30


def show(options: argparse.Namespace) -> int:
    """The waiting runs in order with what each waits for, then the devices that are held and by which run."""
    found = _queue()
    if options.json:
        say_json(found)
        return 0
    if found["waiting"]:
        say_table(("PLACE", "ID", "NAME", "DEVICE", "REASON"), [_row(entry) for entry in found["waiting"]], right=(0,))
    else:
        note("no run is queued")
    if found["waiting"] and found["holders"]:
        say("")
    if found["holders"]:
        rows = [(held["label"], held["id"], held["name"]) for held in found["holders"]]
        say_table(("DEVICE", "HELD BY", "NAME"), rows)
    return 0


def move(options: argparse.Namespace) -> int:
    run = _waiting(options.run)
    place, of, _ = order.turn(run)
    wanted = {"first": 1, "last": _END, "up": max(place - 1, 1), "down": place + 1}.get(options.place, options.place)
    reached = order.move(run, wanted)
    return _tell(options, f"{run.name} is number {reached} of {max(of, reached)} in the queue")


def edit(options: argparse.Namespace) -> int:
    run = _waiting(options.run)
    changes = changed(run, options.overrides)
    answer = ask(run, "edit", {"changes": changes})
    if answer is None:
        raise TuituneError(f"{run.name} is no longer queued: it is {derive(run)[0]}")
    return _tell(options, f"{run.name}: {message_of(answer)}")


def remove(options: argparse.Namespace) -> int:
    run = _waiting(options.run)
    ask(run, "stop")
    if follow_to_rest(run, quiet=True) == 130:
        return 130
    if summarize(run).state != "stopped":
        raise TuituneError(f"{run.name} has already left the queue: it is {summarize(run).state}")
    return _tell(options, f"{run.name} has left the queue; `tuitune resume {run.id}` puts it back at the end")


def _waiting(reference: str) -> Run:
    run = find(reference)
    state, _ = derive(run)
    if state != "queued":
        hint = "; `tuitune tune` changes a run while it trains" if state == "training" else ""
        raise TuituneError(f"{run.name} is not in the queue: it is {state}{hint}")
    return run


def _tell(options: argparse.Namespace, text: str) -> int:
    if options.json:
        say_json(_queue())
    else:
        say(text)
    return 0


def _queue() -> dict[str, Any]:
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
    from tuitune.hardware.gpus import Sampler
    from tuitune.hardware.occupancy import title

    return {**cpu, **{gpu.uuid or str(gpu.index): title(gpu) for gpu in Sampler().sample()}}


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


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return str(entry["place"]), entry["id"], entry["name"], entry["device"], entry["reason"]
