"""Prompt tuning, p-tuning and prefix tuning: virtual tokens in float32 before every row of a frozen model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig
from safetensors.torch import load_file, save_file
from torch import Tensor

from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.methods.layers import put_on, task_type
from tuitune.methods.prompts import PREFIX, PROMPT, PTUNING
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe

_NAME, _STATE = "default", "prompt_encoder.safetensors"

METHODS = (PROMPT, PTUNING, PREFIX)


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base, frozen, with virtual tokens before it. TuituneError where its prompt has no tokens."""
    model = put_on(base, recipe, _config(recipe))
    if recipe.method is PROMPT:
        _begin(model, base, recipe)
    return Prompted(model, 0 if recipe.method is PREFIX else recipe.adapter.virtual_tokens)


def _config(recipe: Recipe) -> PeftConfig:
    wanted = recipe.adapter
    given: dict[str, Any] = {"task_type": task_type(recipe), "num_virtual_tokens": wanted.virtual_tokens}
    if recipe.method is PROMPT:
        return PromptTuningConfig(**given)
    if recipe.method is PREFIX:
        return PrefixTuningConfig(**given, prefix_projection=wanted.projected, encoder_hidden_size=wanted.encoder_size)
    return PromptEncoderConfig(**given, encoder_hidden_size=wanted.encoder_size)


def _begin(model: PeftModel, base: Base, recipe: Recipe) -> None:
    """The embeddings of the recipe's text, again and again, or of tokens drawn from the vocabulary: noise lies far from
    any token, and learns slowly.
    """
    weight = model.prompt_encoder[_NAME].embedding.weight
    known = base.model.get_input_embeddings()
    if text := recipe.adapter.prompt_text:
        ids = base.tokenizer(text, add_special_tokens=False)["input_ids"]
        if not ids:
            raise TuituneError(Problem("adapter.prompt_text", "has no tokens; write some words, or leave it empty"))
        drawn = torch.tensor((ids * -(-len(weight) // len(ids)))[: len(weight)], device=weight.device)
    else:
        drawn = torch.randint(0, known.num_embeddings, (len(weight),), device=weight.device)
    with torch.no_grad():
        weight.copy_(known.weight[drawn])


class Prompted(Adapted):
    """A model with virtual tokens. `leading` of them stand before the tokens of each row, in what the model gives too.

    Its result holds what the tokens have become; a checkpoint also the network that makes them.
    """

    def __init__(self, model: PeftModel, leading: int) -> None:
        super().__init__(model)
        self.leading = leading

    @contextmanager
    def as_base(self) -> Iterator[None]:
        leading, self.leading = self.leading, 0
        writes = hasattr(self.model, "prepare_inputs_for_generation")
        try:
            with super().as_base() if writes else _by_its_base(self.model):
                yield
        finally:
            self.leading = leading

    @property
    def _trained(self) -> dict[str, Tensor]:
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def save(self, folder: Path) -> None:
        super().save(folder)
        save_file({name: weight.detach().contiguous() for name, weight in self._trained.items()}, folder / _STATE)

    def _load(self, folder: Path) -> None:
        """By name: PEFT loads virtual tokens for inference alone."""
        saved, trained = load_file(folder / _STATE), self._trained
        if differing := sorted(saved.keys() ^ trained.keys()):
            raise ValueError(f"{len(differing)} tensors are missing or unknown, {differing[0]} among them")
        with torch.no_grad():
            for name, weight in trained.items():
                if weight.shape != saved[name].shape:
                    raise ValueError(f"{name} has another shape")
                weight.copy_(saved[name])


@contextmanager
def _by_its_base(model: PeftModel) -> Iterator[None]:
    """Within it the base alone computes. PEFT's own `disable_adapter` takes models that write, and none that scores."""
    model.forward = model.base_model.forward
    try:
        yield
    finally:
        del model.forward
