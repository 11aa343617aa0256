"""REINFORCE leave-one-out: trl's RLOOTrainer on prompts of tokens, by the rewards of the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peft import PeftModel
from trl import RLOOConfig, RLOOTrainer

from tuitune.engine.objectives.generating import Generating, generation_arguments
from tuitune.engine.objectives.trainer import Assignment


class RlooTrainer(Generating, RLOOTrainer):
    """RLOOTrainer on prompts."""

    trains = ("rloo",)

    def __init__(self, given: Assignment) -> None:
        with _one_adapter(given.life.adapted.model):
            super().__init__(given, RLOOConfig(**generation_arguments(given)))


@contextmanager
def _one_adapter(model: Any) -> Iterator[None]:
    """Within it no adapter is added. RLOOTrainer makes a copy of the one there is its reference, with a KL or without;
    AdaLoRA and trained biases allow no second one, and the reference here is the base with the adapter off.
    """
    if not isinstance(model, PeftModel):
        yield
        return
    own = model.get_parameter
    model.add_adapter = lambda *_: None
    model.get_parameter = lambda name: own(name.replace(".ref.", ".default."))
    try:
        yield
    finally:
        del model.add_adapter, model.get_parameter
