"""Runs to test with."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tuitune.recipe.schema import Recipe
from tuitune.runs.directory import Run, create


@pytest.fixture
def run() -> Run:
    """A new run that nobody has started."""
    return create(Recipe())


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Puts back the signal handlers that supervising a run in this process has replaced."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
