"""Verbs about this machine: models, gpus, doctor."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from tuitune.cli.output import note, say, say_json, say_pairs, say_table
from tuitune.units import bytes_text, count_text

if TYPE_CHECKING:
    from tuitune.hardware.gpus import Gpu


def models(options: argparse.Namespace) -> int:
    from tuitune.hardware.models import find_models

    entries = find_models()
    if options.json:
        say_json([asdict(entry) | {"path": str(entry.path)} for entry in entries])
        return 0
    headings = ("MODEL", "KIND", "PARAMETERS", "SIZE", "DTYPE", "LICENCE")
    rows = [
        (
            entry.id,
            entry.kind,
            count_text(entry.parameters),
            bytes_text(entry.bytes),
            entry.dtype or "–",
            entry.licence or "–",
        )
        for entry in entries
    ]
    say_table(headings, rows, right=(2, 3))
    return 0


def gpus(options: argparse.Namespace) -> int:
    from tuitune.hardware.gpus import Sampler

    sampler = Sampler()
    found = sampler.sample()
    if options.json:
        say_json([asdict(gpu) for gpu in found])
    elif not found:
        note(f"no GPU: {sampler.reason}")
    else:
        headings = ("GPU", "NAME", "MEMORY", "FREE", "UTIL", "TEMP", "POWER", "USED BY")
        say_table(headings, [_gpu_row(gpu) for gpu in found], right=(0, 2, 3, 4, 5, 6))
    return 0


def _gpu_row(gpu: Gpu) -> tuple[str, ...]:
    users = (
        ", ".join(f"{process.user or '?'}:{process.pid} {bytes_text(process.memory)}" for process in gpu.processes)
        or "–"
    )
    utilization = "n/a" if gpu.utilization is None else f"{gpu.utilization:.0f} %"
    temperature = "n/a" if gpu.temperature is None else f"{gpu.temperature:.0f} °C"
    power = "n/a" if gpu.power is None else f"{gpu.power:.0f} W"
    return (
        str(gpu.index),
        gpu.name,
        bytes_text(gpu.memory_total),
        bytes_text(gpu.memory_free),
        utilization,
        temperature,
        power,
        users,
    )


def doctor(options: argparse.Namespace) -> int:
    """Look the machine over; exits 1 where something would keep a run from working."""
    from tuitune.cli.contact import contact
    from tuitune.cli.doctor import examine

    if options.gpu is not None:
        return contact(options)
    findings = examine()
    if options.json:
        say_json([asdict(finding) for finding in findings])
    else:
        say_pairs((f"{finding.level:<7} {finding.subject}", finding.message) for finding in findings)
        bad = sum(finding.level == "error" for finding in findings)
        say("", f"{bad} of {len(findings)} checks failed" if bad else "this machine is ready")
    return 1 if any(finding.level == "error" for finding in findings) else 0
