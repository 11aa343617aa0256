"""Simple preference optimisation, and with `objective.sft_weight` CPO-SimPO."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from tuitune.engine.objectives.averaged import AveragedTrainer


class SimpoTrainer(AveragedTrainer):
    """The loss of the chosen answer's reward against that of the rejected one, and γ."""

    trains = ("simpo",)

    def loss_of(self, chosen: Tensor, rejected: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        apart = self.beta * (chosen - rejected) - self.wanted.gamma
        return -logsigmoid(apart) - self.wanted.sft_weight * chosen, {}
