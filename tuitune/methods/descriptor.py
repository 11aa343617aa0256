"""What is said of a method: how it adapts a model's weights, what of the recipe it uses, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts


class Settings(Protocol):
    """The settings of a recipe's adapter that descriptors look at, as `tuitune.recipe` declares them."""

    rank: int
    initial_rank: int
    target_rank: int
    alpha: int
    dropout: float
    rslora: bool
    dora: bool
    lora_plus: float
    freeze_embeddings: bool
    rank_pattern: dict[str, int]
    alpha_pattern: dict[str, int]
    trainable_tokens: list[str]
    virtual_tokens: int
    encoder_size: int
    projected: bool

    @property
    def options(self) -> Mapping[str, Any]: ...

    @property
    def bias(self) -> str: ...

    @property
    def init(self) -> str: ...

    @property
    def layers(self) -> str: ...

    @property
    def modules_to_save(self) -> str: ...

    def chosen_layers(self, count: int) -> list[int]: ...


@dataclass(frozen=True)
class Result:
    """What a run leaves behind: `folder` in its directory, whole where `marker` lies in it.

    `library` loads it, and `packages` are what that needs installed besides transformers.
    """

    folder: str
    marker: str
    library: str
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rates:
    """Learning rates: the `usual` one, and the `lowest` and `highest` at which training is likely to work."""

    usual: float
    lowest: float
    highest: float

    def of(self, share: float) -> Rates:
        """The same where only a share of them suits."""
        return self if share == 1 else Rates(self.usual * share, self.lowest * share, self.highest * share)


@dataclass(frozen=True)
class Support:
    """What a method does not go with, each with why, as a clause; "" where it goes with it.

    `unavailable`: why it cannot be chosen at all. `bits`: why not with a base that bitsandbytes quantizes to so many;
    `stored`: nor with weights that come quantized in another way. `packing`: rows of several documents. `merging`: its
    result cannot become a part of the base's weights. `scoring`: objectives whose result gives scores; `generating`:
    those that learn from answers of the model's own.
    """

    unavailable: str = ""
    bits: Mapping[int, str] = field(default_factory=dict)
    stored: str = ""
    packing: str = ""
    checkpointing: str = ""
    merging: str = ""
    scoring: str = ""
    generating: str = ""


WIDENED = "there PEFT computes its part in float32, which the 16-bit layers of the model cannot take"
"""Why several methods do not go with a quantized base."""

Parameters: TypeAlias = "Callable[[Settings, ModelFacts, Sequence[Linear], Sequence[Linear]], int | None]"
"""How many parameters train, by the settings, the model, and its adapted layers and experts; None: not known so."""


@dataclass(frozen=True)
class Method:
    """How weights are adapted.

    `title` names it in a sentence, `does` says what it does to the model, `made` what its result is. `settings` are
    those of the recipe's `adapter` table that it reads. `trains_base`: the model's own weights are trained.

    `rates` hold for models of billions of parameters, `small_rates` for smaller ones, None where none are usual;
    `too_high` says what a higher one leads to. `parameters` counts those that train. `described` gives a recipe's
    method in one line, from its settings, the targets as shown, and the bits of the base; `recorded` the settings that
    a model card keeps.

    `rank` is that of its matrices while they train, 0 where it has none. `experts`: it can adapt those of a mixture,
    which are parameters of three dimensions. `scheduled` says what of it follows the length of the run. `starts` says
    how the model differs from its base before the first step, by the settings, "" where it does not. `support` says
    what it does not go with.
    """

    name: str
    title: str
    does: str
    made: str
    settings: frozenset[str]
    trains_base: bool
    result: Result
    parameters: Parameters
    described: Callable[[Settings, str, int], str]
    recorded: Callable[[Settings, str], str]
    rates: Rates | None = None
    small_rates: Rates | None = None
    too_high: str = "is too high: training is likely to diverge"
    rank: Callable[[Settings], int] = lambda settings: 0
    experts: bool = False
    scheduled: str = ""
    starts: Callable[[Settings], str] = lambda settings: ""
    support: Support = Support()
    tags: tuple[str, ...] = ()

    def uses(self, name: str) -> bool:
        """Whether it reads this setting of the adapter."""
        return name in self.settings

    @property
    def is_tuner(self) -> bool:
        """Whether it is one of PEFT's tuners, known by its options alone: its memory cannot be forecast."""
        return self.uses("options")
