"""Whether the data of a recipe can be trained on, judged by its first rows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tuitune.data.detect import Detection, recognise
from tuitune.data.purpose import refusal_of
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import Row, mark, name_of
from tuitune.hardware.models import hub_cache
from tuitune.hub import rows_offline
from tuitune.paths import expanded, not_utf8
from tuitune.planning.checks.template import template_text
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.rows.fields import RowProblem
from tuitune.rows.unsaid import numbers, unread
from tuitune.shapes import Canonical, to_canonical
from tuitune.text import clean

SAMPLE = 200
"""Rows that are looked at."""

_SHOWN = 3


@dataclass
class DataCheck:
    """What the first rows told. `shape`, `rows` and `repeats` are of the training data.

    `rows` is None where there are more than were looked at; `repeats` are those equal to an earlier one. `numbers`
    counts rows by columns of text that hold a number, `unread` those by what they say and nobody reads.
    """

    shape: str | None = None
    rows: int | None = None
    repeats: int = 0
    numbers: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    errors: list[Problem] = field(default_factory=list)
    usable: int | None = None
    """How many of `rows` are trained on or held out."""
    sizes: tuple[tuple[int, int], ...] = ()
    """Of each usable one among the first rows: the bytes of its texts, and their number."""
    system_turns: int = 0
    """How many of the usable ones among the first rows begin with a system turn."""
    labels: Counter[bool] = field(default_factory=Counter)
    """How many of the usable ones among the first rows are labelled good (True), and how many bad."""


def check_data(recipe: Recipe, base: Path) -> DataCheck:
    """Look at the first rows of the training data, and of held-out and mixed data where those are other sources.

    Rows that the recipe leaves out or drops are no errors, unless none is left. Hub data sets, web addresses and
    parquet files are the engine's to look at.
    """
    data = recipe.data
    found = _check_source("data.train", data.train, recipe, base)
    others = [("data.mix", name) for name in data.mix]
    others += [("data.eval", data.eval)] if isinstance(data.eval, str) else []
    for key, name in others:
        found.errors += _check_source(key, name, recipe, base).errors
    found.errors += _check_template(data.template, base)
    if isinstance(data.eval, float) and found.rows == 1 and not data.mix and not found.errors:
        message = "one row cannot be split; name a file of held-out rows, or leave it empty"
        found.errors.append(Problem("data.eval", message))
    return found


def _check_template(name: str, base: Path) -> list[Problem]:
    if not name:
        return []
    try:
        template_text(base / expanded(name))
        return []
    except FileNotFoundError:
        wrong = "no such file"
    except OSError as error:
        wrong = f"cannot be read ({error.strerror or error})"
    except ValueError as error:
        wrong = str(error)
    message = f"{clean(name, limit=200)}: {wrong}; name a Jinja chat template, or leave it empty"
    return [Problem("data.template", message)]


def _cached(repo: str) -> bool:
    """Whether anything of a data set lies in the caches of huggingface_hub or datasets."""
    name, hub = repo.partition(":")[0], hub_cache()
    prepared = expanded(os.environ.get("HF_DATASETS_CACHE") or str(hub.parent / "datasets"))
    return (hub / f"datasets--{name.replace('/', '--')}").is_dir() or (prepared / name.replace("/", "___")).is_dir()


def _check_source(key: str, name: str, recipe: Recipe, base: Path) -> DataCheck:
    try:
        source = resolve(name, base=base)
        if source.kind == "hub" and (forbids := rows_offline()) and not _cached(source.name):
            message = f"{name} is not on this machine and {forbids} forbids the download; unset it, or name a file"
            return DataCheck(errors=[Problem(key, message)])
        if wrong := next(filter(None, map(not_utf8, source.paths)), ""):
            return DataCheck(errors=[Problem(key, f"{name_of(name)}: {wrong}")])
        if not source.light:
            return DataCheck()
        limit = min(SAMPLE, recipe.data.limit or SAMPLE) if key == "data.train" else SAMPLE
        rows = list(islice(open_source(source), limit + 1))
    except TuituneError as error:
        return DataCheck(errors=[Problem(key, str(problem)) for problem in error.problems])
    every = len(rows) <= limit or (key == "data.train" and limit == recipe.data.limit)
    count = len(rows[:limit]) if every else None
    return _check_rows(key, rows[:limit], count, recipe)


def _check_rows(key: str, rows: list[Row], count: int | None, recipe: Recipe) -> DataCheck:
    mapped = key != "data.mix"
    found = recognise(rows, *((recipe.data.shape, recipe.data.columns) if mapped else ()))
    first = next((row.values for row in rows if row.values is not None), None)
    if reason := refusal_of(found, recipe.optimises, first):
        broken = next((row for row in rows if row.values is None), None)
        opening = f"{broken.place}: {broken.problem}; " if broken and not found.unreadable else ""
        return DataCheck(found.shape, count, errors=[Problem(key, f"{opening}{reason}")])
    excluded = set(recipe.data.exclude)
    kept = [row for row in rows if mark(row) not in excluded]
    usable, refused, dropped = _judged(kept, found, recipe)
    if refused:
        opening = f"unusable as {found.shape}: {len(refused)} of the first {len(rows)} rows"
        remedy = 'Fix or remove them, or set cleaning.unusable = "drop"'
        return DataCheck(found.shape, count, errors=[Problem(key, f"{opening}: {_listed(refused)}. {remedy}")])
    if not usable and count is not None:
        reasons = _listed(dropped) or "data.exclude drops all of them"
        return DataCheck(found.shape, count, errors=[Problem(key, f"no usable rows: {reasons}")])
    texts = [[text.encode("utf-8", "surrogatepass") for text in _texts(canonical)] for _, canonical in usable]
    return DataCheck(
        found.shape,
        count,
        repeats=len(kept) - len(set(map(mark, kept))),
        numbers=Counter(name for values, _ in usable for name in numbers(values, found.columns)),
        unread=Counter(name for values, canonical in usable for name in unread(values, found.columns, canonical)),
        usable=None if count is None else len(usable),
        sizes=tuple((sum(map(len, row)), len(row)) for row in texts),
        system_turns=sum(_has_system_turn(canonical) for _, canonical in usable),
        labels=Counter(canonical["label"] for _, canonical in usable if "label" in canonical),
    )


def _judged(
    rows: list[Row], found: Detection, recipe: Recipe
) -> tuple[list[tuple[Mapping[str, Any], Canonical]], list[str], list[str]]:
    """Usable rows, as they stand and as training takes them; what is wrong with others, and with those it drops."""
    usable: list[tuple[Mapping[str, Any], Canonical]] = []
    refused: list[str] = []
    dropped: list[str] = []
    cleaning = recipe.cleaning
    for row in rows:
        try:
            if row.values is None:
                raise RowProblem("", row.problem or "cannot be read", "unreadable")
            usable.append((row.values, to_canonical(row.values, found.shape, found.columns)))
        except RowProblem as problem:
            drops = cleaning.unusable == "drop" or (cleaning.empty and problem.kind == "empty")
            (dropped if drops else refused).append(f"{row.place}: {clean(str(problem), limit=300)}")
    return usable, refused, dropped


def _has_system_turn(row: Canonical) -> bool:
    turns = row.get("messages", row.get("prompt"))
    return isinstance(turns, list) and bool(turns) and turns[0].get("role") == "system"


def _texts(value: Any) -> Iterator[str]:
    """Every text in a row, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _listed(reasons: list[str]) -> str:
    more = len(reasons) - _SHOWN
    return "; ".join(reasons[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
