"""Objectives on pairs without a reference: one pass through both answers, and the mean log-probability of a token.

trl has trainers of these among its experimental ones alone, which build all logits of a batch. Here they have trl's
stable trainer and its fused head, with the loss of those.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any

import torch
from torch import Tensor
from trl import SFTConfig, SFTTrainer

from tuitune.engine.loop.arguments import arguments
from tuitune.engine.objectives.trainer import Assignment, ObjectiveTrainer, without_dropout
from tuitune.engine.tokens.collator import IGNORED, pad_pairs


class _OfPairs(SFTTrainer):
    """SFTTrainer with a loss of pairs, a mean over those of a batch, and their figures among trl's."""

    loss_is_scaled_for_ga = False
    beta: float

    @abstractmethod
    def loss_of(self, chosen: Tensor, rejected: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of each pair by the mean log-probabilities of its answers' tokens, and what else is told of it."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        if return_outputs:
            raise NotImplementedError("the logits of a whole batch are never built")
        forward = {name: value for name, value in inputs.items() if name != "completion_mask"}
        learned = inputs["completion_mask"]
        if self.aux_loss_enabled:
            forward["output_router_logits"] = True
        labels = inputs["input_ids"].masked_fill(learned == 0, IGNORED)
        outputs = model(**forward, labels=labels, use_cache=False, fused_lm_head=True)
        learned = learned[:, 1:]
        # Virtual tokens of an adapter stand before those of the row.
        sums = outputs.log_probs[:, -learned.shape[1] :].sum(dim=1)
        chosen, rejected = (sums / learned.sum(dim=1)).chunk(2)
        losses, own = self.loss_of(chosen, rejected)
        margins = self.beta * (chosen - rejected)
        told = {"rewards/margins": margins, "rewards/accuracies": (margins > 0).float(), "nll_loss": -chosen, **own}
        measured = self._metrics["train" if self.model.training else "eval"]
        for key, values in told.items():
            measured[key].append(values.detach().mean().item())
        loss = losses.mean()
        return loss + self.router_aux_loss_coef * outputs.aux_loss if self.aux_loss_enabled else loss


class AveragedTrainer(ObjectiveTrainer, _OfPairs):
    """On pairs of tokens; a subclass says the loss. Dropout is the recipe's to set, and that of the base off."""

    def __init__(self, given: Assignment) -> None:
        self.wanted, self.beta = given.recipe.objective, given.recipe.beta
        without_dropout(given.life.adapted.model)
        args = SFTConfig(**arguments(given.recipe, given.life.run, given.precision, given.on), max_length=None)
        collate = partial(pad_pairs, pad_token_id=given.base.tokenizer.pad_token_id or 0)
        super().__init__(given, args, collate)


def log_odds(mean: Tensor) -> Tensor:
    """log(p / (1 − p)) of a mean log-probability log p; 1 − p is at least what float32 tells from 0."""
    mean = mean.float()
    return mean - torch.log(-torch.expm1(mean.clamp(max=-torch.finfo(torch.float32).eps)))
