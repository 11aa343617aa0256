"""What is said of a method: how it adapts a model's weights, what of the recipe it uses, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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
class Method:
    """How weights are adapted.

    `title` names it in a sentence, `does` says what it does to the model, `made` what its result is. `settings` are
    those of the recipe's `adapter` table that it reads. `trains_base`: the model's own weights are trained.

    `rates` hold for models of billions of parameters, `small_rates` for smaller ones; `too_high` says what a higher one
    leads to. `parameters` counts those that train, from its settings, the model, and the adapted layers and experts;
    None where that is not known. `described` gives a recipe's method in one line, from its settings, the targets as
    shown, and the bits of the base; `recorded` the settings that a model card keeps.

    `rank` is that of its matrices while they train, 0 where it has none. `experts`: it can adapt those of a mixture,
    which are parameters of three dimensions. `unquantized` says what keeps quantized weights from it ("cannot be
    trained"), "" where it takes them; `scheduled` what of it follows the length of the run.
    """

    name: str
    title: str
    does: str
    made: str
    settings: frozenset[str]
    trains_base: bool
    result: Result
    rates: Rates
    small_rates: Rates
    too_high: str
    parameters: Callable[[Settings, ModelFacts, Sequence[Linear], Sequence[Linear]], int | None]
    described: Callable[[Settings, str, int], str]
    recorded: Callable[[Settings, str], str]
    rank: Callable[[Settings], int] = lambda settings: 0
    unquantized: str = ""
    experts: bool = False
    scheduled: str = ""
    tags: tuple[str, ...] = ()

    def uses(self, name: str) -> bool:
        """Whether it reads this setting of the adapter."""
        return name in self.settings
