"""Presets: groups of settings with a name, and the recipe of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuitune.problem import TuituneError
from tuitune.recipe.check import parse
from tuitune.recipe.overrides import put, tables_of
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.recipe.values import shown


@dataclass(frozen=True)
class Preset:
    """Settings that belong together: `values` by key. The rest of a recipe stays as it is."""

    name: str
    title: str
    help: str
    values: dict[str, Any]


def _adapter(rank: int, targets: list[str] | str) -> dict[str, Any]:
    return {"adapter.method": "lora", "adapter.rank": rank, "adapter.alpha": 2 * rank, "adapter.targets": targets}


def _fits(
    bits: int, rank: int, length: int, batch: int, *, optimizer: str = "adamw_torch_fused", recompute: bool = True
) -> dict[str, Any]:
    """A model on one card, with 8 % of its free memory to spare. The effective batch is 16 whatever the micro-batch.

    8-bit optimizers wait for the GPU after every tensor, to save 0.25 GB at rank 16: only the smallest card needs that.
    """
    return {
        **_adapter(rank, "all-linear"),
        "quantization.bits": bits,
        "quantization.kind": "nf4",
        "quantization.double": True,
        "data.max_length": length,
        "training.batch_size": batch,
        "training.accumulation": 16 // batch,
        "training.gradient_checkpointing": recompute,
        "training.optimizer": optimizer,
        "training.learning_rate": 2e-4,
    }


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "fast",
            "A fast",
            "Rank 4 on the query and value layers: fast, limited capacity.",
            _adapter(4, ["q_proj", "v_proj"]),
        ),
        Preset(
            "balanced",
            "B balanced",
            "Rank 16 on all attention layers: most of the gain at a moderate cost.",
            _adapter(16, ["q_proj", "k_proj", "v_proj", "o_proj"]),
        ),
        Preset(
            "high-capacity",
            "C high capacity",
            "Rank 64 on all linear layers: slowest, learns most.",
            _adapter(64, "all-linear"),
        ),
        Preset(
            "fits-8gb",
            "fits 8 GB",
            "A model of up to 4 B, or Mistral 7B, on an 8 GB card: 4-bit, one row of 1,024 tokens at a time. 8 B "
            "models with large vocabularies (Llama 3.1, Qwen3, Gemma 2) need 12 GB.",
            _fits(4, 8, 1024, 1, optimizer="paged_adamw_8bit"),
        ),
        Preset(
            "fits-16gb",
            "fits 16 GB",
            "A 7–9 B model on a 16 GB card such as a T4: 4-bit, four rows of 1,024 tokens.",
            _fits(4, 16, 1024, 4),
        ),
        Preset(
            "fits-24gb",
            "fits 24 GB",
            "A 7–9 B model on a 24 GB card such as an A10G: 4-bit, four rows of 2,048 tokens.",
            _fits(4, 16, 2048, 4),
        ),
        Preset(
            "fits-80gb",
            "fits 80 GB",
            "A 7–9 B model on an 80 GB card: 16-bit weights, one row of 2,048 tokens, nothing recomputed.",
            _fits(16, 16, 2048, 1, recompute=False),
        ),
    )
}

ALIASES = {"A": "fast", "B": "balanced", "C": "high-capacity"}


def apply_preset(recipe: Recipe, name: str) -> Recipe:
    """The recipe with the preset's settings. TuituneError names the presets where `name` is none of them."""
    preset = PRESETS.get(ALIASES.get(name.upper(), name))
    if preset is None:
        raise TuituneError(f"unknown preset {shown(name)}; presets: {', '.join(PRESETS)}, and {', '.join(ALIASES)}")
    return _with(recipe, preset.values)


def demo_recipe() -> Recipe:
    """The demo: the bundled model learns to answer support messages with JSON records."""
    return _with(
        Recipe(),
        {
            "run.name": "demo",
            "model.id": "bundled:nano",
            "data.train": "bundled:triage",
            "data.eval": "bundled:triage/heldout",
            "data.max_length": 256,
            **_adapter(16, "all-linear"),
            "adapter.dropout": 0.0,
            "training.epochs": 3.0,
            "training.batch_size": 4,
            "training.accumulation": 1,
            "training.learning_rate": 5e-3,
            "evaluation.every": 50,
            "evaluation.answers": 100,
            "samples.prompts": [
                "Hello, my new headset makes a loud noise. My order number is 5290. Please act fast.",
                "Hi there, where is my coffee machine? There is no rush. Thanks.",
                "Good morning, your bill for the camera is wrong. See order 3447.",
            ],
            "samples.every": 50,
            "samples.max_new_tokens": 64,
        },
    )


def _with(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    tables = tables_of(recipe)
    for key, value in changes.items():
        put(tables, setting(key), value)
    return parse(tables)
