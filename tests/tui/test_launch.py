"""The launch dialog: when the run would start, what would end it, and who is told; readable on a small terminal."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import MakeRun, until
from tests.tui.payloads import shot_of
from tuitune.hardware.gpus import Gpu, GpuProcess
from tuitune.planning.preflight import Advice, Check
from tuitune.recipe.schema import HardwareSection, Recipe
from tuitune.runs.directory import list_runs
from tuitune.runs.slots import SlotHolder, acquire
from tuitune.tui.app import TuituneApp
from tuitune.tui.place import users_text
from tuitune.tui.screens.launch import LaunchDialog
from tuitune.tui.start import when
from tuitune.tui.widgets.dialogs import Reader

SIZES = [(80, 24), (120, 36), (200, 60)]


def text_of(pilot: Pilot[Any]) -> str:
    return shot_of(pilot.app).text


@contextlib.asynccontextmanager
async def launching(recipe: Recipe, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[Any]]:
    async with TuituneApp().run_test(size=size) as pilot:
        pilot.app.push_screen(LaunchDialog(recipe, Path.cwd()))
        await until(pilot, lambda: "Enter launch" in text_of(pilot), 20)
        yield pilot


@pytest.mark.parametrize("size", SIZES)
async def test_it_says_when_the_run_starts_what_ends_it_and_who_is_told(home: Path, size: tuple[int, int]) -> None:
    tables = {
        "run": {"notify": "notify-send tuitune"},
        "limits": {"hours": 2.0, "loss": 0.25},
        "evaluation": {"patience": 3},
    }
    async with launching(Recipe.model_validate(tables), size) as pilot:
        text = text_of(pilot)
        assert "at once, on the CPU" in text
        assert "after 2 h, at a loss of 0.2500, after 3 evaluations without" in text
        assert "tells    notify-send tuitune" in text


async def test_nothing_is_said_of_limits_and_commands_that_are_not_set(home: Path) -> None:
    async with launching(Recipe()) as pilot:
        assert "ends  " not in text_of(pilot)
        assert "tells " not in text_of(pilot)
        assert not list_runs()


async def test_what_does_not_fit_is_scrolled_to(home: Path) -> None:
    advice = [Advice(f"one-{number}", "warning", "", f"piece of advice number {number}") for number in range(30)]
    async with launching(Recipe()) as pilot:
        dialog = pilot.app.screen
        assert isinstance(dialog, LaunchDialog)
        summary = dialog.summary(Check([], advice, None, 1, 2, None, None))
        dialog.post_message(LaunchDialog.Looked([], summary))
        await until(pilot, lambda: "advice number 3" in text_of(pilot))
        assert "Enter launch" in text_of(pilot)
        assert isinstance(pilot.app.focused, Reader)
        await pilot.press("G")
        await until(pilot, lambda: "advice number 29" in text_of(pilot))


def test_what_the_login_would_end_is_not_said_to_go_on(home: Path) -> None:
    advice = Advice("ends-at-logout", "warning", "", "this login's processes end with it")
    dialog = LaunchDialog(Recipe(), Path.cwd())
    ends = dialog.summary(Check([], [advice], None, 1, 2, None, None)).plain
    assert "this login's processes end with it" in ends
    assert "goes on" not in ends
    assert "goes on" in dialog.summary(Check([], [], None, 1, 2, None, None)).plain


def test_a_run_that_has_to_wait_says_for_whom(make_run: MakeRun) -> None:
    assert when(HardwareSection(gpu="cpu")) == "at once, on the CPU"
    holder = acquire(make_run("other", state="training"), "cpu", share=False)
    assert isinstance(holder, SlotHolder)
    with holder:
        assert when(HardwareSection(gpu="cpu")) == "later: the CPU trains other"
    assert when(HardwareSection(gpu="cpu")) == "at once, on the CPU"


def test_who_uses_the_gpus_is_said_in_a_line() -> None:
    anna = GpuProcess(4, "anna", 23_100_000_000, "python")
    ours = GpuProcess(5, "me", 8_000_000_000, "python", run="triage")
    idle = GpuProcess(6, "root", 4_000_000, "Xorg")
    cards = [Gpu(index, None, "H200", processes=found) for index, found in enumerate([(anna,), (idle,), (ours,)])]
    assert users_text(cards) == "GPU 0 anna: python, 23.1 GB · GPU 2 me: the run triage, 8.0 GB"
    assert users_text([]) == ""
