"""Advice on the data of a recipe, by its first rows: how many there are, what is held out, what is lost by training."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.recipe.steps import held_out_rows
from tuitune.shapes import SHAPES
from tuitune.text import clean

_LEAST_ROW = 8
"""The least tokens that data.max_length takes."""

_FEW_HELD_OUT = 5
_ENOUGH_HELD_OUT = 10
_MANY_EPOCHS = 5


def _length(now: Situation) -> Iterator[Advice]:
    facts = now.model.facts
    longest = facts.max_positions if facts and not facts.fixed_positions else None
    room = longest and longest - (now.recipe.longest - now.recipe.data.max_length)
    if longest and room is not None and now.recipe.data.max_length > room:
        message = f"{now.recipe.longest:,} tokens exceed the model's {longest:,}"
        fix = {"data.max_length": room} if room >= _LEAST_ROW else None
        yield Advice("length", "warning", "data.max_length", message, fix)


def _chat_template(now: Situation) -> Iterator[Advice]:
    shape = SHAPES.get(now.data.shape or "")
    chats = shape is not None and shape.templated
    bare = now.model.facts is not None and now.model.facts.chat_template is False
    if chats and bare and not now.recipe.data.template:
        message = (
            "this model has no chat template for conversations; choose its chat or instruct version, or set "
            "data.template"
        )
        yield Advice("chat-template", "warning", "model.id", message)


def _values(now: Situation) -> Iterator[Advice]:
    """A number in a column of text becomes text, and what no role reads is lost."""
    for name, count in now.data.numbers.items():
        rows = "1 of the first rows has" if count == 1 else f"{count} of the first rows have"
        message = f"{rows} a number in {clean(name, limit=60)}; it is learned as text, digit by digit"
        yield Advice("numbers", "info", "data.train", message)
    for name in now.data.unread:
        message = f"{clean(name, limit=60)} is not read and so not learned"
        yield Advice("unread", "warning", "data.columns", message)


def _held_out(now: Situation) -> Iterator[Advice]:
    if now.recipe.data.eval is None and now.data.usable != 1:
        message = "without held-out rows you cannot see overfitting; hold out 5 %"
        yield Advice("no-held-out", "info", "data.eval", message, {"data.eval": 0.05})


def _few_held_out(now: Situation) -> Iterator[Advice]:
    """The loss over a handful of rows moves by chance as much as by learning."""
    rows, share = now.data.usable, now.recipe.data.eval
    if rows is None or not isinstance(share, float) or now.recipe.data.mix or rows < 2 * _ENOUGH_HELD_OUT:
        return
    if (count := held_out_rows(rows, share)) < _FEW_HELD_OUT:
        enough = math.ceil(100 * _ENOUGH_HELD_OUT / rows) / 100
        held_out = "1 held-out row is" if count == 1 else f"{count} held-out rows are"
        remedy = f"hold out {100 * enough:.0f} % ({held_out_rows(rows, enough):,} of {rows:,} rows)"
        message = f"{held_out} too few to measure on; {remedy}"
        yield Advice("few-held-out", "info", "data.eval", message, {"data.eval": enough})


def _few_rows(now: Situation) -> Iterator[Advice]:
    """100 to 500 examples are the least that even a change of style takes."""
    if now.data.usable is not None and now.data.usable < 100:
        rows = "1 row" if now.data.usable == 1 else f"{now.data.usable} rows"
        message = f"{rows} is very little: a style needs 100–500, a new task about 5,000"
        yield Advice("few-rows", "info", "data.train", message)


def _repeats(now: Situation) -> Iterator[Advice]:
    """A duplicate row is learned twice, and memorised sooner."""
    if now.data.repeats and not now.recipe.cleaning.duplicates:
        message = f"among the first rows, {now.data.repeats} repeat an earlier one; drop duplicates"
        yield Advice("duplicates", "info", "cleaning.duplicates", message, {"cleaning.duplicates": True})


def _overfitting(now: Situation) -> Iterator[Advice]:
    """3 to 5 epochs are usual; after that a model memorises its rows."""
    epochs, steps = now.recipe.training.epochs, now.recipe.training.max_steps
    if now.recipe.optimises.generates:
        return  # it learns from new answers each time
    if epochs > _MANY_EPOCHS and steps is None and now.recipe.evaluation.patience is None:
        message = (
            f"{epochs:g} epochs are likely to overfit: the model memorises the rows. Train 3 to 5, or set "
            "evaluation.patience"
        )
        yield Advice("many-epochs", "info", "training.epochs", message, {"training.epochs": 3.0})


def _forgetting(now: Situation) -> Iterator[Advice]:
    """Training every weight on one kind of data costs a model what else it knows (catastrophic forgetting)."""
    if now.recipe.method.trains_base and not now.recipe.data.mix:
        message = (
            "training every weight on this data alone may make the model forget what else it knows; mix in 10 to 20 % "
            'of general data (general.jsonl = 0.15), or set adapter.method = "lora"'
        )
        yield Advice("forgetting", "info", "data.mix", message, {"adapter.method": "lora"})


RULES = (_length, _chat_template, _values, _held_out, _few_held_out, _few_rows, _repeats, _overfitting, _forgetting)
