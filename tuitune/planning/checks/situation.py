"""What is known about a recipe on this machine, and a piece of advice on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tuitune.hardware.gpus import Gpu
from tuitune.hardware.session import Session
from tuitune.planning.checks.data import DataCheck
from tuitune.planning.checks.model import ModelCheck
from tuitune.planning.forecast.expected_steps import Steps
from tuitune.planning.forecast.memory import Fit, Forecast
from tuitune.recipe.schema import Recipe

BIG_MODEL = 1_000_000_000
"""Parameters from which the usual learning rates of large models hold; small ones bear far higher rates."""


@dataclass(frozen=True)
class Advice:
    """Something to think about before a launch. `fix` holds recipe keys and their better values, or is None."""

    id: str
    level: Literal["warning", "info"]
    key: str
    message: str
    fix: dict[str, Any] | None = None


@dataclass(frozen=True)
class Situation:
    """What is known when advice is given; None for what is not."""

    recipe: Recipe
    model: ModelCheck
    data: DataCheck
    trainable: int | None
    forecast: Forecast | None
    fit: Fit | None
    gpus: tuple[Gpu, ...]
    """Those of this machine that the recipe lets the run have."""
    gpu: Gpu | None
    """The one of them that it would get now."""
    no_gpu_reason: str
    """Why the run would have none; "" where the recipe is refused for that."""
    certain: bool
    """False where the run would wait for a GPU, as the driver or a card does not answer."""
    session: Session
    count_steps: Callable[[Recipe], Steps | None]
    """The steps of a run of this recipe, or of one that differs in its settings."""
    steps: Steps | None = None

    @property
    def is_large(self) -> bool:
        """Whether the model is a large one, as far as is known."""
        return self.model.facts is None or (self.model.facts.parameters or BIG_MODEL) >= BIG_MODEL
