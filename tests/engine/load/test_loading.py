"""Checkpoints that are not whole, not the model's, or not alone in their folder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPTNeoXConfig

from tests.engine.support import (
    SMALL,
    VOCABULARY,
    Carry,
    conversation,
    make_model,
    make_tokenizer,
    save_model,
    write_rows,
)
from tuitune.engine.load.weights_check import Leftovers, hold
from tuitune.engine.process.failures import EngineError

Change = Callable[[dict[str, torch.Tensor]], Any]
UP = "model.layers.1.mlp.up_proj.weight"


def altered(folder: Path, change: Change, **config: Any) -> Path:
    """A model whose weights went through `change`, and whose config says something else."""
    save_model(folder, **config.pop("saved", {}))
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights) or weights, folder / "model.safetensors", metadata={"format": "pt"})
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | config))
    return folder


def held(folder: Path) -> Leftovers:
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, ignore_mismatched_sizes=True)
    return hold(model, info, "it")


def without(name: str) -> Change:
    return lambda weights: weights.__delitem__(name)


def with_tensor(name: str, *shape: int) -> Change:
    return lambda weights: weights.update({name: torch.ones(shape)})


@pytest.mark.parametrize(
    ("change", "config", "words"),
    [
        (without(UP), {}, f"{UP}: not in the checkpoint"),
        (lambda weights: {f"module.{name}": one for name, one in weights.items()}, {}, "lm_head.weight, model.embed"),
        (lambda weights: None, {"num_hidden_layers": 3}, "model.layers.2.input_layernorm.*: not in the checkpoint"),
        (lambda weights: None, {"num_hidden_layers": 1}, "model.layers.1.input_layernorm.weight.*not in the model"),
        (lambda weights: None, {"vocab_size": 330}, r"embed_tokens.weight \(320 × 64 instead of 330 × 64\)"),
        (with_tensor("model.layers.0.self_attn.q_proj.bias", 64), {}, "q_proj.bias: in the checkpoint, but not"),
        (with_tensor("model.layers.0.self_attn.q_norm.weight", 16), {}, "q_norm.weight: in the checkpoint, but not"),
        (lambda weights: weights[UP].fill_(float("nan")) is None, {}, f"{UP}: not finite"),
        (lambda weights: weights["model.norm.weight"].fill_(float("nan")) is None, {}, "model.norm.weight: not finite"),
        (lambda weights: weights[UP][3:4, 5:6].fill_(float("-inf")) is None, {}, f"{UP}: not finite"),
    ],
)  # fmt: skip
def test_weights_of_another_model_are_refused_by_name(tmp_path: Path, change: Change, config: Any, words: str) -> None:
    with pytest.raises(EngineError) as caught:
        held(altered(tmp_path / "model", change, **config))
    assert re.search(words, str(caught.value))
    assert caught.value.problems[0].message.startswith("model.id: ")


def test_what_belongs_to_no_part_of_the_model_is_not_read_and_is_said(tmp_path: Path) -> None:
    change = with_tensor("visual.patch.weight", 4, 4)
    assert held(altered(tmp_path / "model", change)) == Leftovers(["visual.patch.weight"], [])


def test_a_matrix_of_zeros_is_said(tmp_path: Path) -> None:
    assert held(altered(tmp_path / "model", lambda weights: weights[UP].zero_() is None)) == Leftovers([], [UP])


@pytest.mark.parametrize(("kind", "dead"), [("llama", True), ("qwen3", True), ("gemma2", False), ("gpt_neox", True)])
def test_a_normalisation_that_lets_nothing_through_is_said(kind: str, dead: bool) -> None:
    """Gemma scales with 1 + weight; GPT-NeoX's have biases beside their weights, which are zero at first, and usual."""
    if kind == "gpt_neox":
        model = AutoModelForCausalLM.from_config(GPTNeoXConfig(**{**SMALL, "bos_token_id": 0}))
        norm = "gpt_neox.layers.1.post_attention_layernorm.weight"
    else:
        model, norm = make_model(kind), "model.layers.1.input_layernorm.weight"
    whole: dict[str, Any] = {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
    assert hold(model, whole, "it").zero == []
    torch.nn.init.zeros_(model.get_parameter(norm))
    assert hold(model, whole, "it").zero == ([norm] if dead else [])


def test_a_head_that_is_the_embedding_need_not_be_stored(tmp_path: Path) -> None:
    tied = {"tie_word_embeddings": True}
    assert held(altered(tmp_path / "model", lambda weights: None, saved=tied)) == Leftovers([], [])
    stored = altered(
        tmp_path / "both",
        with_tensor("lm_head.weight", 320, 64),
        saved=tied,
    )
    assert held(stored).zero == []


def test_an_adapter_in_the_folder_of_its_base_is_left_there(carried: Carry, tiny: Path, tmp_path: Path) -> None:
    first = carried(adapter__targets=["q_proj"], training__learning_rate=0.05)
    base = shutil.copytree(tiny, tmp_path / "base")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(first.run.adapter / name, base)
    again = carried(adapter__targets=["q_proj"], training__learning_rate=0.05, model__id=str(base))
    assert again.code == 0, again.reason
    assert again.losses == first.losses
    assert "adapter-beside" in [alert["id"] for alert in again.records("alert")]


def test_weights_that_are_not_the_models_end_a_run_before_it_trains(carried: Carry, tmp_path: Path) -> None:
    folder = altered(tmp_path / "model", without(UP))
    outcome = carried(model__id=str(folder))
    assert outcome.code == 1 and not outcome.losses
    assert UP in str(outcome.reason)


def test_a_token_that_the_tokenizer_alone_has_is_named_where_rows_use_it(carried: Carry, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model")
    tokenizer = make_tokenizer()
    tokenizer.add_tokens([f"<|{number}|>" for number in range(VOCABULARY - len(tokenizer) + 3)], special_tokens=True)
    tokenizer.save_pretrained(folder)
    last = tokenizer.convert_ids_to_tokens(len(tokenizer) - 1)
    plain = [conversation(number) for number in range(8)]
    unused = carried(model__id=str(folder), data__train=str(write_rows(tmp_path / "plain.jsonl", plain)))
    assert unused.code == 0, unused.reason
    plain[3]["messages"][1]["content"] += last
    used = carried(model__id=str(folder), data__train=str(write_rows(tmp_path / "used.jsonl", plain)))
    assert used.code == 1 and not used.losses
    assert last in str(used.reason) and "resize_token_embeddings" in str(used.reason)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    resized = carried(model__id=str(folder), data__train=str(tmp_path / "used.jsonl"))
    assert resized.code == 0, resized.reason


def test_a_tokenizer_without_any_special_token_trains_answers_and_is_saved(carried: Carry, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model", bos_token_id=None, eos_token_id=None, pad_token_id=None)
    tokenizer = make_tokenizer()
    for name in ("pad_token", "eos_token"):
        setattr(tokenizer, name, None)
    tokenizer.save_pretrained(folder)
    outcome = carried(
        model__id=str(folder), samples__prompts=["Hello", "How are you today?"], samples__max_new_tokens=3,
        samples__every="end", evaluation__answers=2,
    )  # fmt: skip
    assert outcome.code == 0, outcome.reason
    assert {sample["index"] for sample in outcome.samples} == {0, 1}
    assert (outcome.run.adapter / "tokenizer.json").is_file()


def test_prompts_of_several_lengths_are_answered_as_each_alone(carried: Carry) -> None:
    prompts = ["Hello", "How are you today, and where is my order? " * 3]
    settings: dict[str, Any] = {"samples__max_new_tokens": 6, "samples__every": "end", "training__max_steps": 1}
    together = {one["prompt"]: one["answer"] for one in carried(samples__prompts=prompts, **settings).samples}
    for prompt in prompts:
        alone = carried(samples__prompts=[prompt], **settings).samples
        assert together[prompt] == alone[-1]["answer"]


def test_weights_in_8_bit_floats_are_unpacked_and_trained_on(carried: Carry, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if name.endswith("_proj.weight")]:
        scale = weights[name].abs().max() / 448
        weights[name] = (weights[name] / scale).to(torch.float8_e4m3fn)
        weights[f"{name}_scale_inv"] = scale.reshape(1, 1).float()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    stored = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": stored}))
    outcome = carried(model__id=str(folder))
    assert outcome.code == 0, outcome.reason
    assert outcome.records("artefact")[0]["reload_difference"] == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"do_sample": False, "temperature": 0.9, "pad_token_id": 3, "eos_token_id": 1},
        {"num_return_sequences": 3, "pad_token_id": 3, "eos_token_id": 1},
    ],
)
def test_generation_settings_that_cannot_be_saved_do_not_lose_the_result(
    carried: Carry, tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = save_model(tmp_path / "model")
    (folder / "generation_config.json").write_text(json.dumps(settings))
    outcome = carried(model__id=str(folder), adapter__method="none")
    assert outcome.code == 0, outcome.reason
    saved = json.loads((outcome.run.path / "model" / "generation_config.json").read_text())
    assert saved["eos_token_id"] in (1, [1])
    assert "generation-settings" in [alert["id"] for alert in outcome.records("alert")]
