from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.hardware.folders import LLAMA_3_1_8B
from tests.planning.models import MODELS
from tuitune.hardware.cards import EMPTY, cards
from tuitune.hardware.gpus import Gpu
from tuitune.hardware.model_facts import read_facts
from tuitune.planning.forecast.formats import Formats, formats
from tuitune.planning.forecast.memory import CONTEXT, Forecast, fits, forecast
from tuitune.planning.preflight import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.presets import PRESETS, apply_preset
from tuitune.recipe.schema import Recipe

GIB = 2**30
EIGHT = read_facts(LLAMA_3_1_8B)
FLOAT32_ADAPTERS, BF16_ADAPTERS = Formats(2, 2), Formats(2, 2, adapter=2)
TRL_DEFAULT, AUTOCAST = Formats(4, 2, autocast=True), Formats(2, 2, autocast=True)


def recipe(**values: Any) -> Recipe:
    return with_values(Recipe(), {key.replace("__", "."): value for key, value in values.items()})


def whole(tokens: int, checkpointing: bool, **values: Any) -> Recipe:
    base = {"data__max_length": tokens, "training__batch_size": 1, "training__gradient_checkpointing": checkpointing}
    return recipe(**base, adapter__targets="all-linear", adapter__dropout=0.0, **values)


def of(recipe: Recipe, **options: Any) -> Forecast:
    found = forecast(recipe, EIGHT, **options)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("numbers", "tokens", "checkpointing", "peak"),
    [
        (FLOAT32_ADAPTERS, 8192, False, 89.2),
        (FLOAT32_ADAPTERS, 8192, True, 20.6),
        (FLOAT32_ADAPTERS, 2048, True, 17.45),
        (BF16_ADAPTERS, 2048, True, 17.2),
        (BF16_ADAPTERS, 8192, True, 19.2),
        (BF16_ADAPTERS, 16384, True, 23.1),
        (BF16_ADAPTERS, 2048, False, 28.0),
        (BF16_ADAPTERS, 8192, False, 61.9),
        (BF16_ADAPTERS, 16384, False, 107.1),
        (TRL_DEFAULT, 2048, True, 33.9),
        (TRL_DEFAULT, 8192, True, 37.6),
        (TRL_DEFAULT, 2048, False, 59.2),
        (TRL_DEFAULT, 8192, False, 99.2),
        (AUTOCAST, 8192, False, 70.2),
        (AUTOCAST, 8192, True, 20.1),
    ],
)
def test_llama_8b_with_lora_on_every_layer(numbers: Formats, tokens: int, checkpointing: bool, peak: float) -> None:
    """Peaks in GiB of two real training steps on fake tensors (rank 16, chunked loss): without the CUDA context."""
    found = of(whole(tokens, checkpointing), numbers=numbers)
    assert (found.total - CONTEXT["cuda"]) / GIB == pytest.approx(peak, rel=0.07)


@pytest.mark.parametrize(("tokens", "checkpointing", "peak"), [(8192, False, 97.2), (8192, True, 74.9)])
def test_training_every_weight(tokens: int, checkpointing: bool, peak: float) -> None:
    """The same dry run with every weight trained in bfloat16, batch by batch, by AdamW that copies as it steps."""
    optimizer = "adamw_torch" if checkpointing else "adamw_torch_fused"
    tried = whole(
        tokens, checkpointing, adapter__method="none", training__accumulation=1, training__optimizer=optimizer
    )
    found = of(tried, numbers=Formats(2, 2))
    assert (found.total - CONTEXT["cuda"]) / GIB == pytest.approx(peak, rel=0.07)
    kept = with_values(tried, {"training.accumulation": 2})
    assert of(kept, numbers=Formats(2, 2)).parts["gradients"] == pytest.approx(2 * 8.03e9, rel=0.001)


def test_parts_add_up_and_say_what_they_rest_on() -> None:
    found = of(recipe())
    assert found.total == sum(found.parts.values())
    assert list(found.parts) == ["weights", "adapter", "gradients", "optimizer", "activations", "loss head", "context"]
    assert "2,048 tokens" in found.assumptions[0]
    assert "not covered" in found.assumptions[-1]
    assert found.as_json()["total"] == found.total


def test_quantized_weights() -> None:
    """In GB: 6.98 B weights in the blocks at 4.127 or 4.5 or 8 bits, 1.05 B of embeddings and head in bfloat16."""
    linear, rest = 6_979_321_856, 8_030_261_248 - 6_979_321_856
    weights = {
        (bits, double): of(recipe(quantization__bits=bits, quantization__double=double)).parts["weights"]
        for bits, double in ((16, True), (8, True), (4, True), (4, False))
    }
    assert weights[16, True] == 2 * 8_030_261_248
    assert weights[4, True] == pytest.approx(linear * 4.127 / 8 + 2 * rest, rel=1e-4)
    assert weights[4, False] == pytest.approx(linear * 4.5 / 8 + 2 * rest, rel=1e-4)
    assert weights[8, True] == pytest.approx(linear + 2 * rest, rel=1e-3)


@pytest.mark.parametrize(("model", "kept"), [("qwen3-30b-a3b", 54.0), ("mixtral-8x7b", 84.0)])
def test_four_bits_leave_the_experts_of_a_mixture_in_sixteen(model: str, kept: float) -> None:
    facts = read_facts(MODELS[model])
    found = forecast(recipe(quantization__bits=4, adapter__targets="all-linear"), facts)
    assert found is not None
    assert found.parts["experts"] / GIB == pytest.approx(kept, rel=1e-3)
    assert found.parts["weights"] < 2 * GIB
    assert any("16 bits" in text for text in found.assumptions)
    whole = forecast(recipe(adapter__targets="all-linear"), facts)
    assert whole is not None
    assert whole.parts["experts"] == found.parts["experts"]
    assert not any("16 bits" in text for text in whole.assumptions)


def test_experts_of_a_layout_that_is_not_known_are_not_quantized_either() -> None:
    config = {**MODELS["qwen3-30b-a3b"], "model_type": "newcomer_moe"}
    total = read_facts(MODELS["qwen3-30b-a3b"]).parameters
    found = forecast(recipe(quantization__bits=4), replace(read_facts(config), parameters=total))
    assert found is not None
    assert found.total > 55 * GIB


def test_published_peaks_of_others_are_near() -> None:
    """torchtune: Llama-3.1-8B, two rows of 2 048, LoRA 16.2 GiB, QLoRA 7.4 GiB, both compiled and offloaded."""
    base = {"adapter__rank": 8, "training__batch_size": 2, "data__max_length": 2048, "adapter__dropout": 0.0}
    lora = of(recipe(**base, training__gradient_checkpointing=True)).total / GIB
    qlora = of(recipe(**base, training__gradient_checkpointing=True, quantization__bits=4)).total / GIB
    assert 16 < lora < 20
    assert 7 < qlora < 10


EIGHTS = ("llama-8b", "qwen3-8b", "gemma2-9b")
CARDS = {"fits-8gb": "RTX 4060 8GB", "fits-16gb": "T4", "fits-24gb": "A10G", "fits-80gb": "H100 80GB"}
"""The smallest card of that name in the catalogue."""


def share(preset: str, model: str, *, card: float | None = None) -> float:
    """What a preset takes of the memory that is free on its card, or on one of so many GiB."""
    found = forecast(apply_preset(Recipe(), preset), read_facts(MODELS[model]), modern=preset != "fits-16gb")
    assert found is not None
    named = cards().find(CARDS[preset])
    assert named is not None
    return found.total / (named.gpu.memory_free if card is None else EMPTY * card * GIB)


@pytest.mark.parametrize("preset", ["fits-16gb", "fits-24gb", "fits-80gb"])
def test_presets_fit_the_cards_they_are_named_for_with_room_to_spare(preset: str) -> None:
    assert max(share(preset, model) for model in EIGHTS) < 0.92
    assert PRESETS[preset].values["training.optimizer"] == "adamw_torch_fused"


def test_the_smallest_preset_fits_what_it_says_and_does_not_say_more() -> None:
    small = ("mistral-7b", "phi3-mini", "gemma3-4b", "llama-1b")
    assert max(share("fits-8gb", model) for model in small) < 0.92
    assert min(share("fits-8gb", model) for model in EIGHTS) > 0.92
    assert max(share("fits-8gb", model, card=12) for model in EIGHTS) < 0.92


def test_no_preset_recomputes_what_would_fit() -> None:
    kept = with_values(apply_preset(Recipe(), "fits-24gb"), {"training.gradient_checkpointing": False})
    assert of(kept).total > 24 * GIB
    assert not PRESETS["fits-80gb"].values["training.gradient_checkpointing"]


@pytest.mark.parametrize(
    ("optimizer", "bytes_each"),
    [
        ("sgd", 0),
        ("adamw_8bit", 2.03),
        ("paged_adamw_8bit", 2.03),
        ("adamw_torch_fused", 8),
        ("paged_adamw_32bit", 8),
        ("adamw_torch", 12),
    ],
)
def test_optimizer_states(optimizer: str, bytes_each: float) -> None:
    found = of(recipe(training__optimizer=optimizer))
    assert found.parts["optimizer"] == pytest.approx(13_631_488 * bytes_each, rel=0.01)
    assert any("paged" in text for text in found.assumptions) == optimizer.startswith("paged")


def test_adafactor_keeps_next_to_nothing() -> None:
    assert of(recipe(training__optimizer="adafactor")).parts["optimizer"] < 10_000_000
    trained = of(recipe(training__optimizer="adafactor", adapter__method="none"))
    assert trained.parts["optimizer"] < 20_000_000


def test_every_lever_moves_its_part() -> None:
    base = of(recipe())
    assert of(recipe(training__gradient_checkpointing=True)).parts["activations"] < base.parts["activations"] / 5
    assert of(recipe(training__batch_size=1)).parts["activations"] == pytest.approx(
        base.parts["activations"] / 4, rel=0.01
    )
    assert of(recipe(model__attention="eager")).parts["activations"] > base.parts["activations"]
    assert of(recipe(quantization__bits=8)).parts["activations"] > base.parts["activations"]
    assert of(recipe(adapter__rank=64)).parts["adapter"] == 4 * base.parts["adapter"]
    assert of(recipe(), device="cpu").parts["weights"] == 2 * base.parts["weights"]
    assert of(recipe(), device="cpu").parts["loss head"] > base.parts["loss head"]


@pytest.mark.parametrize(
    ("values", "device", "expected"),
    [
        ({}, "cuda", Formats(2, 2, autocast=True)),
        ({}, "cpu", Formats(4, 4)),
        ({"training__precision": "bf16"}, "cpu", Formats(2, 2)),
        ({"model__dtype": "float32"}, "cuda", Formats(4, 4)),
        ({"training__precision": "fp16"}, "cuda", Formats(2, 2, autocast=True)),
        ({"quantization__bits": 4}, "cuda", Formats(2, 2, autocast=True)),
        ({"model__dtype": "bfloat16"}, "cpu", Formats(2, 2)),
        ({"adapter__method": "none"}, "cuda", Formats(4, 2, autocast=True)),
        ({"adapter__method": "none", "model__dtype": "bfloat16"}, "cuda", Formats(2, 2)),
        ({"adapter__method": "none"}, "cpu", Formats(4, 4)),
    ],
)
def test_number_formats(values: dict[str, Any], device: Any, expected: Formats) -> None:
    assert formats(recipe(**values), device) == expected


def test_a_model_of_unknown_layout_is_taken_for_a_llama() -> None:
    config = {key: value for key, value in LLAMA_3_1_8B.items() if key not in ("model_type", "intermediate_size")}
    unknown = read_facts({**config, "model_type": "newcomer"})
    assert forecast(recipe(), unknown) is None
    weighed = type(unknown)(**{**vars(unknown), "parameters": 8_030_261_248})
    found = forecast(recipe(quantization__bits=4), weighed)
    assert found is not None
    assert any("unknown" in text for text in found.assumptions)
    assert found.parts["weights"] == pytest.approx(of(recipe(quantization__bits=4)).parts["weights"], rel=1e-3)
    assert found.parts["adapter"] > 0
    nothing = forecast(recipe(), read_facts({"model_type": "newcomer"}))
    assert nothing is None


def gpu(free: int | None, index: int = 0) -> Gpu:
    return Gpu(index=index, uuid=None, name="card", memory_total=200 * GIB, memory_free=free)


def test_fit_is_held_against_the_card_that_would_train(monkeypatch: pytest.MonkeyPatch) -> None:
    found = of(recipe())
    cards = [gpu(GIB), gpu(100 * GIB, 1), gpu(None, 2)]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert fits(found, cards).state == "too big"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    fit = fits(found, cards)
    assert (fit.state, fit.gpu.index if fit.gpu else None, fit.free) == ("fits", 1, 100 * GIB)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert fits(found, [gpu(round(found.total / 0.95))]).state == "tight"
    assert fits(found, [gpu(found.total - 1)]).state == "too big"
    assert fits(found, [gpu(0)]).state == "too big"


def test_without_a_card_the_machine_counts_and_it_says_so() -> None:
    fit = fits(of(recipe(training__batch_size=4096)), [])
    assert (fit.state, fit.gpu) == ("no gpu", None)
    assert fit.message.startswith("no GPU: ")
    assert "does not fit" in fit.message
    assert fits(of(recipe()), [gpu(None)]).message.startswith("free GPU memory unknown")


def test_checks_forecast_for_the_device_there_is(tmp_path: Any) -> None:
    here = recipe(model__id="bundled:nano")
    on_card = check(here, base=tmp_path, gpus=[gpu(100 * GIB)]).forecast
    on_processor = check(here, base=tmp_path, gpus=[]).forecast
    assert on_card is not None
    assert on_processor is not None
    assert (on_card.device, on_processor.device) == ("cuda", "cpu")
