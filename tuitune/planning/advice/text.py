"""Advice on learning plain text: on which model, and with how large an adapter."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation

_ENOUGH = 64
"""The rank below which LoRA falls clearly behind full training on plain text (arXiv 2405.09673, section 4)."""


def _text(now: Situation) -> Iterator[Advice]:
    """All advice that applies to an objective that learns plain text."""
    if now.recipe.optimises.whole:
        for rule in (_instruct, _rank):
            yield from rule(now)


def _instruct(now: Situation) -> Iterator[Advice]:
    """An instruct model that goes on with plain text forgets how to answer."""
    if now.model.facts is not None and now.model.facts.chat_template:
        message = (
            "plain text makes an instruct model forget how to answer; continue the base version, then train it on "
            "answers"
        )
        yield Advice("instruct-on-text", "info", "model.id", message)


def _rank(now: Situation) -> Iterator[Advice]:
    adapter, method = now.recipe.adapter, now.recipe.method
    if now.is_large and method.uses("rank") and adapter.rank < _ENOUGH:
        message = f"plain text has more to learn than a style: rank {_ENOUGH} to 256 is usual for it"
        fix = {"adapter.rank": _ENOUGH, "adapter.alpha": 2 * _ENOUGH}
        yield Advice("rank-for-text", "info", "adapter.rank", message, fix)


RULES = (_text,)
