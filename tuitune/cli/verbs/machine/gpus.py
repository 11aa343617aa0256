"""`tuitune gpus`: GPUs as NVML sees them now."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, note, say_json, say_table
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.units import bytes_text


def arguments(parser: Parser) -> None:
    parser.add_argument("--cards", action="store_true", help="the cards that `tuitune forecast` knows instead")
    parser.take("--json")


def gpus(options: argparse.Namespace) -> int:
    if options.cards:
        return _cards(options)
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


def _cards(options: argparse.Namespace) -> int:
    """The catalogue of cards, with what is wrong in the user's own on standard error."""
    from tuitune.hardware.cards import cards

    catalogue = cards()
    complain(catalogue.problems)
    if options.json:
        say_json([card.model_dump() for card in catalogue])
        return Exit.DONE
    rows = [
        (
            card.name,
            f"{card.memory_gib:g} GiB",
            card.capability,
            f"{card.price_per_hour:g}" if card.price_per_hour else "–",
        )
        for card in catalogue
    ]
    say_table(("CARD", "MEMORY", "CAPABILITY", "PRICE/H"), rows, right=(1, 2, 3))
    return Exit.DONE


def _gpu_row(gpu: Gpu) -> tuple[str, ...]:
    measured = [
        "n/a" if value is None else f"{value:.0f} {unit}"
        for value, unit in ((gpu.utilization, "%"), (gpu.temperature, "°C"), (gpu.power, "W"))
    ]
    users = [f"{process.user or '?'}:{process.pid} {bytes_text(process.memory)}" for process in gpu.processes]
    memory = bytes_text(gpu.memory_total), bytes_text(gpu.memory_free)
    return str(gpu.index), gpu.name, *memory, *measured, ", ".join(users) or "–"
