"""AdaLoRA: the ranks of the layers are cut while they train, where they matter least."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from peft import AdaLoraConfig, PeftModel
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tuitune.engine.load.model import Base
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.methods.layers import chosen, put_on
from tuitune.methods.adalora import ADALORA
from tuitune.recipe.schema import Recipe

_NAME, _STATE = "default", "rank_allocator.safetensors"
_AVERAGES = ("exp_avg_ipt", "exp_avg_unc")

METHODS = (ADALORA,)


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base, frozen, with the adapter on it. Raises TuituneError where a target cannot be adapted."""
    wanted = recipe.adapter
    config = AdaLoraConfig(
        **chosen(base, recipe),
        init_r=wanted.initial_rank,
        target_r=wanted.target_rank,
        lora_alpha=wanted.alpha,
        lora_dropout=wanted.dropout,
        tinit=int(wanted.cut_from * total_steps),
        tfinal=int((1 - wanted.cut_until) * total_steps),
        deltaT=wanted.cut_every,
        beta1=wanted.importance_smoothing,
        beta2=wanted.uncertainty_smoothing,
        orth_reg_weight=wanted.orthogonality,
        total_step=total_steps,
    )
    return AdaLora(put_on(base, recipe, config))


class AdaLora(Adapted):
    """PEFT's AdaLoRA model, whose ranks are cut between the steps `tinit` and `total_step - tfinal` and then stay.

    What is cut is masked while it trains, and may come back until the ranks are settled: only the result is smaller.
    """

    def __init__(self, model: PeftModel) -> None:
        super().__init__(model)
        self._config = model.peft_config[_NAME]
        self._tuner = model.base_model
        self._allocator = self._tuner.rankallocator

    @property
    def _settled(self) -> bool:
        """Whether the ranks have been cut for the last time: PEFT then drops what it knew of their importance."""
        return self._config.rank_pattern is not None and not self._allocator.exp_avg_ipt

    def penalty(self) -> Tensor | None:
        """How far the singular vectors are from orthogonal (arXiv 2303.10512, equation 4), as PEFT weighs it.

        PEFT adds it to the loss that a model computes by itself, which no objective of ours reads.
        """
        if not self._config.orth_reg_weight:
            return None
        found = [
            torch.linalg.matrix_norm(product - torch.eye(len(product), device=product.device))
            for name, weight in self._tuner.named_parameters()
            if weight.requires_grad and (".lora_A." in name or ".lora_B." in name)
            for product in [weight @ weight.T if ".lora_A." in name else weight.T @ weight]
        ]
        return self._config.orth_reg_weight * torch.stack(found).mean()

    def stepped(self, step: int) -> None:
        """Follow the importance of each rank, and cut those that are due.

        The run may have become longer or shorter since the ranks were settled, or since they were last cut.
        """
        last = self._config.total_step - self._config.tfinal
        if step >= last and self._settled:
            self._allocator.mask_using_rank_pattern(self._tuner.model, self._config.rank_pattern)
        elif self._has_gradients():
            if step >= last and not self._allocator.exp_avg_ipt:
                self._allocator.update_ipt(self._tuner.model)
            self._tuner.update_and_allocate(min(step, last))

    def _has_gradients(self) -> bool:
        """Whether the step was made: not with gradients that are not finite. Layers without any get zeros."""
        weights = [weight for weight in self._tuner.parameters() if weight.requires_grad]
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        return bool(torch.stack([weight.grad.isfinite().all() for weight in weights]).all())

    def save(self, folder: Path) -> None:
        """All ranks, those that are masked too, and what is known of their importance."""
        pattern, self._config.rank_pattern = self._config.rank_pattern, None
        try:
            super().save(folder)
        finally:
            self._config.rank_pattern = pattern
        averages = {
            f"{kind}/{name}": value for kind in _AVERAGES for name, value in getattr(self._allocator, kind).items()
        }
        save_file(averages, folder / _STATE, metadata={"rank_pattern": json.dumps(pattern)})

    def _load(self, folder: Path) -> None:
        super()._load(folder)
        on = self.model.device
        with safe_open(folder / _STATE, framework="pt") as file:
            self._config.rank_pattern = json.loads(file.metadata()["rank_pattern"])
            for key in file.keys():  # noqa: SIM118 - no mapping
                kind, _, name = key.partition("/")
                getattr(self._allocator, kind)[name] = file.get_tensor(key).to(on)
                self._allocator.ipt[name] = self._allocator.exp_avg_ipt.get(name)

    def finish(self) -> None:
        """What was cut is gone. A run that ends before its ranks are settled keeps all of them.

        PEFT rounds what is left to the base's number format, here and where it loads the result, and computes with it
        in float32.
        """
        if self._settled:
            self._tuner.resize_modules_by_rank_pattern(self._config.rank_pattern, _NAME)
            for name, weight in self._tuner.named_parameters():
                if ".lora_" in name:
                    weight.data = weight.data.float()
                elif ".ranknum." in name:
                    weight.requires_grad_(False)
        else:
            self._config.rank_pattern = None
