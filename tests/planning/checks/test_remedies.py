"""Every remedy that a refusal names was tried: with it, the recipe that was refused passes the check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hardware.folders import TINY, llama_tensors, model_folder
from tests.planning.checks.test_preflight import CARD, ROWS, rows
from tuitune.planning.preflight import Check, check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe

Settings = dict[str, Any]

BIASES: list[Settings] = [
    {"adapter.bias": "none"},
    {"training.precision": "bf16", "model.dtype": "auto"},
    {"training.precision": "fp32", "model.dtype": "auto"},
    {"model.dtype": "float32"},
]
EXPERTS: Settings = {"model.id": "mixtral", "adapter.targets": ["w1", "w2", "w3"]}
REWARDED: Settings = {"objective.kind": "grpo", "rewards.weights": {"json": 1.0}}
REFUSED: list[tuple[str, Settings, list[Settings]]] = [
    (
        "quantization.bits",
        {"adapter.method": "none", "quantization.bits": 4},
        [{"quantization.bits": 16}, {"adapter.method": "lora"}],
    ),
    (
        "quantization.bits",
        {"adapter.method": "ia3", "quantization.bits": 4},
        [{"quantization.bits": 16}, {"adapter.method": "lora"}],
    ),
    ("quantization.bits", {"adapter.method": "hra", "quantization.bits": 8}, [{"quantization.bits": 16}]),
    (
        "quantization.bits",
        {"adapter.method": "adalora", "quantization.bits": 8},
        [{"quantization.bits": 4}, {"quantization.bits": 16}, {"adapter.method": "lora"}],
    ),
    (
        "objective.kind",
        {**REWARDED, "adapter.method": "prompt"},
        [{"objective.kind": "sft"}, {"adapter.method": "lora"}],
    ),
    ("adapter.method", {"adapter.method": "poly"}, [{"adapter.method": "lora"}]),
    (
        "adapter.method",
        {"model.id": "mixtral", "adapter.method": "prefix"},
        [{"adapter.method": "ptuning"}, {"adapter.method": "lora"}],
    ),
    (
        "adapter.init",
        {"adapter.init": "pissa", "adapter.rank": 8, "quantization.bits": 4},
        [{"adapter.init": "olora"}, {"adapter.init": "default"}, {"quantization.bits": 16}],
    ),
    (
        "adapter.init",
        {"model.id": "quantized", "adapter.init": "pissa", "adapter.rank": 8},
        [{"adapter.init": "olora"}, {"adapter.init": "default"}],
    ),
    (
        "adapter.bias",
        {
            "adapter.bias": "all",
            "objective.kind": "rloo",
            "objective.kl": 0.1,
            "adapter.dropout": 0.0,
            "rewards.weights": {"length": 1.0},
        },
        [{"adapter.bias": "none"}, {"objective.kl": 0.0}],
    ),
    (
        "adapter.init",
        {"adapter.init": "loftq", "adapter.rank": 8},
        [{"adapter.init": "default"}, {"quantization.bits": 4}],
    ),
    (
        "adapter.init",
        {"adapter.init": "loftq", "adapter.rank": 8, "quantization.bits": 8, "adapter.dora": True},
        [{"adapter.dora": False}],
    ),
    (
        "adapter.init",
        {"adapter.init": "eva", "adapter.rank": 8, "objective.kind": "grpo", "rewards.weights": {"length": 1.0}},
        [{"adapter.init": "default"}],
    ),
    ("adapter.init", {"adapter.init": "olora", "adapter.dora": True, "adapter.rank": 8}, [{"adapter.dora": False}]),
    ("adapter.init", EXPERTS | {"adapter.init": "olora", "adapter.dropout": 0.0}, [{"adapter.init": "default"}]),
    ("adapter.layers", {"adapter.layers": "0, 7-9"}, [{"adapter.layers": "0"}, {"adapter.layers": ""}]),
    ("adapter.layers", {"adapter.layers": "1-0"}, [{"adapter.layers": "0"}]),
    ("adapter.layers", EXPERTS | {"adapter.layers": "0", "adapter.dropout": 0.0}, [{"adapter.layers": ""}]),
    ("adapter.rank", {"adapter.init": "olora", "adapter.rank": 512}, [{"adapter.rank": 8}]),
    ("adapter.rank", {"adapter.init": "eva", "adapter.rank": 17}, [{"adapter.rank": 16}]),
    ("adapter.rank", {"adapter.init": "orthogonal", "adapter.rank": 7}, [{"adapter.rank": 8}]),
    (
        "adapter.rank_pattern",
        {"adapter.init": "pissa", "adapter.rank": 8, "adapter.rank_pattern": {"k_proj": 9}},
        [{"adapter.rank_pattern": {"k_proj": 8}}],
    ),
    ("adapter.rank_pattern", {"adapter.rank_pattern": {"k_porj": 8}}, [{"adapter.rank_pattern": {"k_proj": 8}}]),
    ("adapter.alpha_pattern", {"adapter.alpha_pattern": {"up_proj": 8}}, [{"adapter.alpha_pattern": {"q_proj": 8}}]),
    (
        "adapter.rank_pattern",
        EXPERTS
        | {"adapter.targets": ["o_proj", "w1", "w2", "w3"], "adapter.rank_pattern": {"w1": 8}, "adapter.dropout": 0.0},
        [{"adapter.rank_pattern": {"o_proj": 8}}],
    ),
    ("adapter.layers", {"adapter.layers": "last 2"}, [{"adapter.layers": "last 1"}]),
    ("adapter.layers", {"adapter.method": "none", "adapter.layers": "3"}, [{"adapter.layers": "0"}]),
    (
        "adapter.modules_to_save",
        {"model.id": "tied", "adapter.modules_to_save": "head"},
        [{"adapter.modules_to_save": "both"}],
    ),
    (
        "adapter.trainable_tokens",
        {"adapter.trainable_tokens": ["<|ent|>"]},
        [{"adapter.trainable_tokens": ["<|end|>"]}],
    ),
    ("adapter.trainable_tokens", {"adapter.trainable_tokens": ["a", "a"]}, [{"adapter.trainable_tokens": ["a"]}]),
    (
        "adapter.trainable_tokens",
        {"adapter.trainable_tokens": ["a"], "adapter.modules_to_save": "embeddings"},
        [{"adapter.modules_to_save": "none"}, {"adapter.trainable_tokens": []}],
    ),
    (
        "adapter.target_rank",
        {"adapter.method": "adalora", "adapter.target_rank": 12},
        [{"adapter.target_rank": 11}, {"adapter.method": "lora"}],
    ),
    (
        "adapter.cut_until",
        {"adapter.method": "adalora", "adapter.cut_from": 0.7},
        [{"adapter.cut_until": 0.8}, {"adapter.method": "lora"}],
    ),
    (
        "training.precision",
        {"model.dtype": "bfloat16", "training.precision": "fp16"},
        [{"training.precision": "auto"}, {"training.precision": "bf16"}],
    ),
    (
        "training.precision",
        {"model.dtype": "float16", "training.precision": "bf16"},
        [{"training.precision": "auto"}, {"training.precision": "fp16"}],
    ),
    ("model.dtype", {"adapter.method": "none", "model.dtype": "float16"}, [{"model.dtype": "float32"}]),
    ("adapter.bias", {"adapter.bias": "all", "model.dtype": "float16"}, BIASES),
    ("adapter.bias", {"adapter.bias": "lora_only", "training.precision": "fp16"}, BIASES),
    ("adapter.targets", {"adapter.targets": []}, [{"adapter.targets": ["q_proj", "v_proj"]}]),
    ("adapter.targets", {"adapter.targets": ["all-linear", "q_proj"]}, [{"adapter.targets": "all-linear"}]),
    (
        "evaluation.answers",
        {"evaluation.answers": 4, "data.eval": None},
        [{"data.eval": 0.1}, {"evaluation.answers": 0}],
    ),
    ("data.limit", {"data.limit": 1}, [{"data.limit": 40}, {"data.eval": None}]),
    ("data.loss_on", {"data.train": "text.jsonl", "data.shape": "text"}, [{"data.loss_on": "all"}]),
    (
        "evaluation.patience",
        {"evaluation.patience": 2, "data.eval": None, "evaluation.every": 5},
        [{"data.eval": 0.1}, {"evaluation.patience": None}],
    ),
    (
        "evaluation.patience",
        {"evaluation.patience": 2, "evaluation.every": "end"},
        [{"evaluation.every": 5}, {"evaluation.every": "epoch"}],
    ),
    ("limits.cost", {"limits.cost": 5.0}, [{"limits.price_per_hour": 2.0}, {"limits.cost": None}]),
    ("data.train", {"data.train": "bad.jsonl"}, [{"cleaning.unusable": "drop"}]),
    ("quantization.bits", {"model.id": "quantized", "quantization.bits": 4}, [{"quantization.bits": 16}]),
    ("adapter.method", {"model.id": "quantized", "adapter.method": "none"}, [{"adapter.method": "lora"}]),
    ("adapter.method", {"model.id": "quantized", "adapter.method": "ia3"}, [{"adapter.method": "lora"}]),
    (
        "adapter.targets",
        EXPERTS | {"adapter.targets": ["o_proj", "w1", "w2", "w3"], "adapter.method": "adalora"},
        [{"adapter.targets": ["o_proj"]}, {"adapter.method": "lora", "adapter.dropout": 0.0}],
    ),
    ("data.max_length", {"model.id": "gpt2", "data.max_length": 512}, [{"data.max_length": 256}]),
    (
        "objective.answer_length",
        REWARDED | {"model.id": "gpt2", "data.max_length": 200, "objective.answer_length": 100},
        [{"objective.answer_length": 56}, {"data.max_length": 156}],
    ),
    (
        "data.max_length",
        REWARDED | {"model.id": "gpt2", "data.max_length": 512},
        [{"data.max_length": 128, "objective.answer_length": 128}],
    ),
    ("hardware.gpu", {"hardware.gpu": "7"}, [{"hardware.gpu": "auto"}]),
    ("adapter.dropout", EXPERTS | {"adapter.dropout": 0.1}, [{"adapter.dropout": 0.0}]),
    ("adapter.dora", EXPERTS | {"adapter.dora": True, "adapter.dropout": 0.0}, [{"adapter.dora": False}]),
]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Models and rows, good and bad."""
    packed = {"packed": ("U8", [64], 64)}
    model_folder(tmp_path / "tiny")
    (tmp_path / "tiny/tokenizer.json").write_text(
        json.dumps({"added_tokens": [{"id": 1, "content": "<|end|>"}], "model": {"vocab": {"a": 0}}})
    )
    tied = {name: one for name, one in llama_tensors(TINY).items() if name != "lm_head.weight"}
    model_folder(tmp_path / "tied", {**TINY, "tie_word_embeddings": True}, tied)
    stored = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    model_folder(tmp_path / "quantized", {**TINY, **stored}, packed)
    gpt2 = {"n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 256, "vocab_size": 400}
    model_folder(tmp_path / "gpt2", {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], **gpt2}, packed)
    mixture = {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 4}
    model_folder(tmp_path / "mixtral", {**TINY, **mixture, "num_experts_per_tok": 2}, packed)
    rows(tmp_path / "rows.jsonl", ROWS)
    rows(tmp_path / "bad.jsonl", [*ROWS, {"instruction": "Say"}])
    rows(tmp_path / "text.jsonl", [{"text": f"Number {number}."} for number in range(150)])
    return tmp_path


@pytest.mark.parametrize(("key", "settings", "remedies"), REFUSED, ids=lambda one: one if isinstance(one, str) else "")
def test_a_remedy_that_is_named_helps(base: Path, key: str, settings: Settings, remedies: list[Settings]) -> None:
    usual = {"model.id": "tiny", "data.train": "rows.jsonl"}
    usual |= {"adapter.targets": ["c_attn"]} if settings.get("model.id") == "gpt2" else {}

    def looked_at(more: Settings) -> Check:
        return check(with_values(Recipe(), {**usual, **settings, **more}), base=base, gpus=[CARD])

    problem = looked_at({}).errors[0]
    assert problem.key == key, problem
    for remedy in remedies:
        assert looked_at(remedy).errors == [], (problem, remedy)


def test_weights_that_come_in_four_bits_go_with_what_those_go_with(base: Path) -> None:
    """AdaLoRA goes with four bits and not with eight, SHiRA too, LoHa the other way round."""
    for name, goes in {"adalora": True, "shira": True, "loha": False}.items():
        wanted = {"model.id": "quantized", "data.train": "rows.jsonl", "adapter.method": name}
        keys = [one.key for one in check(with_values(Recipe(), wanted), base=base, gpus=[CARD]).errors]
        assert ("adapter.method" not in keys) == goes, name
