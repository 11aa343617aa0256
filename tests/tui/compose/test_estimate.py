"""What is worked out from a recipe beside the form: rows, steps, notes, and values without effect."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.hardware import fake_nvml
from tuitune.hardware.gpus import GpuSampler
from tuitune.planning import preflight
from tuitune.planning.checks.remote import Remote
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, without_effect
from tuitune.tui.compose.composing import notes
from tuitune.tui.compose.forecast import forecast_lines, forecast_summary
from tuitune.tui.widgets.field_row import FieldView, field_row, help_text
from tuitune.views.estimate import Inspections, look


def recipe(**values: object) -> Recipe:
    return with_values(Recipe(), {key.replace("__", "."): value for key, value in values.items()})


def test_scaling_follows_rslora():
    assert notes(recipe(), None)["adapter.alpha"] == "scaling α/r = 2.0"
    assert notes(recipe(adapter__rslora=True), None)["adapter.alpha"] == "scaling α/√r = 8.0"


def test_what_is_left_empty_says_what_is_in_force():
    beside = notes(recipe(objective__kind="simpo", objective__clip=0.1), None)
    assert (beside["objective.beta"], beside["objective.clip_high"]) == ("2 in force", "0.1 in force")
    assert "objective.beta" not in notes(recipe(objective__beta=0.3), None)


@pytest.mark.parametrize("width", [48, 57, 76])
def test_a_setting_that_nothing_reads_says_what_it_needs_however_narrow_it_is(width: int):
    needed = without_effect(recipe(objective__kind="dpo"))["data.loss_on"]
    [line] = field_row(FieldView(setting("data.loss_on"), "assistant", unused=needed)).draw(width)
    assert "objective = " in line.plain and line.cell_length <= width


def test_values_without_effect_say_why():
    assert without_effect(recipe())["quantization.kind"] == "needs bits = 4"
    assert "quantization.kind" not in without_effect(recipe(quantization__bits=4))
    any_reward = {"rewards.seconds", "rewards.memory"}
    assert any_reward <= {*without_effect(recipe())}
    assert any_reward.isdisjoint(without_effect(recipe(objective__kind="grpo", rewards__weights={"json": 1.0})))
    assert without_effect(recipe(adapter__method="none"))["adapter.rank"] == "needs method = lora"


def test_help_says_until_when_a_setting_can_be_changed():
    rate, rank = (FieldView(setting(key), "") for key in ("training.learning_rate", "adapter.rank"))
    assert "while it trains" in help_text(rate).plain
    assert "once it trains" in help_text(rank).plain
    assert "while it trains" not in help_text(rate, tuning=True).plain


def test_rows_are_known_once_the_file_has_been_inspected(tmp_path: Path):
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\nnot json\n{"text": "b"}\n' * 10)
    chosen = recipe(data__train="rows.jsonl", data__eval=None, data__loss_on="all")
    inspections, done = Inspections(tmp_path), threading.Event()
    before = look(chosen, base=tmp_path, sampler=GpuSampler(), inspections=inspections)
    assert before.rows is None
    inspections.begin(chosen.data, done.set)
    assert done.wait(10)
    after = look(chosen, base=tmp_path, sampler=GpuSampler(), inspections=inspections)
    assert after.rows == 20
    assert after.trainable
    assert after.capacity


@pytest.mark.parametrize("width", [38, 80])
def test_why_nothing_is_known_of_a_model_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int):
    reason = "the Hub did not answer within 8 s"
    monkeypatch.setattr(preflight, "known", lambda name, revision: Remote(unknown=reason))
    seen = look(recipe(model__id="owner/name"), base=tmp_path, sampler=GpuSampler(), inspections=Inspections(tmp_path))
    assert seen.model_unknown == reason
    for lines in (forecast_lines(seen, 0, width), forecast_summary(seen, 0), forecast_summary(seen, 1)):
        assert "\n".join(line.plain for line in lines).count(reason) == 1


def test_whether_it_fits_a_gpu_that_cannot_be_seen_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    nvml = fake_nvml.install(monkeypatch)
    nvml.state["init"] = nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
    monkeypatch.setattr(preflight, "_sampler", GpuSampler)
    seen = look(recipe(), base=tmp_path, sampler=GpuSampler(), inspections=Inspections(tmp_path))
    assert seen.forecast
    assert (seen.errors, seen.forecast.device, seen.fit) == ([], "cuda", None)
    shown = "\n".join(line.plain for line in forecast_lines(seen, 0, 80))
    assert "fits: unknown, the NVIDIA driver was updated" in shown
    assert "RAM available" not in shown
