"""Whether rows could lose something of what they teach, and the task that finds out before a launch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuitune import plain
from tuitune.data.detect import recognise
from tuitune.data.sources.bundled import PREFIX
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.tasks import Task
from tuitune.hardware.models import locate
from tuitune.paths import expanded
from tuitune.planning.checks.situation import Advice
from tuitune.planning.data_plan import token_task
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.rows.fields import RowProblem
from tuitune.rows.turns import is_learned
from tuitune.shapes import Canonical, to_canonical
from tuitune.shapes.preference import SIDES, answers_of

LABELS = "labels"
"""The advice that comes of tokenizing all rows."""

_SAMPLE = 200
_MOST_ROWS, _MOST_BYTES = 5_000, 4 << 20
_PLAIN = {"role", "content", "weight"}
_TEMPLATE_BYTES, _TURN_BYTES = 256, 32
"""More than the chat templates in use write at the beginning of a conversation, and around each turn."""


def label_check(recipe: Recipe, base: Path) -> Task | None:
    """The task whose result names the rows that would be lost, what of others would be, and what the chat template
    makes of them; None where nothing can be lost with the template of a bundled model, or the tokenizer is not here.
    """
    here = locate(recipe.model.id, recipe.model.revision, base=base) is not None
    foreign = not recipe.model.id.startswith(PREFIX) or recipe.data.template != ""
    return token_task(recipe, base) if here and (foreign or may_lose_labels(recipe, base)) else None


def told_by(tokens: Mapping[str, Any]) -> tuple[list[Problem], list[Advice]]:
    """What stands against training on rows that came to these `tokens`, and what is worth a warning."""
    if tokens["errors"]:
        return [Problem("data.train", error) for error in tokens["errors"]], []
    return [], [Advice(LABELS, "warning", "data.train", text) for text in tokens["warnings"]]


def may_lose_labels(recipe: Recipe, base: Path) -> bool:
    """Whether a row may have nothing left to learn after data.max_length tokens or be dropped for having more, or says
    what a chat template may leave out (a system turn, reasoning, also in tags, tools, a name): False only where none of
    it is so for sure.

    It is where what stands before the answers is shorter in bytes than that in tokens, of every row of local text
    files of moderate size; all of the row, where over-long rows are dropped. A token stands for one byte at least. Two
    answers must differ that early, too.
    """
    try:
        return any(_may_lose(name, recipe, base) for name in (recipe.data.train, *recipe.data.mix))
    except TuituneError:
        return True


def _may_lose(name: str, recipe: Recipe, base: Path) -> bool:
    source = resolve(name, base=base)
    if not source.light or sum(path.stat().st_size for path in source.paths) > _MOST_BYTES:
        return True
    rows = list(open_source(source, split=recipe.data.split, limit=_MOST_ROWS + 1))
    if len(rows) > _MOST_ROWS:
        return True
    main = name == recipe.data.train
    shape, columns = (recipe.data.shape, recipe.data.columns) if main else ("auto", {})
    found = recognise(rows[:_SAMPLE], shape, columns)
    template = plain.stat_of(base / expanded(recipe.data.template)) if recipe.data.template else None
    room = recipe.data.max_length - _TEMPLATE_BYTES - (template.st_size if template else 0)
    chosen = recipe.data.loss_on if recipe.optimises.reads("data.loss_on") else "assistant"
    drops = recipe.cleaning.too_long == "drop"
    counts, last = chosen != "all", chosen == "completion"
    try:
        usable = (to_canonical(row.values, found.shape, found.columns) for row in rows if row.values is not None)
        return any(
            _says_more(side)
            or (drops and _bytes(side) >= room)
            or (counts and _before_answer(side, last=last) + _alike(canonical) >= room)
            for canonical in usable
            for side in answers_of(canonical)
        )
    except RowProblem:
        return True


def _alike(canonical: Canonical) -> float:
    """The bytes that both answers of a pair begin with; infinite where white space alone tells them apart."""
    if "chosen" not in canonical:
        return 0
    chosen, rejected = (_said(canonical[side]) for side in SIDES)
    if chosen.strip() == rejected.strip():
        return math.inf
    both = enumerate(zip(chosen, rejected, strict=False))
    apart = next((place for place, (one, other) in both if one != other), min(len(chosen), len(rejected)))
    return _size(chosen[:apart])


def _said(answer: str | list[dict[str, Any]]) -> str:
    return answer if isinstance(answer, str) else "\n".join(str(turn["content"]) for turn in answer)


def _says_more(canonical: Mapping[str, Any]) -> bool:
    """Whether a conversation says anything but questions and answers, which a chat template may not write."""
    turns = canonical.get("messages", ())
    return bool(canonical.get("tools")) or any(
        turn["role"] not in ("user", "assistant")
        or not turn.keys() <= _PLAIN
        or turn.get("weight", 0) != 0
        or "</think>" in turn["content"]
        for turn in turns
    )


def _bytes(canonical: Canonical) -> int:
    """The bytes of a whole row of one answer, with the marks around its turns."""
    if (turns := canonical.get("messages")) is None:
        return sum(_size(text) for text in canonical.values() if isinstance(text, str))
    return sum(_size(turn["content"]) + _TURN_BYTES for turn in turns)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _before_answer(canonical: Mapping[str, Any], *, last: bool) -> float:
    """The most bytes before the first answer of a row that is learned, or before its `last`; infinite without one."""
    if "messages" not in canonical:
        return _size(str(canonical.get("prompt", "")))
    turns = canonical["messages"]
    answers = [number for number, turn in enumerate(turns) if turn["role"] == "assistant"]
    learned = [number for number in (answers[-1:] if last else answers) if is_learned(turns[number])]
    if not learned:
        return math.inf
    before = turns[: learned[0]]
    return sum(_size(turn["content"]) + _TURN_BYTES for turn in before) + _TURN_BYTES
