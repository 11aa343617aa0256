"""Advice on learning by rewards: from which base, with how many answers, and what a reward teaches unmeant."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.recipe.settings import setting

_FEW_ANSWERS = 4
_LEAST_LENGTH = 2


def _rewards(now: Situation) -> Iterator[Advice]:
    """All advice that applies to an objective that learns from answers of the model's own."""
    if now.recipe.optimises.generates:
        for rule in (_warm_start, _answers, _floor, _length_alone, _dropout, _reference):
            yield from rule(now)


def _warm_start(now: Situation) -> Iterator[Advice]:
    """Answers that are all worth nothing teach nothing: rewards sharpen what a model does now and then."""
    if now.model.facts is not None and now.model.facts.chat_template is False:
        message = (
            "rewards sharpen what a model does now and then, and this one has no chat template; choose its instruct "
            'version, or train it on answers first (objective.kind = "sft", adapter.method = "none")'
        )
        yield Advice("warm-start", "info", "model.id", message)


def _answers(now: Situation) -> Iterator[Advice]:
    each = now.recipe.objective.generations
    if each < _FEW_ANSWERS:
        message = f"{each} answers often get the same reward, and then teach nothing; 8 or more are usual"
        yield Advice("few-answers", "info", "objective.generations", message)


def _floor(now: Situation) -> Iterator[Advice]:
    rewards, key = now.recipe.rewards, "rewards.shortest"
    if "length" in rewards.weights and rewards.shortest < _LEAST_LENGTH:
        usual = setting(key).default
        message = f"without a floor the model learns to say nothing; {usual} is the least that suits most answers"
        yield Advice("length-floor", "warning", key, message, {key: usual})


def _length_alone(now: Situation) -> Iterator[Advice]:
    if set(now.recipe.rewards.weights) <= {"length", "overlong"} and now.recipe.rewards.weights:
        message = "nothing but the length is rewarded: any text of that length will do; add a reward for what it says"
        yield Advice("length-alone", "warning", "rewards.weights", message)


def _dropout(now: Situation) -> Iterator[Advice]:
    if now.recipe.method.uses("dropout") and now.recipe.adapter.dropout > 0:
        message = (
            "answers are written without dropout and learned with it, which blurs what made them likely; 0 is usual"
        )
        yield Advice("dropout-rl", "info", "adapter.dropout", message, {"adapter.dropout": 0.0})


def _reference(now: Situation) -> Iterator[Advice]:
    if now.recipe.method.trains_base and now.recipe.compares:
        message = (
            "a frozen copy of the model is kept as the reference; an adapter needs none, and objective.kl = 0 neither"
        )
        yield Advice("reference", "info", "adapter.method", message, {"adapter.method": "lora"})


RULES = (_rewards,)
