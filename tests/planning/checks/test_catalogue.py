"""What the catalogues say of a recipe: whether it fits a card, and what to know of its model before it is here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.hardware.folders import model_folder
from tests.hardware.test_catalogue import own
from tests.hardware.test_models import cached
from tuitune.hardware.base_models import FILE as MODELS
from tuitune.hardware.base_models import base_models
from tuitune.hardware.cards import FILE as CARDS
from tuitune.hardware.cards import Card, cards
from tuitune.hardware.gpus import Gpu
from tuitune.hardware.session import Session
from tuitune.planning.checks.card import CardFit, on_card
from tuitune.planning.preflight import Check, check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.presets import apply_preset
from tuitune.recipe.schema import Recipe

H200 = Gpu(index=0, uuid=None, name="NVIDIA H200", memory_total=150 << 30, memory_free=140 << 30, capability=(9, 0))
CHAT = {"messages": [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Blue."}]}
SYSTEM = {"messages": [{"role": "system", "content": "Be brief."}, *CHAT["messages"]]}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def looked_at(here: Path, model: str, rows: list[dict[str, Any]] | None = None, **values: Any) -> Check:
    """A recipe over a model that is not here, and rows in a file; nobody has asked the Hub."""
    (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (rows or [CHAT]) * 120))
    chosen = {"model.id": model, "data.train": "rows.jsonl"}
    chosen |= {key.replace("__", "."): value for key, value in values.items()}
    return check(with_values(Recipe(), chosen), base=here, gpus=[H200], where=Session())


def advice(found: Check, name: str) -> list[tuple[str, str]]:
    return [(one.key, one.message) for one in found.advice if one.id == name]


def fit(model: str, card: str, preset: str = "fits-16gb", **values: Any) -> CardFit:
    entry, named = base_models().find(model), cards().find(card)
    assert entry and entry.facts and named
    recipe = with_values(apply_preset(Recipe(), preset), {key.replace("__", "."): one for key, one in values.items()})
    found = on_card(named, recipe, entry.facts)
    assert found is not None
    return found


# Cards


def test_the_facts_page_holds_on_the_cards_of_the_catalogue() -> None:
    """QLoRA: 7B on a T4 and an A10G; 70B on 80 GB, but not on 40."""
    assert fit("Qwen/Qwen2-7B-Instruct", "T4").state == "fits"
    assert fit("Qwen/Qwen2-7B-Instruct", "A10G", "fits-24gb").state == "fits"
    assert fit("meta-llama/Llama-3.3-70B-Instruct", "A100 80GB").state == "fits"
    assert fit("meta-llama/Llama-3.3-70B-Instruct", "A100 40GB").state == "too big"


def test_a_card_of_ones_own_is_one_to_hold_a_recipe_against() -> None:
    needed = fit("Qwen/Qwen3-8B", "A10G").forecast.total
    for number, (share, state) in enumerate([(1.2, "fits"), (1.02, "tight"), (0.9, "too big")]):
        memory = needed * share / 0.95 / 2**30
        own(CARDS, f'["mine {number}"]\nmemory_gib = {memory}\ncapability = "8.6"\n')
        assert fit("Qwen/Qwen3-8B", f"mine {number}").state == state


def test_an_old_card_needs_more_and_is_refused_what_overflows_there() -> None:
    old, new = fit("Qwen/Qwen3-1.7B", "T4"), fit("Qwen/Qwen3-1.7B", "RTX 3090")
    assert (old.forecast.modern, new.forecast.modern) == (False, True)
    assert old.forecast.total > new.forecast.total
    gemma = fit("google/gemma-3-1b-it", "T4")
    assert gemma.state == "refused"
    assert "float16" in gemma.refused and "training.precision" in gemma.refused
    assert fit("google/gemma-3-1b-it", "T4", training__precision="fp32").state == "fits"
    assert fit("google/gemma-3-1b-it", "RTX 3090").state == "fits"


def test_nothing_is_forecast_where_sizes_are_not_known() -> None:
    entry = base_models().find("Qwen/Qwen3.5-9B")
    assert entry is not None and entry.facts is None
    card = Card(name="any", memory_gib=24.0, capability="9.0")
    unknown = base_models().find("Qwen/Qwen3-8B")
    assert unknown and unknown.facts
    assert on_card(card, Recipe(), replace(unknown.facts, linears=(), parameters=None)) is None


# Models


def test_a_model_of_the_catalogue_is_forecast_before_the_hub_has_been_asked(here: Path) -> None:
    found = looked_at(here, "meta-llama/Llama-3.1-8B-Instruct")
    assert (found.errors, found.total, found.to_ask) == ([], 8_030_261_248, "meta-llama/Llama-3.1-8B-Instruct")
    assert found.forecast and found.fit and found.fit.state == "fits"
    assert any("catalogue" in text for text in found.forecast.assumptions)
    assert looked_at(here, "someone/else").forecast is None


def test_offline_the_download_is_refused_and_the_forecast_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = looked_at(here, "Qwen/Qwen3-8B")
    assert [(problem.key, "HF_HUB_OFFLINE" in problem.message) for problem in found.errors] == [("model.id", True)]
    assert found.forecast is not None


def test_a_gated_model_says_how_to_get_at_it_until_it_is_here(here: Path, tmp_path: Path) -> None:
    ((key, message),) = advice(looked_at(here, "google/gemma-2-9b-it"), "gated")
    assert key == "model.id"
    assert all(word in message for word in ("huggingface.co/google/gemma-2-9b-it", "hf auth login", "HF_TOKEN"))
    assert advice(looked_at(here, "Qwen/Qwen3-8B"), "gated") == []
    cached(tmp_path, "google/gemma-2-9b-it")
    assert advice(looked_at(here, "google/gemma-2-9b-it"), "gated") == []


def test_a_base_model_without_a_chat_template_warns_of_conversations_alone(here: Path) -> None:
    assert advice(looked_at(here, "meta-llama/Llama-3.1-8B"), "chat-template")
    text = [{"text": f"Blue is colour number {number}."} for number in range(3)]
    assert not advice(looked_at(here, "meta-llama/Llama-3.1-8B", text), "chat-template")
    assert not advice(looked_at(here, "meta-llama/Llama-3.1-8B-Instruct"), "chat-template")


def test_system_turns_that_a_template_refuses_are_told_before_the_download_with_a_fix(here: Path) -> None:
    rows = [SYSTEM, CHAT]
    (found,) = [one for one in looked_at(here, "google/gemma-2-9b-it", rows).advice if one.id == "no-system-turn"]
    assert (found.level, found.fix) == ("warning", {"data.left_out": "inline"})
    assert "100 of the first rows" in found.message
    fixed = looked_at(here, "google/gemma-2-9b-it", rows, data__left_out="inline")
    assert advice(fixed, "no-system-turn") == []
    assert advice(looked_at(here, "google/gemma-2-9b-it"), "no-system-turn") == [], "no row has one"
    assert advice(looked_at(here, "google/gemma-3-1b-it", rows), "no-system-turn") == [], "its template takes them"


def test_traps_are_told_of_models_of_the_catalogue_alone(here: Path) -> None:
    ((key, message),) = advice(looked_at(here, "Qwen/Qwen3-8B"), "known-trap")
    assert key == "model.id" and "<think>" in message
    own(MODELS, '["acme/x"]\nfamily = "X"\nstage = "base"\nlicence = "mit"\ntraps = ["ask \\u001b[31mAnna"]\n')
    ((_, message),) = advice(looked_at(here, "acme/x"), "known-trap")
    assert "Anna" in message and "\x1b" not in message
    assert advice(looked_at(here, "someone/else"), "known-trap") == []


def test_a_folder_of_that_name_is_not_the_model_of_the_catalogue(here: Path) -> None:
    model_folder(here / "Qwen" / "Qwen3-8B")
    found = looked_at(here, "Qwen/Qwen3-8B")
    assert found.total is not None and found.total < 1_000_000
    assert advice(found, "known-trap") == []
