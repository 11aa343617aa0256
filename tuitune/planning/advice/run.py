"""Advice on when a run ends, and what it starts."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.text import clean


def _until(now: Situation) -> Iterator[Advice]:
    if now.recipe.limits.ends_at < time.time():
        message = f"{now.recipe.limits.until} is in the past: the run would stop at its first step"
        yield Advice("until-past", "warning", "limits.until", message, {"limits.until": ""})


def _notify(now: Situation) -> Iterator[Advice]:
    """A recipe may come from somebody else, and this is the one setting that runs a program."""
    if now.recipe.run.notify:
        command = clean(now.recipe.run.notify, limit=200)
        message = f"this command runs with your rights when the run ends or raises an alert: {command}"
        yield Advice("runs-command", "warning", "run.notify", message)


RULES = (_until, _notify)
