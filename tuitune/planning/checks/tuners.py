"""What PEFT says of a recipe's tuner before a launch: asked by a process of its own, and remembered.

PEFT's own classes tell which options a tuner takes, whether they go with this model, and how many parameters it trains.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tuitune.data.tasks import begin, find
from tuitune.methods.options import Option, wrong
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe

_PATIENCE, _LOOK_SECONDS = 180.0, 0.05
_KEY = "adapter.options"


@dataclass(frozen=True)
class TunerCheck:
    """`trainable` parameters, None where PEFT has not counted them, and what is wrong. `to_ask`: PEFT was not asked;
    `unanswered`: it was, and has not said.
    """

    trainable: int | None = None
    errors: tuple[Problem, ...] = ()
    to_ask: bool = False
    unanswered: bool = False


def check_tuner(recipe: Recipe, model: Path | None, *, ask: bool) -> TunerCheck:
    """Look at a recipe's tuner on the model in a folder; with `ask`, wait for PEFT where nobody has asked it before.

    Without the model's files its options alone are looked at.
    """
    if not recipe.method.is_tuner or recipe.method.support.unavailable:
        return TunerCheck()
    if (known := options(recipe.adapter.method, ask=ask)) and (messages := wrong(known, recipe.adapter.options)):
        return TunerCheck(errors=tuple(Problem(_KEY, message) for message in messages))
    if known is None or model is None:
        return TunerCheck(to_ask=known is None and not ask)
    objective = recipe.objective.kind if recipe.optimises.scores else "sft"
    wanted = {"adapter": _placed(recipe), "objective": objective, "model": str(model)}
    told = _told("tuner", wanted, ask, _config_stamp(model))
    if not told:
        return TunerCheck(to_ask=told is None, unanswered=told is not None)
    return TunerCheck(told["trainable"], tuple(Problem(key, message) for key, message in told["problems"]))


def options(name: str, *, ask: bool) -> list[Option] | None:
    """The options of a tuner as PEFT declares them; None where PEFT was not asked, none where it did not tell."""
    told = _told("options", {}, ask)
    if told is None:
        return None
    return [Option(**{**one, "choices": tuple(one["choices"])}) for one in told.get(name, [])]


def _placed(recipe: Recipe) -> dict[str, Any]:
    """What of the adapter decides what a tuner trains."""
    return recipe.adapter.model_dump(mode="json", include={"method", "options", *recipe.method.settings})


def _told(kind: str, wanted: dict[str, Any], ask: bool, *stamps: str) -> dict[str, Any] | None:
    """The result of a task about this version of PEFT: empty where it failed, None where it was not asked for."""
    marks = [_installed(), *stamps]
    key = (kind, repr(sorted(wanted.items())), *marks)
    if key not in _answers:
        if (found := _asked(kind, wanted, marks) if ask else _found(kind, wanted, marks)) is None:
            return None
        _answers[key] = found
    return _answers[key]


def _asked(kind: str, wanted: dict[str, Any], marks: list[str]) -> dict[str, Any]:
    try:
        task = begin(kind, wanted, marks, module="tuitune.engine")
    except TuituneError:
        return {}
    deadline = time.monotonic() + _PATIENCE
    while (progress := task.look()).state == "working" and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return progress.result or {}


def _found(kind: str, wanted: dict[str, Any], marks: list[str]) -> dict[str, Any] | None:
    task = find(kind, wanted, marks)
    return task.look().result if task else None


_answers: dict[tuple[str, ...], dict[str, Any]] = {}


@cache
def _installed() -> str:
    try:
        return f"peft {version('peft')}"
    except PackageNotFoundError:
        return "no peft"


def _config_stamp(model: Path) -> str:
    try:
        found = (model / "config.json").stat()
    except OSError:
        return ""
    return f"{found.st_mtime_ns} {found.st_size}"
