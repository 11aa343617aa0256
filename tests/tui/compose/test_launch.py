"""The launch dialog: when the run would start, what would end it, and who is told; readable on a small terminal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.runs.harness import acquire
from tests.tui.conftest import MakeRun, until
from tests.tui.payloads import shot_of
from tuitune.data.tasks import Progress
from tuitune.hardware.gpus import Gpu, GpuProcess
from tuitune.hardware.host import Host
from tuitune.planning.preflight import Advice, Check
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.hardware import HardwareSection
from tuitune.runs.queue.slots import SlotHolder
from tuitune.runs.store.directory import list_runs
from tuitune.tui.app import TuituneApp
from tuitune.tui.compose import launch as launch_screen
from tuitune.tui.compose.launch import LaunchDialog
from tuitune.tui.widgets.dialogs import TextReader
from tuitune.views.machine_status import machine_text, users_text
from tuitune.views.start import when

SIZES = [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in [(120, 36), (200, 60)])]


def text_of(pilot: Pilot[Any]) -> str:
    return shot_of(pilot.app).text


@contextlib.asynccontextmanager
async def launching(recipe: Recipe, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[Any]]:
    async with TuituneApp().run_test(size=size) as pilot:
        pilot.app.push_screen(LaunchDialog(recipe, Path.cwd()))
        await until(pilot, lambda: "Enter launch" in text_of(pilot), 20)
        yield pilot


@pytest.mark.parametrize(
    ("packing", "steps", "step"),
    [
        (True, "about 3 steps, 3 epochs", "16 packed rows of up to 512"),
        (False, "12 steps, 3 epochs", "16 rows (4 × 4)"),
    ],
)
async def test_it_says_how_many_rows_and_steps(
    tmp_path: Path, home: Path, packing: bool, steps: str, step: str
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"instruction": "Name a colour.", "output": "Blue."}\n' * 57)
    recipe = Recipe.model_validate({"data": {"train": str(rows), "eval": None, "packing": packing}})
    async with launching(recipe) as pilot:
        text = text_of(pilot)
        assert "57 to train on" in text
        assert steps in text and step in text
        assert "sft · lora r 16" in text


@pytest.mark.parametrize("size", SIZES)
async def test_it_says_when_the_run_starts_what_ends_it_and_who_is_told(home: Path, size: tuple[int, int]) -> None:
    tables = {
        "run": {"notify": "notify-send tuitune"},
        "limits": {"hours": 2.0, "loss": 0.25},
        "evaluation": {"patience": 3},
    }
    async with launching(Recipe.model_validate(tables), size) as pilot:
        text = text_of(pilot)
        assert "now, on the CPU" in text
        assert "after 2 h, at a loss of 0.2500, after 3 evaluations without" in text
        assert "notifies notify-send tuitune" in text


@pytest.mark.parametrize(
    ("training", "said"),
    [({}, "3 epochs, rate"), ({"epochs": 1}, "1 epoch, rate"), ({"max_steps": 6}, "6 steps, rate")],
)
async def test_it_says_how_long_it_trains(home: Path, training: dict[str, Any], said: str) -> None:
    async with launching(Recipe.model_validate({"training": training})) as pilot:
        assert said in text_of(pilot)


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
        dialog.show(summary)
        await until(pilot, lambda: "advice number 3" in text_of(pilot))
        assert "Enter launch" in text_of(pilot)
        assert isinstance(pilot.app.focused, TextReader)
        await pilot.press("G")
        await until(pilot, lambda: "advice number 29" in text_of(pilot))


def test_what_the_login_would_end_is_not_said_to_go_on(home: Path) -> None:
    advice = Advice("ends-at-logout", "warning", "", "this login's processes end with it")
    dialog = LaunchDialog(Recipe(), Path.cwd())
    ends = dialog.summary(Check([], [advice], None, 1, 2, None, None)).plain
    assert "this login's processes end with it" in ends
    assert "keeps running" not in ends
    assert "keeps running" in dialog.summary(Check([], [], None, 1, 2, None, None)).plain


def test_a_run_that_has_to_wait_says_for_whom(make_run: MakeRun) -> None:
    assert when(HardwareSection(gpu="cpu")) == "now, on the CPU"
    holder = acquire(make_run("other", state="training"), "cpu", share=False)
    assert isinstance(holder, SlotHolder)
    with holder:
        assert (
            when(HardwareSection(gpu="cpu")) == "later: CPU is busy: training other (hardware.share = true shares it)"
        )
    assert when(HardwareSection(gpu="cpu")) == "now, on the CPU"


def test_who_uses_the_gpus_is_said_in_a_line() -> None:
    anna = GpuProcess(4, "anna", 23_100_000_000, "python")
    ours = GpuProcess(5, "me", 8_000_000_000, "python", run="triage")
    idle = GpuProcess(6, "root", 4_000_000, "Xorg")
    cards = [Gpu(index, None, "H200", processes=found) for index, found in enumerate([(anna,), (idle,), (ours,)])]
    assert users_text(cards) == "GPU 0 anna: python, 23.1 GB · GPU 2 me: the run triage, 8.0 GB"
    assert users_text([]) == ""


def test_a_driver_that_does_not_answer_is_not_told_as_no_gpu() -> None:
    box = Host(cpu_count=8, cpu_percent=None, memory_total=2, memory_available=1, hostname="box")
    assert machine_text(box, []).startswith("box · no GPU · 8 CPUs")
    told = machine_text(box, [], "the NVIDIA driver does not answer")
    assert told.startswith("box · the NVIDIA driver does not answer · 8 CPUs")


# The labels


def flowing(pilot: Pilot[Any]) -> str:
    """What a dialog says, wherever its lines break."""
    return " ".join(text_of(pilot).replace("│", " ").split())


class StandInTask:
    """A look at the labels that is as far as `progress` says."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def look(self) -> Progress:
        return self.progress


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> StandInTask:
    task = StandInTask(Progress("working", "tokenizing", 3_200, 52_000))
    monkeypatch.setattr(launch_screen, "label_check", lambda recipe, base: task)
    return task


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Recipes that were launched; none of them really is."""
    found: list[Recipe] = []
    monkeypatch.setattr(launch_screen, "launch", lambda recipe, base: found.append(recipe))
    return found


async def test_the_look_at_the_labels_is_seen_and_need_not_be_waited_for(
    home: Path, labels: StandInTask, launched: list[Recipe]
) -> None:
    async with launching(Recipe()) as pilot:
        await until(pilot, lambda: "tokenizing 3,200 of 52,000 rows" in text_of(pilot))
        assert "Enter starts now" in text_of(pilot)
        labels.progress = Progress("working", "tokenizing", 40_000, 52_000)
        await until(pilot, lambda: "40,000 of 52,000" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: launched)


async def test_rows_that_lose_every_label_are_named_and_nothing_is_started(
    home: Path, labels: StandInTask, launched: list[Recipe]
) -> None:
    errors = ["data.max_length: 12 of 300 rows (4 %) lose every label: 7, 9 \x1b[2J[/]"]
    async with launching(Recipe()) as pilot:
        labels.progress = Progress("done", result={"errors": errors, "lost_count": 12, "lost": []})
        await until(pilot, lambda: "Not started." in text_of(pilot))
        assert "lose every label: 7, 9 ␛[2J[/]" in flowing(pilot)
        assert "Enter launch" not in text_of(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert not launched
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, LaunchDialog)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("done", result={"errors": [], "lost_count": 0}), "✓ every row has labels"),
        (
            Progress("done", result={"errors": [], "lost_count": 1, "lost": [{"row": 1200}]}),
            "⚠ 1 row has no labels and is skipped: row 1,200",
        ),
        (
            Progress("done", result={"errors": [], "lost_count": 7, "lost": [{"row": one} for one in range(1, 8)]}),
            "⚠ 7 rows have no labels and are skipped: rows 1, 2, 3, 4, 5, …",
        ),
        (
            Progress("done", result={"errors": [], "lost_count": 0, "warnings": ["left out: reasoning \x1b[2J"]}),
            "⚠ left out: reasoning ␛[2J",
        ),
        (Progress("failed", error="no room \x1b[2J"), "⚠ not checked: no room ␛[2J; the run checks them itself"),
    ],
)
async def test_what_the_look_at_the_labels_found_is_said(
    home: Path, labels: StandInTask, progress: Progress, text: str
) -> None:
    labels.progress = progress
    async with launching(Recipe(), (120, 36)) as pilot:
        await until(pilot, lambda: text in flowing(pilot))
        assert "Enter launch" in text_of(pilot)


async def test_data_that_the_run_would_refuse_is_refused_here(
    home: Path, labels: StandInTask, launched: list[Recipe]
) -> None:
    async with launching(Recipe()) as pilot:
        labels.progress = Progress("failed", error="data.train: a.parquet: the column text unpacks too far")
        await until(pilot, lambda: "Not started." in text_of(pilot))
        assert "unpacks too far" in flowing(pilot) and not launched


async def test_a_look_at_the_labels_that_cannot_begin_keeps_nothing_from_starting(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(recipe: Recipe, base: Path) -> None:
        raise TuituneError("no process to be had")

    monkeypatch.setattr(launch_screen, "label_check", refuse)
    async with launching(Recipe()) as pilot:
        await until(pilot, lambda: "no process to be had" in text_of(pilot))
        assert "Enter launch" in text_of(pilot)


@pytest.mark.slow
async def test_data_that_would_lose_every_label_is_refused_by_the_real_look_at_it(
    home: Path, tmp_path: Path, launched: list[Recipe]
) -> None:
    data = tmp_path / "long.jsonl"
    rows = [{"prompt": "a long question " * 60, "completion": f"the answer {number}"} for number in range(20)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = Recipe.model_validate({"data": {"train": str(data), "max_length": 64}})
    async with launching(recipe) as pilot:
        await until(pilot, lambda: "Not started." in text_of(pilot), 120)
        assert "no row has a token to learn within data.max_length = 64" in flowing(pilot)
        assert "row " in flowing(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert not launched


@pytest.mark.slow
async def test_what_a_launch_was_refused_for_stays_in_review_until_the_data_is_changed(
    home: Path, tmp_path: Path, launched: list[Recipe]
) -> None:
    data = tmp_path / "long.jsonl"
    rows = [{"prompt": "a long question " * 60, "completion": f"the answer {number}"} for number in range(20)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = Recipe.model_validate({"data": {"train": str(data), "max_length": 64}})
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        pilot.app.open_compose(recipe)
        await pilot.pause()
        screen = pilot.app.screen
        await until(pilot, lambda: screen.composing.estimate is not None)
        await pilot.press("L")
        await until(pilot, lambda: "Not started." in text_of(pilot), 120)
        await pilot.press("escape")
        await until(pilot, lambda: [one.key for one in screen.composing.errors] == ["data.train"])
        assert [mark.name for mark in screen.composing.marks(screen.composing.errors) if mark.problems] == [
            "data",
            "review",
        ]
        screen.draft.set_text("data.max_length", "1024")
        screen.changed()
        await until(pilot, lambda: not screen.composing.errors)
