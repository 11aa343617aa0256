"""`tuitune gpus`: GPUs as NVML sees them now."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser, add_json
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say_json, say_table
from tuitune.units import bytes_text

if TYPE_CHECKING:
    from tuitune.hardware.gpus import Gpu


def arguments(parser: Parser) -> None:
    add_json(parser)


def gpus(options: argparse.Namespace) -> int:
    from tuitune.hardware.gpus import GpuSampler

    sampler = GpuSampler()
    found = sampler.sample()
    if options.json:
        say_json([asdict(gpu) for gpu in found])
    elif not found:
        note(f"no GPU: {sampler.reason}")
    else:
        headings = ("GPU", "NAME", "MEMORY", "FREE", "UTIL", "TEMP", "POWER", "USED BY")
        say_table(headings, [_gpu_row(gpu) for gpu in found], right=(0, 2, 3, 4, 5, 6))
    return Exit.DONE


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
