"""The pickers, driven by keys over real files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.engine.hub import serve
from tests.hardware.folders import model_folder
from tests.hardware.test_catalogue import own
from tests.tui.compose.test_compose import composing, text_of
from tests.tui.conftest import until
from tests.tui.payloads import PAYLOADS, assert_inert, shot_of
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.planning.checks import remote
from tuitune.recipe.schema import Recipe
from tuitune.tui.compose.screen import ComposeScreen
from tuitune.views.file_listing import completion, list_files

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 512,
    "max_position_embeddings": 256, "torch_dtype": "bfloat16",
}  # fmt: skip

SHAPES = {
    "alpaca": [{"instruction": "Name a colour.", "input": "", "output": "Blue."}],
    "messages": [
        {"messages": [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Blue."}]}
    ],
    "sharegpt": [{"conversations": [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "Blue."}]}],
    "prompt-completion": [{"prompt": "Name a colour.", "completion": "Blue."}],
    "columns": [{"question": "Name a colour.", "answer": "Blue."}],
    "text": [{"text": "Name a colour. Blue."}],
}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


async def open_field(pilot: Pilot[str], screen: ComposeScreen, key: str) -> None:
    screen.go_to(key)
    await pilot.press("enter")
    await pilot.pause()


async def fill(pilot: Pilot[str], text: str) -> None:
    """Put a text into the picker's line at once, as pasting does."""
    pilot.app.screen.line.value = text
    await pilot.pause()


async def test_a_local_model_is_found_filtered_and_chosen(work: Path):
    folder = work / "models" / "tiny-llama"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    async with composing() as (pilot, screen):
        screen.draft.set_values({"model.trust_remote_code": True})
        await open_field(pilot, screen, "model.id")
        await until(pilot, lambda: "./models/tiny-llama" in text_of(pilot))
        assert "bundled:nano" in text_of(pilot)
        await fill(pilot, "tiny")
        await until(pilot, lambda: "bundled:nano" not in text_of(pilot))
        assert "folder" in text_of(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert screen.draft.recipe.model.id == "./models/tiny-llama"
        assert not screen.draft.recipe.model.trust_remote_code, "leave to run code was given to another model"


async def test_a_hub_id_that_is_not_here_is_offered_and_the_forecast_admits_not_knowing(work: Path):
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "model.id")
        await fill(pilot, "someone/some-model")
        await until(pilot, lambda: "use someone/some-model (Hub id: downloaded when the run starts)" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: re.search(r"memory +unknown", text_of(pilot)) and "is not on this" in text_of(pilot))
        assert screen.draft.recipe.model.id == "someone/some-model"
        assert screen.composing.estimate.total is None


async def test_nothing_is_offered_for_what_is_neither_here_nor_an_id(work: Path):
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "model.id")
        await fill(pilot, "no such thing")
        await until(pilot, lambda: "No matching model" in text_of(pilot))
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert screen.draft.recipe.model.id == "bundled:nano"


async def test_a_typed_path_is_completed_explained_and_never_asked_of_the_hub(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    monkeypatch.setattr(remote, "ask", lambda name, revision: asked.append(name))
    model_folder(tmp_path / "zoo" / "whole")
    broken = model_folder(tmp_path / "zoo" / "broken")
    (broken / "config.json").unlink()
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "model.id")
        for nowhere in ("/no/such/place", str(tmp_path / "zo-"), "./gone/x", "~nobody-of-that-name/x"):
            await fill(pilot, nowhere)
            await until(pilot, lambda: "no such folder" in text_of(pilot) or "home" in text_of(pilot))
            await pilot.press("enter", "tab")
            assert "Tab complete" in text_of(pilot)
        await fill(pilot, str(tmp_path / "zo"))
        await pilot.press("tab")
        assert pilot.app.screen.line.value == f"{tmp_path}/zoo/"
        await fill(pilot, f"{tmp_path}/zoo/b")
        await until(pilot, lambda: "no config.json" in text_of(pilot))
        await fill(pilot, f"{tmp_path}/zoo/w")
        await pilot.press("tab")
        assert pilot.app.screen.line.value == f"{tmp_path}/zoo/whole/"
        await until(pilot, lambda: "parameters" in text_of(pilot) and "llama" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.recipe.model.id == f"{tmp_path}/zoo/whole")
    assert not [name for name in asked if name.startswith(("/", ".", "~"))]


async def test_a_bundled_set_brings_its_held_out_rows(work: Path):
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "data.train")
        await fill(pilot, "tasks")
        await until(pilot, lambda: "bundled:tasks" in text_of(pilot))
        await pilot.press("enter")
        await pilot.pause()
        data = screen.draft.recipe.data
        assert (data.train, data.eval) == ("bundled:tasks", "bundled:tasks/heldout")
        await pilot.press("u")
        assert screen.draft.recipe.data.train == "bundled:triage"


async def test_the_picker_says_whether_the_objective_takes_a_bundled_set(work: Path):
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "data.train")
        await fill(pilot, "preferences")
        await until(pilot, lambda: "held-out rows are used" in text_of(pilot) and "shape preference" in text_of(pilot))
        assert 'objective.kind = "dpo"' in " ".join(text_of(pilot).split())


async def test_tab_completes_and_enter_walks_into_folders(work: Path):
    write_rows(work / "corpora" / "first.jsonl", SHAPES["alpaca"] * 12)
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "data.train")
        await fill(pilot, "cor")
        await until(pilot, lambda: "corpora/" in text_of(pilot))
        await pilot.press("tab")
        await until(pilot, lambda: "corpora/first.jsonl" in text_of(pilot))
        await until(pilot, lambda: "alpaca" in text_of(pilot))
        await pilot.press("enter")
        await pilot.pause()
        assert screen.draft.recipe.data.train == "corpora/first.jsonl"
        assert screen.draft.recipe.data.eval == 0.05
        await until(pilot, lambda: screen.composing.estimate.rows == 11)


async def test_a_pasted_path_and_tab_in_one_burst_never_take_another_set(work: Path):
    write_rows(work / "corpora" / "first.jsonl", SHAPES["alpaca"] * 12)
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "data.train")
        await pilot.press(*"corpora/fi", "tab", "enter")
        await until(pilot, lambda: screen.draft.recipe.data.train == "corpora/first.jsonl")


async def test_held_out_data_may_be_a_fraction(work: Path):
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "data.eval")
        await fill(pilot, "0.2")
        await until(pilot, lambda: "20 % of the training rows" in text_of(pilot))
        await pilot.press("enter")
        await pilot.pause()
        assert screen.draft.recipe.data.eval == 0.2


async def test_hostile_file_and_model_names_stay_text(work: Path):
    names = [text.replace("/", "∕") for text in PAYLOADS.values() if "\0" not in text and "\ud800" not in text]
    for name in names:
        write_rows(work / f"{name[:60]}.jsonl", SHAPES["text"])
    folder = work / "[red]m\x1b]0;X\x07"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "README.md").write_text("---\nlicense: '[@click=app.quit]x\x1b[2J'\n---\n")
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "data.train")
        await until(pilot, lambda: ".jsonl" in text_of(pilot))
        for _ in range(6):
            await pilot.press("pagedown")
            assert_inert(shot_of(pilot.app))
        await pilot.press("escape")
        await open_field(pilot, screen, "model.id")
        await until(pilot, lambda: "[red]m" in text_of(pilot))
        await pilot.press("down")
        assert_inert(shot_of(pilot.app))
        await pilot.press("enter")
        await pilot.pause()
        assert_inert(shot_of(pilot.app))
        assert screen.draft.recipe == Recipe(), "a name with control characters is no name for a recipe"


def test_listing_and_completion(work: Path):
    for name in ("alpha-one.jsonl", "alpha-two.csv", "beta.txt", "image.png", ".hidden.jsonl"):
        (work / name).write_text("x")
    (work / "folder").mkdir()
    names = [entry.name for entry in list_files("", work).entries]
    assert names == ["folder/", "alpha-one.jsonl", "alpha-two.csv", "beta.txt"]
    found = list_files("al", work).entries
    assert completion("al", found) == "alpha-"
    assert [entry.name for entry in list_files(".h", work).entries] == [".hidden.jsonl"]
    assert list_files("nowhere/x", work).problem == "no such folder"


async def test_a_typed_hub_id_is_asked_about_once_typing_pauses(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model_folder(tmp_path / "published" / "small")
    monkeypatch.setattr(remote, "_answers", {})
    with serve(tmp_path / "published") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        async with composing() as (pilot, screen):
            await open_field(pilot, screen, "model.id")
            await fill(pilot, "owner/smal")
            await until(pilot, lambda: "does not exist on the Hub" in text_of(pilot))
            await fill(pilot, "owner/small")
            await until(pilot, lambda: "to download" in text_of(pilot))
            await pilot.press("enter")
            await until(
                pilot, lambda: screen.composing.estimate is not None and screen.composing.estimate.total is not None
            )
            assert screen.composing.estimate.forecast is not None and screen.composing.estimate.model_unknown == ""


# The catalogue

GPU = Gpu(0, "GPU-1", "NVIDIA A10G", memory_total=24 << 30, memory_free=22 << 30, capability=(8, 6))


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 36), marks=pytest.mark.slow)])
async def test_the_catalogue_comes_after_this_machine_with_the_traps_of_the_model_under_the_cursor(
    work: Path, size: tuple[int, int]
):
    async with composing(size=size) as (pilot, screen):
        await open_field(pilot, screen, "model.id")
        await until(pilot, lambda: "catalogue: downloaded when the run starts" in text_of(pilot))
        listed = [row.key for row in pilot.app.screen.list.rows]
        assert listed.index("bundled:nano") < listed.index("catalogue") < listed.index("Qwen/Qwen3-8B")
        assert pilot.app.screen.list.current == "bundled:nano"
        await fill(pilot, "gemma 2 9b-it gated")
        await until(pilot, lambda: pilot.app.screen.list.current == "google/gemma-2-9b-it")
        shown = text_of(pilot)
        assert re.search(r"google/gemma-2-9b-it +Hub gated +9.24 B +", shown)
        assert "8 k" in shown and "licence gemma" in shown and "accept its terms" in shown
        assert "takes no system turn" in shown and "needs about" in shown
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.recipe.model.id == "google/gemma-2-9b-it")


@pytest.mark.parametrize("typed", [pytest.param("microsoft/phi-4", marks=pytest.mark.slow), "Phi-4"])
async def test_a_name_that_is_typed_whole_is_the_model_that_is_used(work: Path, typed: str):
    """Microsoft/Phi-4-mini-instruct comes before it, and holds it."""
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "model.id")
        await until(pilot, lambda: "catalogue" in text_of(pilot))
        await fill(pilot, typed)
        await until(pilot, lambda: "microsoft/Phi-4-mini-instruct" in text_of(pilot) and "Qwen" not in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.recipe.model.id == "microsoft/phi-4")


async def test_typing_puts_the_cursor_on_the_first_match(work: Path):
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "model.id")
        await until(pilot, lambda: "catalogue" in text_of(pilot))
        await pilot.press(*["down"] * 6)
        await fill(pilot, "gemma-2")
        await until(pilot, lambda: pilot.app.screen.list.current == "google/gemma-2-2b-it")
        await pilot.press("down")
        await fill(pilot, "gemma-2-9b-")
        await until(pilot, lambda: pilot.app.screen.list.current == "google/gemma-2-9b-it")


async def test_models_are_held_against_the_card_that_the_run_would_have(work: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(GpuSampler, "sample", lambda self, patience=0.0: [GPU])
    async with composing() as (pilot, screen):
        screen.draft.set_values({"adapter.targets": ["q_proj", "gate_proj"]})
        await open_field(pilot, screen, "model.id")
        told = {
            "Qwen3-32B": ": too big", "Qwen3-0.6B": ": fits", "Qwen3.5-9B": "memory unknown",
            "Qwen3-30B-A3B": "not with these settings: adapter.",
        }  # fmt: skip
        for name, words in told.items():
            await fill(pilot, name)
            await until(pilot, lambda words=words: words in text_of(pilot))


async def test_what_is_wrong_with_ones_own_catalogue_is_told_in_the_picker(work: Path):
    own("models.toml", '["Qwen/Qwen3-8B"]\nstage = "chat"\n["/red"]\nfamily = "X"\n')
    async with composing() as (pilot, screen):
        await open_field(pilot, screen, "model.id")
        await until(pilot, lambda: "✗ models.toml [Qwen/Qwen3-8B] stage: expected" in text_of(pilot))
        shown = text_of(pilot)
        assert "✗ models.toml [/red] stage: missing" in shown
        assert "meta-llama/Llama-3.1-8B" in shown
