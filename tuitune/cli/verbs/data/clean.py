"""`tuitune data clean`: the rows that the cleaning steps leave, in the shape that they came in."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tuitune.cli.arguments import Parser
from tuitune.cli.output import note
from tuitune.cli.verbs.data import add_output, add_source
from tuitune.data.sources.rows import SourceError

USUAL = ("cleaning.unusable=drop", "cleaning.empty=true", "cleaning.whitespace=true", "cleaning.duplicates=true")
"""Steps taken where neither a recipe nor --set says which: those that lose nothing worth having."""


def arguments(parser: Parser) -> None:
    parser.description = (
        f"{parser.description}\n\nWithout --recipe it drops unusable, empty and repeated rows and tidies white "
        "space\n(a recipe has these steps off by default); --set changes them."
    )
    parser.add_argument("--report", metavar="FILE", help="write what each step did, with examples, to this JSON file")
    add_source(parser)
    add_output(parser)


def clean(options: argparse.Namespace) -> int:
    from tuitune.cli.verbs.data.preparation import check_place, make, recipe_of, tell
    from tuitune.recipe.document import write_text

    output, report = Path(options.output), Path(options.report) if options.report else None
    if report:
        check_place(report, options)
        if report.absolute() == output.absolute():
            raise SourceError(report, "is where the rows are written; name another file for the report")
    recipe = recipe_of(options, () if options.recipe else USUAL)
    result = make(options, recipe, {"train": output})
    if report:
        write_text(report, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    code = tell(options, result)
    if recipe.cleaning.too_long == "drop":
        note("over-long rows are kept; training drops them once it has counted tokens")
    if recipe.cleaning.control_tokens == "remove":
        note("control tokens are kept; training removes them once it has the tokenizer")
    return code
