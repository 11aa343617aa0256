"""What turns the rows of a recipe into tokens: single answers, labelled ones, pairs, plain text, or prompts alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from transformers import PreTrainedTokenizerBase

from tuitune.engine.tokens.encode import Canonical, Encoder, Numbers
from tuitune.engine.tokens.labelled import LabelledEncoder
from tuitune.engine.tokens.pairs import PairEncoder
from tuitune.engine.tokens.prompts import PromptEncoder
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.recipe.schema import Recipe
from tuitune.rewards import REWARDS


class TokenRow(Protocol):
    """A row as tokens, of one answer or of several."""

    @property
    def problem(self) -> str: ...
    @property
    def left_out(self) -> tuple[str, ...]: ...
    @property
    def arrays(self) -> tuple[Numbers, ...]: ...
    @property
    def length(self) -> int: ...
    @property
    def kept(self) -> int: ...
    @property
    def cut(self) -> bool: ...
    @property
    def learned(self) -> int: ...
    def stops(self, stop_ids: set[int], tokenizer: PreTrainedTokenizerBase) -> bool: ...
    def begins_with(self, token: int, times: int) -> bool: ...


class RowEncoder(Protocol):
    """What turns the rows of an objective into `columns` of numbers; `single` does so with rows of one answer."""

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def single(self) -> Encoder: ...
    def encode_all(self, chunks: Iterable[Sequence[Canonical]]) -> Iterator[Sequence[TokenRow]]: ...


def encoder_of(recipe: Recipe, template: ChatTemplate, stop_ids: Collection[int]) -> RowEncoder:
    """The encoder for what the recipe's objective learns from. EngineError as from `Encoder`."""
    objective, length = recipe.optimises, recipe.data.max_length
    if objective.generates:
        rewards = [REWARDS[name] for name in recipe.rewards.weights if name in REWARDS]
        return PromptEncoder(Encoder(template, "completion", length, stop_ids), rewards)
    if "preferences" in objective.learns_from:
        return PairEncoder(Encoder(template, "assistant", length, stop_ids))
    if "labels" in objective.learns_from:
        return LabelledEncoder(Encoder(template, "assistant", length, stop_ids))
    if objective.whole:
        return Encoder(template, "all", length, stop_ids, whole=True)
    return Encoder(template, recipe.data.loss_on, length, stop_ids)
