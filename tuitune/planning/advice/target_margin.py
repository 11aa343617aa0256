"""Advice on the margin that a chosen answer is asked to reach."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.units import number_text


def _gamma(now: Situation) -> Iterator[Advice]:
    """Past γ = β every pair has to be a whole nat a token apart (SimPO, arXiv 2405.14734, tries γ / β from 0 to 1)."""
    key, gamma, beta = "objective.gamma", now.recipe.objective.gamma, now.recipe.beta
    if now.recipe.optimises.reads(key) and gamma > beta:
        usual = beta / 2
        message = (
            f"γ = {number_text(gamma)} exceeds β = {number_text(beta)}: it asks for answers that are "
            f"{number_text(gamma / beta)} nats a token apart. {number_text(usual)}, half of β, is a good beginning"
        )
        yield Advice("target-margin", "warning", key, message, {key: usual})


RULES = (_gamma,)
