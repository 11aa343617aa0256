"""For each family of chat templates: what the inspector shows as learned is what the trainer learns, token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer
from trl import chat_template_utils
from trl.chat_template_utils import get_training_chat_template

from tests.engine.support import Carry, make_model, make_tokenizer, write_rows
from tuitune.recipe.document import read

TEMPLATES = Path(chat_template_utils.__file__).with_name("chat_templates")
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

TALK = {
    "messages": [
        {"role": "user", "content": "Hé 👋, the first?"},
        {"role": "assistant", "content": "One of two 👋."},
        {"role": "user", "content": "And then?"},
        {"role": "assistant", "content": "  Two,\n\nat last. "},
    ]
}
SYSTEM = {"messages": [{"role": "system", "content": "Be brief."}, *TALK["messages"]]}
CALL = {"type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
TOOL = {
    "messages": [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "name": "clock", "content": "12:00"},
        {"role": "assistant", "content": "It is noon."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "clock",
                "description": "Tells the time.",
                "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
            },
        }
    ],
}
THINKING = {
    "messages": [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\n4"},
        {"role": "user", "content": "And 3 + 3?"},
        {"role": "assistant", "content": "<think>\nThree and three.\n</think>\n\n6"},
    ]
}

WEIGHTED = {
    "messages": [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Wrong.", "weight": 0},
        {"role": "user", "content": "Again: one?"},
        {"role": "assistant", "content": "Right.", "weight": 1},
    ]
}

HEADERS = ["<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|python_tag|>"]
QWEN = ["<|im_start|>", "<think>", "</think>", "<tool_call>", "</tool_call>"]
FAMILIES: dict[str, tuple[str | None, str, list[str], list[dict[str, Any]], str]] = {
    "llama3": ("<|begin_of_text|>", "<|eot_id|>", HEADERS, [TALK, SYSTEM], "trl"),
    "llama3_1": ("<|begin_of_text|>", "<|eot_id|>", HEADERS, [TALK, SYSTEM, TOOL, WEIGHTED], "rendered"),
    "qwen2_5": (None, "<|im_end|>", QWEN, [TALK, SYSTEM, TOOL, WEIGHTED], "trl"),
    "qwen3": (None, "<|im_end|>", QWEN, [TALK, SYSTEM, TOOL, THINKING], "trl"),
    "gemma": ("<bos>", "<end_of_turn>", ["<start_of_turn>"], [TALK], "trl"),
    "phi3": (None, "<|end|>", ["<|user|>", "<|assistant|>", "<|system|>"], [TALK, SYSTEM], "trl"),
    "chatml": (None, "<|im_end|>", QWEN, [TALK, SYSTEM], "rendered"),
}
"""Beginning and end of text, further special tokens, rows that the template takes, and who marks the answers."""


def save_family(folder: Path, name: str) -> Path:
    """A small model with a tokenizer that has the family's special tokens and template."""
    bos, eos, special, _, _ = FAMILIES[name]
    file = TEMPLATES / f"{name}.jinja"
    tokenizer = make_tokenizer(file.read_text() if file.exists() else CHATML)
    begin = {"bos_token": bos} if bos else {}
    tokenizer.add_special_tokens({"eos_token": eos, "extra_special_tokens": special, **begin})
    tokenizer.save_pretrained(folder)
    model = make_model(vocab_size=400, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], list[int]]]:
    """The documents that come to compute_loss: their tokens, and for each whether it is learned."""
    from tuitune.engine.objectives.sft import SftTrainer

    documents = []
    original = SftTrainer.compute_loss

    def listening(self: Any, model: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
        ids, labels = inputs["input_ids"][0].tolist(), inputs["labels"][0].tolist()
        start = 0
        for length in inputs["document_lengths"]:
            part = slice(start, start + length)
            assert all(label in (-100, token) for token, label in zip(ids[part], labels[part], strict=True))
            documents.append((ids[part], [int(label >= 0) for label in labels[part]]))
            start += length
        return original(self, model, inputs, *rest, **more)

    monkeypatch.setattr(SftTrainer, "compute_loss", listening)
    return documents


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize(
    ("name", "loss_on"),
    [*((name, "assistant") for name in FAMILIES), ("qwen3", "completion"), ("llama3_1", "completion")],
)
def test_the_inspector_shows_what_is_learned(
    carried: Carry, learned: list[tuple[list[int], list[int]]], tmp_path: Path, name: str, loss_on: str
) -> None:
    from tuitune.engine.jobs.inspector import RowInspector

    *_, rows, marked = FAMILIES[name]
    outcome = carried(
        model__id=str(save_family(tmp_path / "model", name)),
        data__train=str(write_rows(tmp_path / "rows.jsonl", rows)),
        data__eval="", data__max_length=1024, data__loss_on=loss_on, evaluation__perplexity=False,
        training__batch_size=8, training__max_steps=1,
    )  # fmt: skip
    assert outcome.code == 0, outcome.reason

    inspector = RowInspector(read(outcome.run.recipe_file), tmp_path)
    assert inspector.opened()["marked"] == marked
    shown = []
    for row in rows:
        reply = inspector.row(row)
        tokens = reply["tokens"][: reply["kept"]]
        assert 0 < reply["trained"] < len(tokens) and "".join(text for text, *_ in tokens) == reply["rendered"]
        assert any(verdict["id"] == "learned" for verdict in reply["verdicts"]), reply["verdicts"]
        shown.append(([one[1] for one in tokens], [one[2] for one in tokens]))
        assert all(bool(why) != bool(mark) for _, _, mark, _, why in tokens)
    assert sorted(learned) == sorted(shown)


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family[-1] == "trl"])
def test_the_masks_are_those_of_trl(tmp_path: Path, name: str) -> None:
    """transformers' own mask of trl's training template: where tokens do not straddle the marks they must agree, but
    for what no model is to write: what stands behind an end token, a line break or one more end, and the line break
    of the opening, `assistant` and all, that it is asked with. It knows no weights.
    """
    from tuitune.engine.tokens.encode import Encoder
    from tuitune.engine.tokens.template import ChatTemplate

    tokenizer = AutoTokenizer.from_pretrained(save_family(tmp_path / "model", name))
    encoder = Encoder(ChatTemplate(tokenizer), "assistant", 1024)
    for row in FAMILIES[name][3]:
        if row is WEIGHTED:
            continue
        (encoded,) = encoder.encode([row])
        theirs = tokenizer.apply_chat_template(
            row["messages"], tools=row.get("tools"), chat_template=get_training_chat_template(tokenizer),
            return_dict=True, return_assistant_tokens_mask=True,
        )  # fmt: skip
        assert encoded.input_ids.tolist() == theirs["input_ids"]
        ours = [int(label >= 0) for label in encoded.labels]
        blank = [not tokenizer.decode([token]).strip() for token in encoded.input_ids]
        ends = [token == tokenizer.eos_token_id for token in encoded.input_ids]
        behind: set[int] = set()
        for place in range(1, len(ends)):
            if (ends[place - 1] or place - 1 in behind) and (blank[place] or ends[place]):
                behind.add(place)
        pieces = [tokenizer.decode([token]) for token in encoded.input_ids]
        told = "".join(pieces)
        for place, piece in enumerate(pieces):
            before = "".join(pieces[:place])
            if piece == "\n" and before.endswith("assistant") and told.startswith(f"{before}\n"):
                behind.add(place)
        assert not any(ours[place] for place in behind)
        assert ours == [0 if place in behind else mark for place, mark in enumerate(theirs["assistant_masks"])]
