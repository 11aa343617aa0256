"""Advice on learning which answers are better: how fast, from which base, by which loss, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.recipe.overrides import with_values
from tuitune.units import bytes_text, number_text

BY_BATCH = ("aot", "aot_unpaired")
"""Losses that compare the pairs of a batch with each other."""

_LEAST_PER_TOKEN_BETA = 1.0
"""From where on a loss by the mean of a token pushes at all."""

_EVEN = (1.0, 4 / 3)
"""What all good answers weigh, as a multiple of what all bad ones do (KTO, arXiv 2402.01306, equation 8)."""

_SLACK = 1.2
"""How far from that nothing is said: it is counted on the first rows alone."""


def _preferences(now: Situation) -> Iterator[Advice]:
    """All advice that applies to an objective that learns which answers are better."""
    objective = now.recipe.optimises
    if objective.prefers:
        for rule in (_rate, _base, _batch, _beta, _reference):
            yield from rule(now)
    if objective.reads("objective.desirable_weight"):
        yield from _weights(now)


def _rate(now: Situation) -> Iterator[Advice]:
    """A rate that is usual for answers soon makes the model forget how to write them, above all a large one."""
    objective, training, key = now.recipe.optimises, now.recipe.training, "training.learning_rate"
    rates = now.recipe.method.rates
    if rates and now.is_large and rates.usual <= training.learning_rate <= rates.highest * objective.rate:
        better = rates.usual * objective.rate
        message = (
            f"{number_text(training.learning_rate)} is a rate for example answers; {objective.title} takes "
            f"{1 / objective.rate:.0f} times less: {number_text(better)} is usual"
        )
        yield Advice("preference-rate", "warning", key, message, {key: better})


def _base(now: Situation) -> Iterator[Advice]:
    """Preferences choose among answers that a model gives already: they do not teach it to answer."""
    if now.recipe.optimises.imitates:
        return
    if now.model.facts is not None and now.model.facts.chat_template is False:
        message = (
            "preferences refine the answers of a model that answers already, and this one has no chat template; choose "
            'its instruct version, or train it on answers first (objective.kind = "sft", adapter.method = "none")'
        )
        yield Advice("warm-start", "info", "model.id", message)


def _batch(now: Situation) -> Iterator[Advice]:
    loss = now.recipe.objective.loss
    if now.recipe.optimises.reads("objective.loss") and loss in BY_BATCH and now.recipe.training.batch_size == 1:
        message = f"{loss} compares the pairs of a batch, and one pair is compared with itself; take 4 or more"
        yield Advice("batch-of-one", "warning", "training.batch_size", message, {"training.batch_size": 4})


def _beta(now: Situation) -> Iterator[Advice]:
    """Means of a token differ by few nats, sums over an answer by many."""
    key, beta = "objective.beta", now.recipe.beta
    usual = with_values(now.recipe, {key: None}).beta
    if beta < _LEAST_PER_TOKEN_BETA <= usual:
        name = now.recipe.objective.loss if now.recipe.optimises.reads("objective.loss") else now.recipe.objective.kind
        message = f"{name} goes by the mean of a token, so β = {beta:g} hardly pushes; {usual:g} is usual"
        yield Advice("beta-per-token", "warning", key, message, {key: usual})


def _reference(now: Situation) -> Iterator[Advice]:
    """With an adapter the reference is the base with the adapter off, which costs a forward pass and no memory."""
    if now.recipe.method.trains_base and now.recipe.optimises.compares:
        kept = now.forecast.parts.get("reference") if now.forecast else None
        size = f" of {bytes_text(kept)}" if kept else ""
        message = f"a frozen copy of the model{size} is kept as the reference; an adapter needs none"
        yield Advice("reference", "info", "adapter.method", message, {"adapter.method": "lora"})


def _weights(now: Situation) -> Iterator[Advice]:
    """Good and bad answers should weigh about the same, good ones up to a third more (KTO, equation 8)."""
    wanted, (bad, good) = now.recipe.objective, (now.data.labels[one] for one in (False, True))
    if not bad or not good:
        if bad or good:
            kind, other = ("good", "bad") if good else ("bad", "good")
            message = (
                f"the first {good or bad} rows are all {kind}: KTO learns from the difference; add {other} answers"
            )
            yield Advice("one-sided", "warning", "data.train", message)
        return
    share = wanted.desirable_weight * good / (wanted.undesirable_weight * bad)
    if not _EVEN[0] / _SLACK <= share <= _EVEN[1] * _SLACK:
        rarer, key, value = ("good", "desirable_weight", bad * wanted.undesirable_weight / good)
        if share > _EVEN[1]:
            rarer, key, value = ("bad", "undesirable_weight", good * wanted.desirable_weight / bad / _EVEN[1])
        better = min(float(f"{value:.3g}"), 100.0)
        counted = f"{good} of the first {good + bad} answers are good"
        message = f"{counted}; weigh {rarer} ones {better:g} times, so that both kinds count alike"
        yield Advice("label-balance", "info", f"objective.{key}", message, {f"objective.{key}": better})


RULES = (_preferences,)
