"""Runs to test with."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run, create, read_record
from tuitune.runs.store.identity import Identity, send_signal
from tuitune.runs.store.journal import read_all


@pytest.fixture
def run() -> Iterator[Run]:
    """A new run that nobody has started. What a failed test leaves running of it is killed."""
    run = create(Recipe())
    yield run
    started = [read_record(run.owner_file), *(event.get("identity") for event in read_all(run.events_file))]
    for found in filter(None, map(Identity.from_record, started)):
        if found.pid != os.getpid():
            send_signal(found, signal.SIGKILL)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Puts back the signal handlers that supervising a run in this process has replaced."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
