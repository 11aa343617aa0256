"""LoRA on the base model."""

from __future__ import annotations

from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tuitune.engine.model import Base
from tuitune.planning.targets import resolve_targets
from tuitune.recipe.schema import Recipe


def adapt(base: Base, recipe: Recipe) -> PeftModel | PreTrainedModel:
    """The model to train: the base, frozen, with an adapter in float32; or the base itself for method none."""
    model = base.model
    if recipe.adapter.method == "none":
        return model
    wanted = recipe.adapter
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=wanted.rank,
        lora_alpha=wanted.alpha,
        lora_dropout=wanted.dropout,
        target_modules=resolve_targets(wanted.targets, linear_names(model)),
        bias=wanted.bias,
        use_rslora=wanted.rslora,
        use_dora=wanted.dora,
    )
    adapted = get_peft_model(model, config)
    config.target_modules = sorted(config.target_modules)  # as a set it would be saved in another order every time
    if not Path(recipe.model.id).exists() and not recipe.model.id.startswith("bundled:"):
        config.base_model_name_or_path, config.revision = recipe.model.id, base.commit or recipe.model.revision
    return adapted


def linear_names(model: nn.Module) -> list[str]:
    """Names of the model's linear layers, quantized ones too (they are subclasses of nn.Linear)."""
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]
