"""A Python file of the user's, whose function `reward(prompt, completion, answer)` gives a number.

It runs in the process that judges (`tuitune.rewards.__main__`), which has limits of time and memory.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tuitune import plain
from tuitune.rewards.descriptor import Attempt, Reward, RewardSettings, Score

LARGEST = 1 << 20
"""Bytes of the largest file taken."""

FUNCTION = "reward"
TAKEN = ("prompt", "completion", "answer")


def source_of(file: str | Path) -> bytes:
    """What is in the file; ValueError where it cannot be read."""
    try:
        return plain.read(Path(file).expanduser(), LARGEST)
    except OSError as error:
        raise ValueError(f"rewards.file cannot be read: {error.strerror or error}") from None


def fingerprint(source: bytes) -> str:
    """What approves this very content: the first 16 digits of its SHA-256."""
    return hashlib.sha256(source).hexdigest()[:16]


def approved_source(settings: RewardSettings) -> bytes:
    """What is in the file; ValueError, with the way out, where that has not been approved as it is."""
    source = source_of(settings.file)
    if (now := fingerprint(source)) != settings.approved:
        why = "has changed since it was approved" if settings.approved else "runs with your rights"
        raise ValueError(f'rewards.file {why}: read it, and set rewards.approved = "{now}"')
    return source


def _prepare(settings: RewardSettings) -> Score:
    source = approved_source(settings)
    module = ModuleType("reward_file")
    module.__file__ = settings.file
    sys.modules[module.__name__] = module  # where dataclasses and pickle look for what it declares
    try:
        exec(compile(source, settings.file, "exec"), vars(module))
    except Exception as error:
        raise ValueError(f"rewards.file cannot be run: {told(error, settings.file)}") from None
    function = vars(module).get(FUNCTION)
    if not callable(function):
        raise ValueError(f"rewards.file has no function {FUNCTION}({', '.join(TAKEN)})")
    taken = _arguments(function)

    def score(answer: Attempt) -> Any:
        given = {"prompt": answer.question, "completion": answer.text, "answer": answer.expected}
        return function(**{name: given[name] for name in taken})

    return score


def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """The arguments that the function is called with; ValueError where it wants others."""
    try:
        wanted = inspect.signature(function).parameters.values()
    except ValueError as error:
        raise ValueError(f"rewards.file: the arguments of {FUNCTION} cannot be told: {error}") from None
    named = {one.name for one in wanted if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    needed = [one.name for one in wanted if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    if strange := [name for name in needed if name not in named.intersection(TAKEN)]:
        raise ValueError(f"rewards.file: {FUNCTION} takes {', '.join(TAKEN)} by their names, and asks for {strange[0]}")
    return TAKEN if any(one.kind is one.VAR_KEYWORD for one in wanted) else tuple(one for one in TAKEN if one in named)


def told(error: BaseException, file: str) -> str:
    """An error, with the line of the file that it comes from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f"line {lines[-1]}: " if lines and not isinstance(error, SyntaxError) else ""
    try:
        message = str(error)
    except Exception:
        message = "its message cannot be shown"
    return f"{where}{type(error).__name__}: {message}"


PYTHON = Reward(
    "python",
    "your own reward",
    "what your own function gives: a Python file, approved by its hash",
    _prepare,
    settings=("file", "approved"),
    filled=("file",),
    foreign=True,
)
