"""The card of a result, whatever its model and data are called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import datasets
import pytest
import torch
from huggingface_hub import ModelCard

from tuitune.engine.result.model_card import model_card
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe

BASE: Any = SimpleNamespace(
    commit=None, model=SimpleNamespace(dtype=torch.float32), tokenizer=SimpleNamespace(chat_template=None)
)
DATA: Any = SimpleNamespace(
    train_rows=3, train_tokens=30, held_out_count=1, train=datasets.Dataset.from_dict({"input_ids": [[1]]})
)


def card_of(**settings: str) -> str:
    tables = {"model": {"id": settings["model"]}, "data": {"train": settings.get("data", "bundled:triage")}}
    return model_card(apply(Recipe(), []).model_validate(tables), BASE, DATA, {}, 1, complete=True)


@pytest.mark.parametrize("name", ["x: y # z", "- a", "[b]", "'c\"", "@d", "yes", "1.5", "{e: f}", "naïve"])
def test_its_head_names_the_base_whatever_that_is_called(name: str) -> None:
    head = ModelCard(card_of(model=name)).data
    assert (head.base_model, head.library_name, head.tags) == (name, "peft", ["tuitune", "sft", "lora"])


def test_an_address_is_named_without_its_query() -> None:
    card = card_of(model="bundled:nano", data="https://example.org/hf_" + "a1" * 16 + "/rows.jsonl?key=1&x=private")
    assert "https://example.org/•••/rows.jsonl, 3 rows" in card and "private" not in card
