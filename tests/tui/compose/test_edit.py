"""Editing a run that waits: what is sent, what is answered, and what happens where the run started meanwhile."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import MakeRun, shows, until, write_events
from tests.tui.payloads import shot_of
from tuitune.recipe.document import read
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.tui.app import TuituneApp
from tuitune.tui.compose.edit import EditScreen, changes
from tuitune.tui.compose.screen import ComposeScreen
from tuitune.tui.widgets.dialogs import Confirm


def text_of(pilot: Pilot[Any]) -> str:
    return shot_of(pilot.app).text


@pytest.fixture
def waiting(make_run: MakeRun) -> Run:
    return make_run(
        "night", state="queued", steps=0, waits="CPU is busy: training another-run", recipe={"adapter": {"rank": 8}}
    )


@contextlib.asynccontextmanager
async def editing(size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[Pilot[Any], EditScreen]]:
    async with TuituneApp().run_test(size=size, notifications=True) as pilot:
        await shows(pilot, "night")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditScreen))
        screen = pilot.app.screen
        assert isinstance(screen, EditScreen)
        await until(pilot, lambda: screen.composing.estimate is not None, 20)
        yield pilot, screen


def request_of(run: Run) -> dict[str, Any] | None:
    return next((json.loads(file.read_text()) for file in run.control.glob("*.json")), None)


def answer(run: Run, *, ok: bool, message: str = "") -> None:
    (file,) = run.control.glob("*.json")
    with JournalWriter(run.events_file) as events:
        events.append(event="acknowledged", nonce=file.stem, verb="edit", ok=ok, message=message)
    file.unlink()


async def save(pilot: Pilot[Any]) -> None:
    await pilot.press("L")
    await shows(pilot, "Save to night", "Enter save", seconds=20)


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 36), marks=pytest.mark.slow)])
async def test_only_what_was_changed_is_sent_and_the_answer_is_waited_for(waiting: Run, size: tuple[int, int]) -> None:
    async with editing(size) as (pilot, screen):
        assert "L save" in text_of(pilot)
        screen.set_values({"adapter.rank": 12, "data.limit": 40})
        await save(pilot)
        text = text_of(pilot)
        assert "adapter.rank" in text
        assert "8 → 12" in text
        assert "none → 40" in text
        await pilot.press("enter")
        await shows(pilot, "Waiting for the run to accept")
        await until(pilot, lambda: request_of(waiting))
        request = request_of(waiting)
        assert request is not None
        assert request["verb"] == "edit"
        assert request["arguments"]["changes"] == {"adapter.rank": 12, "data.limit": 40}
        answer(waiting, ok=True)
        await shows(pilot, "night: changes saved")
        assert getattr(pilot.app.screen, "NAME", "") == "runs"


async def test_a_run_that_started_meanwhile_is_left_as_it_was(waiting: Run) -> None:
    async with editing() as (pilot, screen):
        screen.set_values({"adapter.rank": 12})
        await save(pilot)
        before = waiting.recipe_file.read_bytes()
        write_events(waiting, "training", "")
        await pilot.press("enter")
        await shows(pilot, "Not saved.", "The draft is unchanged")
        assert waiting.recipe_file.read_bytes() == before
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.draft.recipe.adapter.rank == 12


async def test_a_run_that_starts_before_it_answers_says_so(waiting: Run) -> None:
    async with editing() as (pilot, screen):
        screen.set_values({"adapter.rank": 12})
        await save(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: request_of(waiting))
        write_events(waiting, "training", "")
        answer(waiting, ok=False, message="it has started")
        await shows(pilot, "Not saved.", "nothing was changed", "it has started")


async def test_what_is_wrong_is_not_sent(waiting: Run) -> None:
    async with editing() as (pilot, screen):
        screen.draft.set_text("adapter.rank", "lots")
        screen.changed()
        await pilot.press("L")
        await shows(pilot, "Not saved: 1 error to fix")
        assert screen.composing.section == "review"
        assert request_of(waiting) is None


async def test_nothing_changed_is_said(waiting: Run) -> None:
    async with editing() as (pilot, _screen):
        await pilot.press("L")
        await shows(pilot, "No changes yet")


async def test_changes_are_not_lost_unasked_and_the_draft_of_a_new_run_is_left_alone(waiting: Run) -> None:
    async with editing() as (pilot, screen):
        screen.set_values({"adapter.rank": 12})
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "runs")
        await pilot.press("n")
        await until(pilot, lambda: getattr(pilot.app.screen, "NAME", "") == "compose")
        assert isinstance(pilot.app.screen, ComposeScreen)
        assert pilot.app.screen.draft.recipe == Recipe()
    assert read(waiting.recipe_file).adapter.rank == 8


def test_changes_are_plain_values() -> None:
    after = Recipe.model_validate({"data": {"eval": ""}, "samples": {"prompts": ["a"]}, "training": {"epochs": 1.0}})
    assert changes(Recipe(), after) == {"data.eval": None, "training.epochs": 1.0, "samples.prompts": ["a"]}
    assert not changes(after, after)
    json.dumps(changes(Recipe(), after))
