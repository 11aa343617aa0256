"""Compose, driven by keys as a person would: forms, messages, undo, presets, review, saving and launching."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.runs.harness import launch_stand_ins
from tests.tui.conftest import until
from tests.tui.payloads import PAYLOADS, assert_inert, shot_of
from tuitune.paths import recipes_home, runs_home
from tuitune.recipe.document import read
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import section_titles, settings
from tuitune.runs.control.spool import request
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store.directory import list_runs
from tuitune.tui.app import TuituneApp
from tuitune.tui.compose.drafts import OfferDraft
from tuitune.tui.compose.launch import LaunchDialog
from tuitune.tui.compose.screen import ComposeScreen
from tuitune.tui.compose.section_list import SHORT_NAMES

SIZES = [(80, 24), (120, 36)]
Shown = tuple[Pilot[str], ComposeScreen]


@contextlib.asynccontextmanager
async def composing(recipe: Recipe | None = None, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Shown]:
    app = TuituneApp()
    async with app.run_test(size=size) as pilot:
        app.open_compose(recipe)
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, ComposeScreen)
        await until(pilot, lambda: screen.composing.estimate is not None)
        yield pilot, screen


async def go(pilot: Pilot[str], screen: ComposeScreen, key: str) -> None:
    screen.go_to(key)
    await pilot.pause()
    assert screen.keys.current == key


async def enter(pilot: Pilot[str], screen: ComposeScreen, key: str, text: str, by: str = "enter") -> None:
    await go(pilot, screen, key)
    await pilot.press("enter", "ctrl+u", *("minus" if letter == "-" else letter for letter in text), by)
    await pilot.pause()


def text_of(pilot: Pilot[str]) -> str:
    return shot_of(pilot.app).text


async def test_sections_and_fields_are_reached_by_keys():
    async with composing(size=(120, 29)) as (pilot, screen):
        assert (screen.composing.section, screen.keys.current) == ("model", "model.id")
        await pilot.press("right_square_bracket", "G")
        assert (screen.composing.section, screen.keys.current) == ("data", "data.loss_on")
        await pilot.press("g", "j", "down", "down")
        assert screen.keys.current == "data.shape"
        await pilot.press("left_square_bracket")
        assert (screen.composing.section, screen.keys.current) == ("model", "model.id")
        await pilot.press("shift+tab", *["down"] * 5, "enter", "j")
        await pilot.pause()
        assert (screen.composing.section, screen.keys.current) == ("adapter", "adapter.rank")


async def test_on_a_tall_screen_the_sections_are_one_list_and_the_cursor_says_which_is_in_hand():
    async with composing(size=(200, 60)) as (pilot, screen):
        assert (screen.composing.section, screen.keys.current) == ("model", "model.id")
        text = text_of(pilot)
        for title in ("Data", "Adapter", "Training"):
            assert f"  {title}\n" in text or f"  {title} " in text
        assert all(name in text for name in ("rank r", "batch size", "seed"))
        assert "Trim texts" in text, "what a field means stands beside it"
        black = [line for line in text.splitlines()[1:50] if not line[22:158].strip()]
        assert len(black) < 12
        await pilot.press("down")
        await until(pilot, lambda: (screen.composing.section, screen.keys.current) == ("data", "data.train"))
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert (screen.composing.section, screen.keys.current) == ("objective", "objective.kind")
        await pilot.press("G")
        await until(pilot, lambda: screen.composing.section == "hardware")
        await pilot.press("right_square_bracket")
        assert screen.composing.section == "review"
        await pilot.press("left_square_bracket")
        assert screen.composing.section == "hardware"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "batch size" not in text_of(pilot))
        assert screen.composing.section == "hardware"
        assert screen.keys.current in text_of(pilot)
        assert {"Run", "Review"} <= set(text_of(pilot).splitlines()[0].split()), "every section in 80 columns"


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 36), marks=pytest.mark.slow)])
async def test_rank_and_learning_rate_are_edited_in_place(size: tuple[int, int]):
    async with composing(size=size) as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "64")
        await enter(pilot, screen, "training.learning_rate", "1e-4")
        assert screen.draft.recipe.adapter.rank == 64
        assert screen.draft.recipe.training.learning_rate == 1e-4
        assert "• learning rate" in text_of(pilot)
        assert "default 2e-4" in text_of(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_a_form_has_room_for_every_plain_training_setting(size: tuple[int, int]):
    async with composing(size=size) as (pilot, screen):
        await go(pilot, screen, "training.epochs")
        text = text_of(pilot)
        assert all(title in text for title in ("epochs", "gradient checkpointing", "precision"))
        assert "Times to train on the whole data set." in text
        assert "training.epochs" in text


async def test_a_wrong_value_stays_as_typed_with_its_reason_below():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "lots", by="tab")
        text = text_of(pilot)
        assert "✗ rank r" in text
        assert "lots" in text
        assert "expected a whole number from 1 to 4,096, found 'lots'" in text
        assert screen.draft.recipe.adapter.rank == 16
        await enter(pilot, screen, "adapter.rank", "8")
        assert "✗" not in text_of(pilot)


async def test_enter_leaves_a_wrong_value_open_to_be_put_right():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "5000")
        assert screen.form.editing == "adapter.rank"
        assert "✗ expected a whole number from 1 to 4,096, found 5000" in text_of(pilot)
        assert not screen.draft.can_undo
        await pilot.press("backspace", "enter")
        await pilot.pause()
        assert screen.form.editing is None
        assert screen.draft.recipe.adapter.rank == 500


async def test_the_reason_shows_while_typing_and_escape_forgets_it():
    async with composing() as (pilot, screen):
        await go(pilot, screen, "adapter.dropout")
        await pilot.press("enter", "ctrl+u", "5")
        await pilot.pause()
        assert "✗ expected" in text_of(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert "✗" not in text_of(pilot)
        assert not screen.draft.can_undo
        assert isinstance(pilot.app.screen, ComposeScreen)


async def test_the_forecast_follows_what_is_typed():
    async with composing() as (pilot, screen):
        await go(pilot, screen, "adapter.rank")
        before = screen.composing.estimate.trainable
        await pilot.press("enter", "ctrl+u", "6", "4")
        await until(pilot, lambda: screen.composing.estimate.trainable == 4 * before)
        await pilot.press("escape")
        await until(pilot, lambda: screen.composing.estimate.trainable == before)


async def test_rows_are_counted_and_steps_follow():
    async with composing() as (pilot, screen):
        await until(pilot, lambda: screen.composing.estimate.rows is not None)
        assert screen.composing.estimate.rows == 1520
        await until(pilot, lambda: re.search(r"steps +about \d", text_of(pilot)))


async def test_undo_redo_and_reset():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "64")
        await pilot.press("u")
        assert screen.draft.recipe.adapter.rank == 16
        await pilot.press("U")
        assert screen.draft.recipe.adapter.rank == 64
        await go(pilot, screen, "adapter.rank")
        await pilot.press("r")
        assert screen.draft.recipe.adapter.rank == 16
        await pilot.press("u", "u")
        assert screen.draft.recipe == Recipe()
        assert screen.why_disabled("undo")


async def test_choices_and_switches_turn_without_a_dialog():
    async with composing() as (pilot, screen):
        await go(pilot, screen, "quantization.bits")
        await pilot.press("right", "right")
        assert screen.draft.recipe.quantization.bits == 4
        await pilot.press("left")
        assert screen.draft.recipe.quantization.bits == 8
        await go(pilot, screen, "data.packing")
        await pilot.press("space")
        assert screen.draft.recipe.data.packing is False
        await go(pilot, screen, "evaluation.every")
        await pilot.press("right")
        assert screen.draft.recipe.evaluation.every == "end"


async def test_a_choice_is_picked_from_a_list():
    async with composing() as (pilot, screen):
        await go(pilot, screen, "training.schedule")
        await pilot.press("enter", *"linear", "enter")
        await pilot.pause()
        assert screen.draft.recipe.training.schedule == "linear"
        await go(pilot, screen, "objective.kind")
        await pilot.press("enter", *"labelled", "enter")
        await pilot.pause()
        assert screen.draft.recipe.objective.kind == "kto", "found by what it learns from"


async def test_a_gpu_is_picked_where_there_are_some_and_typed_where_there_are_none():
    from dataclasses import replace

    from tuitune.hardware.gpus import Gpu

    async with composing() as (pilot, screen):
        await enter(pilot, screen, "hardware.gpu", "cpu")
        assert screen.draft.recipe.hardware.gpu == "cpu"
        cards = tuple(Gpu(index, f"GPU-{index}", "NVIDIA H200", 150 << 30, 0, 150 << 30) for index in range(2))
        await until(pilot, lambda: screen.composing.estimate.rows is not None)
        screen.composing.estimate = replace(
            screen.composing.estimate, gpus=(*cards, replace(cards[1], uuid="MIG-7", mig=True))
        )
        await pilot.press("enter")
        await until(pilot, lambda: "the first free GPU" in text_of(pilot))
        assert "NVIDIA H200, 161 GB of 161 GB free" in text_of(pilot)
        await pilot.press(*"GPU", "down", "down", "enter")
        await pilot.pause()
        assert screen.draft.recipe.hardware.gpu == "1"


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_every_section_is_in_sight(size: tuple[int, int]):
    async with composing(size=size) as (pilot, screen):
        shown = [SHORT_NAMES.get(name, title) if size[0] < 100 else title for name, title in section_titles().items()]
        for name in shown:
            assert name in text_of(pilot)
        for title in ("limits", "hardware"):
            screen.show_section(title)
            await pilot.pause()
            assert section_titles()[title] in text_of(pilot)


async def test_advanced_settings_are_hidden_until_asked_for():
    async with composing() as (pilot, screen):
        await go(pilot, screen, "adapter.method")
        assert "DoRA" not in text_of(pilot)
        await pilot.press("v")
        assert "DoRA" in text_of(pilot)
        await pilot.press("v")
        assert "DoRA" not in text_of(pilot)


async def test_a_preset_is_one_step():
    async with composing() as (pilot, screen):
        await pilot.press("p", *"high", "enter")
        await pilot.pause()
        assert screen.draft.recipe.adapter.rank == 64
        assert screen.draft.recipe.adapter.targets == "all-linear"
        await pilot.press("u")
        assert screen.draft.recipe == Recipe()


async def test_target_modules_are_ticked_from_the_model():
    async with composing() as (pilot, screen):
        await go(pilot, screen, "adapter.targets")
        await pilot.press("enter")
        await pilot.pause()
        assert "gate_proj" in text_of(pilot)
        await pilot.press("G", "space", "enter")
        await pilot.pause()
        assert screen.draft.recipe.adapter.targets == ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"]


async def test_prompts_are_edited_one_a_line():
    async with composing() as (pilot, screen):
        await go(pilot, screen, "samples.prompts")
        await pilot.press("enter", *"one", "enter", "enter", *"two", "f2")
        await pilot.pause()
        assert screen.draft.recipe.samples.prompts == ["one", "two"]
        await pilot.press("enter", "x", "escape")
        await until(pilot, lambda: "Discard your text?" in shot_of(pilot.app).text)
        await pilot.press("n", "y", "escape", "y")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("enter", "escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.draft.recipe.samples.prompts == ["one", "two"]


async def test_review_lists_every_error_and_leads_to_its_field():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "x", by="tab")
        await enter(pilot, screen, "training.epochs", "x", by="tab")
        await pilot.press("L")
        await pilot.pause()
        assert screen.composing.section == "review"
        text = text_of(pilot)
        assert "2 to fix before launch" in text
        assert "✗ adapter.rank" in text
        assert "✗ training.epochs" in text
        await pilot.press("g", "j", "enter")
        await pilot.pause()
        assert screen.keys.current == "training.epochs"
        assert not list_runs()


async def test_advice_is_applied_by_its_key():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "training.learning_rate", "0.05")
        await until(pilot, lambda: any(one.key == "training.learning_rate" for one in screen.composing.estimate.advice))
        await go(pilot, screen, "training.learning_rate")
        await pilot.press("x")
        assert screen.draft.recipe.training.learning_rate < 0.01


async def test_saving_writes_a_recipe_that_reads_back():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "8")
        await pilot.press("w", "enter")
        await until(pilot, lambda: (recipes_home() / "my-run.toml").exists())
        assert read(recipes_home() / "my-run.toml") == screen.draft.recipe
        await pilot.press("w", "enter")
        await pilot.pause()
        assert "Overwrite it?" in text_of(pilot)
        await pilot.press("n")


async def test_a_recipe_saved_elsewhere_names_its_files_by_their_whole_paths(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "rows.jsonl"
    data.write_text('{"instruction": "Name a colour.", "output": "Blue."}\n' * 20)
    async with composing(Recipe.model_validate({"data": {"train": "rows.jsonl"}})) as (pilot, _):
        await pilot.press("w", "enter")
        await until(pilot, lambda: (recipes_home() / "my-run.toml").exists())
        assert read(recipes_home() / "my-run.toml").data.train == str(data)
        await pilot.press("w", "ctrl+u", *"here", "full_stop", *"toml", "enter")
        await until(pilot, lambda: (tmp_path / "here.toml").exists())
        assert read(tmp_path / "here.toml").data.train == "rows.jsonl"


async def test_toml_shows_the_draft():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "8")
        await pilot.press("t")
        await pilot.pause()
        assert "rank = 8" in text_of(pilot)


async def test_the_draft_is_kept_when_the_screen_is_left():
    async with composing() as (pilot, screen):
        await enter(pilot, screen, "adapter.rank", "8")
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, ComposeScreen)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, OfferDraft))
        assert "my-run" in text_of(pilot) and "1 setting" in text_of(pilot)
        await pilot.press("escape", "n", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ComposeScreen))
        await until(pilot, lambda: pilot.app.screen.draft.recipe.adapter.rank == 8)
        assert "N new" in text_of(pilot)
        await pilot.press("escape", "n", "N")
        await until(pilot, lambda: isinstance(pilot.app.screen, ComposeScreen))
        assert pilot.app.screen.draft.recipe == Recipe()
        await pilot.press("u")
        assert pilot.app.screen.draft.recipe.adapter.rank == 8


async def test_data_that_is_not_there_keeps_a_run_from_starting(tmp_path: Path):
    recipe = Recipe.model_validate({"data": {"train": str(tmp_path / "gone.jsonl")}})
    async with composing(recipe) as (pilot, screen):
        await pilot.press("L")
        await until(pilot, lambda: screen.composing.section == "review")
        await pilot.pause()
        assert "data.train" in text_of(pilot)
        assert "no such file" in text_of(pilot)
        assert not runs_home().exists() or not list_runs()
        assert screen.draft.recipe == recipe


async def test_launch_starts_a_run_and_opens_the_monitor(monkeypatch: pytest.MonkeyPatch):
    launch_stand_ins(monkeypatch, "train")
    recipe = Recipe.model_validate({"run": {"name": "launched"}, "training": {"max_steps": 1000}})
    async with composing(recipe) as (pilot, _screen):
        await pilot.press("L")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchDialog) and "Enter launch" in text_of(pilot))
        assert "launched" in text_of(pilot)
        await pilot.press("enter")
        try:
            await until(pilot, lambda: type(pilot.app.screen).__name__ == "MonitorScreen", 30)
            (run,) = list_runs()
            assert run.name == "launched"
            assert pilot.app.drafting.draft is None
        finally:
            for started in list_runs():
                request(started, "stop")
        await until(pilot, lambda: derive(run)[0] in AT_REST, 40)


async def test_what_is_typed_stays_text():
    async with composing() as (pilot, screen):
        for one, payload in zip(itertools.cycle(settings()), PAYLOADS.values(), strict=False):
            screen.draft.set_text(one.key, payload)
        await pilot.press("v")
        for _ in range(len(section_titles()) + 1):
            await pilot.press("right_square_bracket")
            assert_inert(shot_of(pilot.app))
        screen.show_section("review")
        for _ in range(8):
            screen.form.rows.action_page(1)
            await pilot.pause()
            assert_inert(shot_of(pilot.app))


async def test_no_more_than_one_input_is_ever_alive():
    async with composing() as (pilot, screen):
        assert len(screen.query("*")) < 30
        assert not screen.query(Input)
        await go(pilot, screen, "adapter.rank")
        await pilot.press("enter")
        await pilot.pause()
        assert len(screen.query(Input)) == 1
        await pilot.press("tab")
        await pilot.pause()
        assert not screen.query(Input)
        assert screen.keys.current == "adapter.alpha"
