"""`tuitune data tokens`: what a data set comes to as tokens of a model, or one row token by token with its labels."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitune.cli.arguments import Parser, positive
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, say, say_json, say_pairs
from tuitune.cli.task_progress import result_of, telling
from tuitune.data.sources.pages import read_page
from tuitune.problem import TuituneError
from tuitune.text import clean
from tuitune.units import percent_text
from tuitune.views.inspector_replies import Token, TokenizedRow, Verdict

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe

_SIGNS = {"ok": "✓", "warning": "⚠", "error": "✗"}
_SPACES = str.maketrans({" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"})
_LEARNED, _DIM, _PLAIN = "\x1b[1;32m", "\x1b[2m", "\x1b[0m"
_BAR = 40
_WIDEST = 24
"""Columns within which the texts of tokens are of one width, so that what stands after them is in line."""
_NAMED = 20


def arguments(parser: Parser) -> None:
    about = "a file, folder, https address, bundled set or Hub data set (default: the recipe's)"
    parser.add_argument("path", metavar="PATH", nargs="?", help=about)
    parser.add_argument("--recipe", metavar="RECIPE", help="take model, template and settings from this recipe")
    parser.add_argument("--model", metavar="M", help="the model whose tokenizer is used (default: bundled:nano)")
    parser.add_argument("--row", metavar="N", type=positive, help="show this row alone, token by token")
    parser.take("--set", "--json")


def tokens(options: argparse.Namespace) -> int:
    """A summary of all rows, or one row; exit code 2 where the data would be refused."""
    from tuitune.planning.data_plan import token_task
    from tuitune.planning.forecast.expected_steps import expected_steps

    recipe = _recipe(options)
    if options.row is not None:
        return _row(recipe, options)
    found = result_of(token_task(recipe, Path.cwd()), recipe.data.train)
    steps = expected_steps(recipe, found["rows"], packed=found["packed_rows"])
    result = {**found, "steps": steps.count if steps else None}
    if options.json:
        say_json(result)
    else:
        say_pairs([("model", recipe.model.id), *_summary(result)])
    complain(result["errors"])
    return Exit.REFUSED if result["errors"] else Exit.DONE


def _recipe(options: argparse.Namespace) -> Recipe:
    """The recipe that `--recipe` names, on PATH where one is given: nothing of it is held out then."""
    from tuitune.cli.verbs.data.preparation import given_recipe
    from tuitune.recipe import overrides
    from tuitune.recipe.settings import settings

    if options.path is None and not options.recipe:
        raise TuituneError("name a data set, or a recipe (--recipe)")
    given = {"data": options.path is not None, "model": bool(options.model)}
    replaced = [one.key for one in settings() if given.get(one.entails.names)]
    tables = overrides.tables_of(given_recipe(options, replaced=replaced))
    if options.path is not None:
        tables["data"] = {**tables.get("data", {}), "train": options.path, "eval": "", "mix": {}}
    model = [f"model.id={options.model}"] if options.model else []
    return overrides.apply(tables, [*model, *options.overrides])


def _summary(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "rows", f"{result['rows']:,}" + (f", {result['held_out']:,} held out" if result["held_out"] else "")
    if result["asked"]:
        yield "tokens", f"{result['tokens']:,} of prompts; the model learns from its own answers"
        yield "longest", f"{result['longest']:,} tokens; prompts of more than {result['max_length']:,} are not asked"
        yield "dropped", f"{result['lost_count']:,} rows are not asked"
    else:
        yield "tokens", f"{result['tokens']:,}, {percent_text(result['trained_share'], 3)} learned"
        longer = f"{result['too_long']:,} rows are dropped for more than" if result["too_long"] else "rows are cut to"
        yield "longest", f"{result['longest']:,} tokens; {longer} {result['max_length']:,}"
        yield "cut", f"{result['cut']:,} rows"
        yield "dropped", f"{result['lost_count']:,} rows have no token to learn"
    if result["fill"] is not None:
        yield "packed", f"{result['packed_rows']:,} rows, {percent_text(result['fill'])} full"
    yield "steps", f"{result['steps']:,}"
    yield "lengths", "\n".join(_histogram(result["lengths"], result["max_length"]))
    for number, verdict in enumerate(result["verdicts"]):
        yield "" if number else "verdicts", _verdict(Verdict(**{**verdict, "fix": verdict["fix"] or {}}))
    for number, lost in enumerate(result["lost"][:_NAMED]):
        yield "" if number else "dropped rows", f"{lost['place']}: {lost['why']}"
    if (more := result["lost_count"] - _NAMED) > 0:
        yield "", f"… and {more:,} more"


def _histogram(lengths: Mapping[str, Any], max_length: int) -> Iterator[str]:
    """A line for each range of lengths, as long as it has rows; the line where rows are cut is drawn among them."""
    edges, counts = lengths["edges"], lengths["counts"]
    most, width = max([*counts, 1]), len(f"{edges[-1]:,}")
    drawn = False
    for first, count in zip(edges[:-1], counts, strict=True):
        if not drawn and first >= max_length:
            yield f"{'cut':>{width}} {'┄' * _BAR}"
            drawn = True
        bar = "█" * -(-_BAR * count // most)
        yield f"{first:>{width},} {bar} {count:,}" if count else f"{first:>{width},}"


def _verdict(verdict: Verdict) -> str:
    fix = ", ".join(f"{key}={value}" for key, value in verdict.fix.items())
    return f"{_SIGNS.get(verdict.level, '·')} {verdict.text}" + (f" (--set {fix})" if fix else "")


def _row(recipe: Recipe, options: argparse.Namespace) -> int:
    """One row: every token with its number, whether it is learned, and its text."""
    from tuitune.views.inspector_client import Inspector

    name = recipe.data.train
    page = read_page(name, first=options.row, count=1, split=recipe.data.split, base=Path.cwd())
    if not page.rows:
        raise TuituneError(f"{name}: has no row {options.row:,}")
    row = page.rows[0]
    if row.values is None:
        raise TuituneError(f"{name}: {row.place}: {row.problem}")
    with telling(name) as tell, Inspector(open_seconds=120) as inspector, inspector.asked(told=tell):
        opened = inspector.open(recipe, Path.cwd())
        try:
            found = inspector.row(row.values, row.number)
        except TuituneError as error:
            raise TuituneError(f"{name}: {row.place}, {error}") from None
    if options.json:
        say_json({one.side: _as_json(one) for one in found.sides} if found.side else _as_json(found))
        return Exit.DONE
    pairs = [("row", row.place), ("model", f"{opened.name}, vocabulary of {opened.vocabulary:,} tokens")]
    for one in found.sides:
        say_pairs([*pairs, *([("answer", one.side)] if one.side else []), *_described(one)])
        _say_tokens(one)
        pairs = []
    return Exit.DONE


def _described(found: TokenizedRow) -> Iterator[tuple[str, str]]:
    learned = f"{len(found.tokens):,}: {found.trained:,} learned (●), others masked (·)"
    yield "tokens", f"{learned}; {found.kept:,} kept, rows are cut to {found.max_length:,}"
    yield "masked", found.masked or "none"
    for number, verdict in enumerate(found.verdicts):
        yield "" if number else "verdicts", _verdict(verdict)


def _say_tokens(found: TokenizedRow) -> None:
    """A line a token: its number, its id, whether it is learned, its text, and why it is masked."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    texts = [_shown(token) for token in found.tokens]
    widest = min(max(map(len, texts), default=0), _WIDEST)
    for number, (token, text) in enumerate(zip(found.tokens, texts, strict=True), 1):
        if number == found.kept + 1:
            say(f"{'┄' * _BAR} cut")
        learned = token.learned and number <= found.kept
        line = f"{number:>6}  {token.id:>7}  {'●' if learned else '·'}  {text:<{widest}}  {token.reason}".rstrip()
        say(f"{_LEARNED if learned else _DIM}{line}{_PLAIN}" if colour else line)


def _shown(token: Token) -> str:
    text = clean(token.text.translate(_SPACES)) or "◌"
    return f"‹{text}›" if token.special else text


def _as_json(found: TokenizedRow) -> dict[str, Any]:
    return {
        "tokens": [token._asdict() for token in found.tokens],
        "kept": found.kept,
        "max_length": found.max_length,
        "trained": found.trained,
        "rendered": found.rendered,
        "verdicts": [asdict(verdict) for verdict in found.verdicts],
    }
