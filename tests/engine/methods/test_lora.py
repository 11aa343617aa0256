"""What LoRA begins with and at which rates it trains."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tests.engine.loop.test_resume import LENGTH, assert_same, cut_off_after
from tests.engine.support import Carry, make_model, save_model
from tuitune.engine.control.tuning import MULTIPLE, set_peak
from tuitune.engine.methods import adapt
from tuitune.engine.process.failures import EngineError
from tuitune.engine.worker import carry_out
from tuitune.problem import TuituneError
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe


def adapted(model: Any, folder: Path | None = None, **values: Any) -> Any:
    recipe = with_values(Recipe(), {f"adapter.{key}": value for key, value in values.items()})
    vocabulary = SimpleNamespace(get_vocab=lambda: {"<a>": 3, "<b>": 900})
    base: Any = SimpleNamespace(model=model, commit=None, tokenizer=vocabulary, folder=folder)
    return adapt(base, recipe, 10)


def test_second_matrices_take_steps_as_much_larger_as_the_ratio(carried: Carry) -> None:
    """One step of plain descent, in which B begins with zeros."""
    plain = {"training__max_steps": 1, "training__optimizer": "sgd", "training__max_grad_norm": 0.0,
             "training__warmup_ratio": 0.0, "training__schedule": "constant", "adapter__dropout": 0.0}  # fmt: skip
    alike, apart = carried(**plain), carried(**plain, adapter__lora_plus=16.0)
    assert apart.code == 0, apart.reason
    one, other = (load_file(run.run.adapter / "adapter_model.safetensors") for run in (alike, apart))
    for name, weight in one.items():
        assert torch.allclose(other[name], weight * (16 if "lora_B" in name else 1), rtol=1e-5, atol=0), name
    assert apart.records("step")[0]["learning_rate"] == alike.records("step")[0]["learning_rate"]


def test_a_rate_that_is_tuned_keeps_the_ratio() -> None:
    groups = [{"params": [torch.zeros(1)], "lr": 0.1}, {"params": [torch.zeros(1)], "lr": 1.6, MULTIPLE: 16.0}]
    optimizer = torch.optim.SGD(groups)
    schedule = LambdaLR(optimizer, lambda step: 0.5)
    set_peak(optimizer, schedule, 0.4)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 3.2])
    assert schedule.get_last_lr() == pytest.approx([0.2, 3.2])


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_a_part_of_the_base_is_what_the_adapter_begins_with_and_the_base_stays(init: str) -> None:
    base = make_model()
    before = {name: weight.clone() for name, weight in base.state_dict().items()}
    ids = torch.arange(24)[None]
    logits = base(input_ids=ids).logits
    model = adapted(base, init=init, dropout=0.0).model
    weights = {name: one for name, one in model.named_parameters() if one.requires_grad}
    assert all(weight.abs().sum() > 0 for weight in weights.values())
    assert torch.allclose(model(input_ids=ids).logits, logits, atol=1e-5)
    with model.disable_adapter():
        assert torch.equal(model(input_ids=ids).logits, logits)
    kept = {
        name.replace(".base_layer", "").removeprefix("base_model.model."): one
        for name, one in model.state_dict().items()
    }
    assert all(torch.equal(kept[name], weight) for name, weight in before.items())


def test_a_decomposition_that_comes_out_otherwise_in_a_later_life_changes_nothing(
    carried: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another machine, where singular vectors have other signs."""
    whole = carried(**LENGTH, adapter__init="pissa")
    run, pissa = cut_off_after(3, whole.run, "cut"), LoraLayer.pissa_init

    def turned(self: Any, *given: Any) -> None:
        pissa(self, *given)
        for matrices in (self.lora_A, self.lora_B):
            matrices["default"].weight.data.neg_()

    monkeypatch.setattr(LoraLayer, "pissa_init", turned)
    assert carry_out(run.path) == 0
    assert_same(whole.run, run)


def test_more_of_a_layer_than_it_has_is_refused() -> None:
    with pytest.raises(TuituneError) as caught:
        adapted(make_model(), init="olora", rank=33)
    assert caught.value.problems[0].key == "adapter.rank"


def test_eva_begins_with_what_its_layers_read() -> None:
    torch.manual_seed(1)
    lora = adapted(make_model(), init="eva", rank=3, rank_pattern={"v_proj": 2})
    read: list[torch.Tensor] = []
    layer = lora.model.base_model.model.model.layers[1].self_attn.v_proj
    layer.register_forward_pre_hook(lambda _, given: read.append(given[0].detach().flatten(0, 1)))
    with torch.no_grad():
        lora.begin([{"input_ids": torch.randint(5, 9, (4, 48))} for _ in range(3)])
    seen = torch.cat(read)
    seen = seen - seen.mean(dim=0)
    found = layer.lora_A["default"].weight
    most = torch.linalg.svd(seen, full_matrices=False).Vh[:2]
    assert found.shape == (2, 64) and not layer.lora_B["default"].weight.any()
    assert (seen @ found.T).square().sum() > 0.9 * (seen @ most.T).square().sum()


def test_a_batch_with_fewer_tokens_than_ranks_is_refused_by_eva() -> None:
    with pytest.raises(EngineError, match=r"adapter\.init"):
        adapted(make_model(), init="eva", rank=16).begin([{"input_ids": torch.tensor([[5, 6, 7]])}])


@pytest.mark.parametrize("tied", [False, True])
def test_the_ends_train_in_float32_beside_a_base_in_16_bits_that_stays(tied: bool) -> None:
    base, ids = make_model(tie_word_embeddings=tied).bfloat16(), torch.arange(24)[None]
    logits = base(input_ids=ids).logits
    lora = adapted(base, modules_to_save="both")
    whole = {name: one for name, one in lora.model.named_parameters() if ".modules_to_save." in name}
    assert {one.dtype for one in whole.values()} == {torch.float32} and len(whole) == (1 if tied else 2)
    lora.model(input_ids=ids, labels=ids).loss.backward()
    assert all(one.grad is not None and one.grad.any() for one in whole.values())
    with lora.model.disable_adapter():
        assert torch.equal(lora.model(input_ids=ids).logits, logits)
    lora.finish()
    kept = [one for name, one in lora.model.named_parameters() if ".modules_to_save." in name]
    assert {one.dtype for one in kept} == {torch.bfloat16} and len(kept) == len(whole), "as it is used, and still tied"


@pytest.mark.parametrize("token", ["<c>", "<b>"])
def test_a_token_that_has_no_embedding_is_refused(token: str) -> None:
    with pytest.raises(TuituneError) as caught:
        adapted(make_model(), trainable_tokens=[token])
    assert caught.value.problems[0].key == "adapter.trainable_tokens" and token in caught.value.problems[0].message


def test_two_random_matrices_whose_product_is_zero() -> None:
    model = adapted(make_model().bfloat16(), init="orthogonal", dropout=0.0).model
    layer = model.base_model.model.model.layers[0].self_attn.q_proj
    first, second = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert first.abs().min() > 0 and second.abs().min() > 0 and (second @ first).abs().max() < 1e-6


@pytest.mark.parametrize("bits", [4, 8])
def test_an_adapter_can_begin_with_what_quantization_took(bits: int, tmp_path: Path) -> None:
    whole, ids = AutoModelForCausalLM.from_pretrained(save_model(tmp_path)), torch.arange(24)[None]
    packing = BitsAndBytesConfig(**{f"load_in_{bits}bit": True})
    base = AutoModelForCausalLM.from_pretrained(tmp_path, quantization_config=packing)
    more = {"targets": "all-linear", "rank_pattern": {"v_proj": 24}, "rslora": True}
    lora = adapted(base, tmp_path, init="loftq", **more)
    with torch.no_grad():
        base(input_ids=ids)  # bitsandbytes moves the scales of 8 bits as a layer is used
        lora.begin(())
        wanted, begun = whole(input_ids=ids).logits, lora.model(input_ids=ids).logits
        with lora.model.disable_adapter():
            quantized = lora.model(input_ids=ids).logits
    assert (begun - wanted).norm() < 0.8 * (quantized - wanted).norm()


def test_weights_that_are_not_those_before_quantization_are_refused_by_loftq(tmp_path: Path) -> None:
    packing = BitsAndBytesConfig(load_in_4bit=True)
    base = AutoModelForCausalLM.from_pretrained(save_model(tmp_path), quantization_config=packing)
    lora, file = adapted(base, tmp_path, init="loftq"), tmp_path / "model.safetensors"
    stored = load_file(file)
    for others in ({name: one.flip(0) for name, one in stored.items()}, {"lm_head.weight": stored["lm_head.weight"]}):
        save_file({name: one.contiguous() for name, one in others.items()}, file)
        with pytest.raises(EngineError, match=r"adapter\.init"):
            lora.begin(())
