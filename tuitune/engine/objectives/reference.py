"""Objectives that hold the model in training against its base."""

from __future__ import annotations

import copy
from typing import Any

from peft import PeftModel
from transformers import PreTrainedModel

from tuitune.engine.objectives.trainer import Assignment, ObjectiveTrainer, without_dropout

_ROUNDING = 1e-4
"""Rewards below this are those of the reference itself, in another order of sums."""


class ComparingTrainer(ObjectiveTrainer):
    """Mixed into a trainer of trl that takes a `ref_model`.

    The reference is the base with the adapter off, or a copy of it where every weight is trained: no adapter of trl's
    own, no second model beside an adapter. The base has no dropout, so that it answers as it does in use.
    """

    def __init__(self, given: Assignment, *positional: Any, **named: Any) -> None:
        model = given.life.adapted.model
        without_dropout(model)
        self._reference = None if isinstance(model, PeftModel) else frozen_copy(model)
        super().__init__(given, *positional, ref_model=self._reference or _BASE, **named)

    @property
    def ref_model(self) -> PreTrainedModel | None:
        """None where the reference is the base with the adapter off."""
        return self._reference

    @ref_model.setter
    def ref_model(self, given: Any) -> None:
        """Trl adds an adapter of its own where it is given no reference; what it is given instead stays aside."""
        if given is not _BASE:
            self._reference = given

    def judged(self, figures: dict[str, float]) -> dict[str, float]:
        """The reference itself prefers nothing, so no accuracy is told of it."""
        told = [figures.get(f"rewards/{key}", 0.0) for key in ("margins", "chosen")]
        if max(map(abs, told)) < _ROUNDING:
            figures.pop("rewards/accuracies", None)
        return figures


class _Base:
    """Stands for the reference that needs no model of its own."""


_BASE: Any = _Base()


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """The model as it is now, not to be trained."""
    return copy.deepcopy(model).requires_grad_(False).eval()
