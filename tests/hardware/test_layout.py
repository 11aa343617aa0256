"""Weights held against a config by names and shapes alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
import transformers

from tests.hardware.test_model_facts import CHANGES, FAMILIES, SIZES
from tuitune.hardware.layout import misfits
from tuitune.hardware.model_facts import ModelFacts, read_facts
from tuitune.hardware.weights import Tensor


def weights_of(family: str, **changes: Any) -> tuple[ModelFacts, dict[str, Tensor]]:
    config = getattr(transformers, f"{family}Config")(**(SIZES | changes))
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    tied = set(model.all_tied_weights_keys)
    shapes = {name: tuple(weight.shape) for name, weight in model.state_dict().items() if name not in tied}
    facts = read_facts(json.loads(config.to_json_string()))
    return facts, {name: Tensor("BF16", shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("changes", CHANGES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_of_every_known_class_fit(family: str, changes: dict[str, Any]) -> None:
    facts, tensors = weights_of(family, **changes)
    assert misfits(facts, tensors) == []
    assert misfits(facts, tensors | {"model.layers.0.self_attn.rotary_emb.inv_freq": Tensor("F32", (12,))}) == []
    if facts.experts is not None:
        return
    absent = sorted(tensors)[len(tensors) // 2]
    (problem,) = misfits(facts, {name: one for name, one in tensors.items() if name != absent})
    assert problem.startswith(f"{absent}: not in the weights")


def test_tensors_that_do_not_belong_are_named_first() -> None:
    facts, tensors = weights_of("Qwen3")
    name = "model.layers.1.self_attn.q_proj"
    assert misfits(facts, tensors | {f"{name}.bias": Tensor("BF16", (48,))})[0].startswith(
        f"{name}.bias: in the weights"
    )
    (problem,) = misfits(facts, tensors | {f"{name}.weight": Tensor("BF16", (48, 48))})
    assert problem.startswith(f"{name}.weight (48 × 48 instead of 512 × 48)")
    assert misfits(facts, tensors | {"model.layers.3.input_layernorm.weight": Tensor("BF16", (48,))})


def test_parts_that_nobody_reads_do_not_matter() -> None:
    facts, tensors = weights_of("Llama")
    beside = {"visual.blocks.0.weight": Tensor("BF16", (4,)), "model.mtp.norm.weight": Tensor("BF16", (48,))}
    assert misfits(facts, tensors | beside) == []


def test_a_base_model_saved_without_its_head_lacks_the_head_alone() -> None:
    facts, tensors = weights_of("Llama")
    body = {name.removeprefix("model."): one for name, one in tensors.items() if name != "lm_head.weight"}
    assert misfits(facts, body) == ["lm_head.weight: not in the weights"]
    tied, tensors = weights_of("Llama", tie_word_embeddings=True)
    assert misfits(tied, {name.removeprefix("model."): one for name, one in tensors.items()}) == []


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "base_model.model."])
@pytest.mark.parametrize("kind", ["llama", "newcomer"])
def test_a_prefix_that_a_wrapper_left_is_named(prefix: str, kind: str) -> None:
    facts, tensors = weights_of("Llama")
    facts = facts if kind == "llama" else read_facts({"model_type": kind})
    (problem,) = misfits(facts, {f"{prefix}{name}": one for name, one in tensors.items()})
    assert repr(prefix) in problem and problem.startswith(prefix)


@pytest.mark.parametrize("kind", ["llama", "newcomer"])
def test_fewer_layers_than_the_config_counts(kind: str) -> None:
    _, tensors = weights_of("Llama")
    config = {**SIZES, "model_type": kind, "num_hidden_layers": 5}
    (problem,) = misfits(read_facts(config), tensors)
    assert problem.startswith("model.layers.3.") and "3 of the 5 layers" in problem


def with_experts(numbers: Iterable[int], layer: int = 1) -> dict[str, Tensor]:
    """The weights of a mixture as its authors store them, with these experts in one layer and all four in others."""
    shapes = {"w1": (16, 48), "w2": (48, 16), "w3": (16, 48)}
    return {
        f"model.layers.{at}.block_sparse_moe.experts.{number}.{name}.weight": Tensor("BF16", shape)
        for at in range(3)
        for number in (numbers if at == layer else range(4))
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize(
    ("numbers", "absent", "extra"),
    [((0, 1, 2, 4), 3, 4), ((0, 2, 3), 1, None), (range(5), None, 4), ((1, 2, 3, 4), 0, 4)],
)
@pytest.mark.parametrize("kind", ["mixtral", "newcomer"])
def test_experts_that_are_numbered_otherwise_than_the_config_counts(
    kind: str, numbers: Iterable[int], absent: int | None, extra: int | None
) -> None:
    facts = read_facts({**SIZES, "model_type": kind, "num_local_experts": 4, "num_experts_per_tok": 2})
    assert misfits(facts, with_experts(range(4))) == []
    problems = misfits(facts, with_experts(numbers))
    where = "model.layers.1.block_sparse_moe.experts"
    found = [problem.partition(".w1.weight")[0] for problem in problems]
    assert found == [f"{where}.{number}" for number in (absent, extra) if number is not None]
    alone = {f"{where}.3.w1.weight": f"{where}.7.w1.weight"}
    (one, other) = misfits(facts, {alone.get(name, name): tensor for name, tensor in with_experts(range(4)).items()})
    assert one.startswith(f"{where}.3.w1.weight: ") and other.startswith(f"{where}.7.w1.weight: ")


def test_what_cannot_be_told_from_names_is_left_to_the_engine() -> None:
    assert misfits(weights_of("Llama")[0], {}) == []
    assert misfits(read_facts({"model_type": "newcomer"}), {"anything": Tensor("F32", (3,))}) == []


@pytest.mark.parametrize("dtype", ["I8", "U8", "I64", "BOOL", "F8_E4M3"])
@pytest.mark.parametrize("family", ["Llama", "Mixtral"])
def test_integers_are_weights_only_where_the_config_says_how_to_read_them(family: str, dtype: str) -> None:
    facts, tensors = weights_of(family)
    name = "model.layers.0.self_attn.q_proj.weight"
    packed = tensors | {name: Tensor(dtype, tensors[name].shape)}
    (problem,) = misfits(facts, packed)
    assert problem.startswith(f"{name}: ") and dtype in problem
    assert misfits(replace(facts, quantized="fp8"), packed) == []
