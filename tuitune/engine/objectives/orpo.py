"""Odds ratio preference optimisation, as the paper has it: of the prompt nothing is learned."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from tuitune.engine.objectives.averaged import AveragedTrainer, log_odds


class OrpoTrainer(AveragedTrainer):
    """The loss of the chosen answer, and of the odds against the rejected one."""

    trains = ("orpo",)

    def loss_of(self, chosen: Tensor, rejected: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        ratio = log_odds(chosen) - log_odds(rejected)
        return -chosen - self.beta * logsigmoid(ratio), {"log_odds_chosen": ratio}
