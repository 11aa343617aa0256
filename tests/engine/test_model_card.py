"""The card of a result, whatever its model and data are called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import datasets
import pytest
import torch
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from markdown_it.token import Token

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
    assert "`https://example.org/•••/rows.jsonl`, 3 rows" in card and "private" not in card


@pytest.mark.parametrize(
    "name",
    ["a`b", "`a``b`", "`", " a ", "a|b|", "<b>a</b>", "[a](b)", "*a*_b_", "&amp;", "a\\b", "### a", "${a}$"],
)
def test_its_text_shows_a_name_letter_for_letter(name: str) -> None:
    card = ModelCard(card_of(model=name, data=f"{name}.jsonl"))
    tokens = MarkdownIt("commonmark").enable("table").parse(card.text)
    lines: list[list[Token]] = [token.children or [] for token in tokens if token.type == "inline"]
    assert [token.content for token in lines[1]][1] == name and lines[1][1].type == "code_inline"
    (row,) = [number for number, line in enumerate(lines) if line and line[0].content == "data"]
    assert [token.content for token in lines[row + 1]][-2:] == [f"{name}.jsonl", ", 3 rows, 30 tokens"]
    assert lines[row + 2][0].content == "learned from"
