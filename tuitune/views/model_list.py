"""The models to choose from, as they are listed: those on this machine, then those of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from tuitune.hardware.base_models import BaseModelEntry, base_models
from tuitune.hardware.gpus import Gpu
from tuitune.hardware.model_facts import ModelFacts, read_facts
from tuitune.hardware.models import ModelEntry, find_models
from tuitune.hardware.occupancy import training_gpu
from tuitune.planning.checks.card import forecast_on
from tuitune.planning.forecast.memory import Forecast
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.overrides import with_values
from tuitune.recipe.presets import apply_preset
from tuitune.recipe.schema import Recipe
from tuitune.units import bytes_text

KINDS = {"bundled": "bundled", "local": "folder", "hub-cache": "Hub cache", "catalogue": "Hub"}
"""Where a model is, by its kind, in words."""

LEAST_PRESET = "fits-8gb"
"""The settings with which a model takes the least memory: a short row at a time, recomputed."""

_SMALLEST = apply_preset(Recipe(), LEAST_PRESET)
LEAST = {"lora": with_values(_SMALLEST, {"quantization.bits": 16}), "qlora": _SMALLEST}


@dataclass(frozen=True)
class ListedModel:
    """A model that is `here`, or known from the catalogue, or both."""

    here: ModelEntry | None
    known: BaseModelEntry | None

    @property
    def id(self) -> str:
        return self.here.id if self.here else self.known.name if self.known else ""

    @property
    def kind(self) -> str:
        return self.here.kind if self.here else "catalogue"

    @property
    def parameters(self) -> int | None:
        return self.here.parameters if self.here else self.facts.parameters if self.facts else self._told("parameters")

    @property
    def licence(self) -> str | None:
        return (self.here.licence if self.here else None) or self._told("licence")

    @property
    def context(self) -> int | None:
        return (self.here.context if self.here else None) or self._told("context")

    @property
    def model_type(self) -> str | None:
        return self.here.model_type if self.here else self.facts.model_type if self.facts else None

    @property
    def gated(self) -> bool | None:
        """Whether its download takes an acceptance of terms; None where that is not known, or it is here already."""
        return None if self.here and self.here.complete else self._told("gated")

    @property
    def traps(self) -> tuple[str, ...]:
        return self.known.surprises if self.known else ()

    @cached_property
    def facts(self) -> ModelFacts | None:
        """What its files say, where it is here, or else the catalogue."""
        if self.here is not None:
            with suppress(OSError, ValueError):
                return read_facts(self.here.path)
        return self.known.facts if self.known else None

    def needs(self, recipe: Recipe, gpu: Gpu | None) -> Forecast | None:
        """What a run of `recipe` with this model would need on a GPU; None where the model is not known well enough.

        TuituneError where a setting does not go with it.
        """
        return forecast_on(gpu, recipe, self.facts) if self.facts else None

    def least(self, gpu: Gpu | None) -> dict[str, int | None]:
        """The least that training it takes on a GPU, by how its weights are loaded."""
        return {name: self._total(recipe, gpu) for name, recipe in LEAST.items()}

    def as_json(self, gpu: Gpu | None) -> dict[str, Any]:
        """The keys of `tuitune models --json`."""
        entry = asdict(self.here) | {"path": str(self.here.path)} if self.here else dict.fromkeys(_FIELDS)
        needs, free = self.least(gpu), gpu.memory_free if gpu else None
        return entry | {
            "id": self.id,
            "kind": self.kind,
            "parameters": self.parameters,
            "licence": self.licence,
            "model_type": self.model_type,
            "complete": self.here is not None and self.here.complete,
            "chat_template": self.facts.chat_template if self.facts else None,
            "family": self._told("family"),
            "stage": self._told("stage"),
            "context": self.context,
            "gated": self.gated,
            "template": self._told("template"),
            "traps": list(self.traps),
            "needs": needs,
            "fits": {name: total <= free if total and free else None for name, total in needs.items()},
        }

    def _total(self, recipe: Recipe, gpu: Gpu | None) -> int | None:
        try:
            expected = self.needs(recipe, gpu)
        except TuituneError:
            return None
        return expected.total if expected else None

    def _told(self, field: str) -> Any:
        return getattr(self.known, field, None)


_FIELDS = tuple(ModelEntry.__dataclass_fields__)


def list_models() -> tuple[list[ListedModel], Sequence[Problem]]:
    """The models on this machine, then those of the catalogue that are not; what is wrong with the user's catalogue.

    Nothing goes online.
    """
    catalogue = base_models()
    here = [ListedModel(entry, catalogue.find(entry.id)) for entry in find_models()]
    present = {catalogue.kind.key(model.id) for model in here}
    away = [ListedModel(None, entry) for key, entry in catalogue.entries.items() if key not in present]
    return [*here, *away], catalogue.problems


def card_of(gpus: Sequence[Gpu], wanted: str = "auto") -> Gpu | None:
    """The GPU to hold forecasts against, where hardware.gpu is `wanted`; None where no free memory is known."""
    gpu = training_gpu(gpus, wanted)
    return gpu if gpu is not None and gpu.memory_free is not None else None


def fit_words(total: int | None, gpu: Gpu | None) -> Iterator[str]:
    """`21.4 GB`, and `fits` or `too big` where the GPU is known."""
    if total is not None:
        yield bytes_text(total)
        if gpu is not None and gpu.memory_free is not None:
            yield "fits" if total <= gpu.memory_free else "too big"
