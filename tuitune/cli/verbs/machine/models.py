"""`tuitune models`: base models on this machine, and those of the catalogue."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, note, say_json, say_table
from tuitune.hardware.gpus import GpuSampler
from tuitune.units import bytes_text, count_text


def arguments(parser: Parser) -> None:
    parser.take("--json")


def models(options: argparse.Namespace) -> int:
    from tuitune.views.model_list import KINDS, LEAST_PRESET, card_of, fit_words, list_models

    listed, problems = list_models()
    gpu = card_of(GpuSampler().sample())
    complain(problems)
    if options.json:
        say_json([model.as_json(gpu) for model in listed])
        return Exit.DONE
    headings = ("MODEL", "WHERE", "PARAMETERS", "SIZE", "CONTEXT", "LICENCE", "ACCESS", "LORA", "QLORA")
    access = {True: "gated", False: "open", None: "–"}
    rows = [
        (
            model.id,
            KINDS[model.kind],
            count_text(model.parameters),
            bytes_text(model.here.bytes) if model.here else "–",
            f"{model.context:,}" if model.context else "–",
            model.licence or "–",
            access[model.gated],
            *(" ".join(fit_words(total, gpu)) or "–" for total in model.least(gpu).values()),
        )
        for model in listed
    ]
    say_table(headings, rows, right=(2, 3, 4))
    note(f"LORA, QLORA: the least memory training takes on a GPU (preset {LEAST_PRESET}, weights in 16 and 4 bits)")
    return Exit.DONE
