"""Preferences as tokens: a chosen and a rejected answer, each behind the same tokens of what was asked.

Each answer is rendered as a conversation of its own, by the rules for single answers. Those that stand in what was
asked are context: only the two answers are learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from tuitune.engine.tokens.collator import IGNORED
from tuitune.engine.tokens.encode import NOTHING, Canonical, Encoded, Encoder, Numbers, Rendered
from tuitune.shapes.preference import SIDES, sides_of

COLUMNS = tuple(f"{side}_{what}" for side in SIDES for what in ("ids", "labels"))

_SAME = "its answers are the same where they are learned: there is nothing to prefer"
_ASKED = (
    "the chat template writes what was asked otherwise before the chosen answer than before the rejected one: set "
    "data.template to a file that writes it alike"
)


@dataclass(frozen=True)
class Pair:
    """Two answers as the model sees them, each with all that comes before it; the first `shared` tokens are the same.

    Figures of the pair are those of both: `length` is the longer one's, as either is cut at `max_length` by itself.
    """

    chosen: Encoded
    rejected: Encoded
    shared: int = 0
    problem: str = ""

    columns: ClassVar[tuple[str, ...]] = COLUMNS

    @property
    def arrays(self) -> tuple[Numbers, ...]:
        return tuple(numbers for one in self.sides for numbers in (one.input_ids, one.labels))

    @property
    def sides(self) -> tuple[Encoded, Encoded]:
        return self.chosen, self.rejected

    @property
    def length(self) -> int:
        return max(one.length for one in self.sides)

    @property
    def kept(self) -> int:
        return sum(one.kept for one in self.sides)

    @property
    def cut(self) -> bool:
        return any(one.cut for one in self.sides)

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(what for one in self.sides for what in one.left_out))

    @property
    def learned(self) -> int:
        """Tokens that count in the loss: none where an answer has none left, or nothing left that tells it apart."""
        return sum(one.learned for one in self.sides) if self._differs and all(one.learned for one in self.sides) else 0

    def stops(self, stop_ids: set[int], tokenizer: PreTrainedTokenizerBase) -> bool:
        return all(one.stops(stop_ids, tokenizer) for one in self.sides)

    def begins_with(self, token: int, times: int) -> bool:
        return any(one.begins_with(token, times) for one in self.sides)

    @property
    def _differs(self) -> bool:
        chosen, rejected = (one.input_ids[one.labels != IGNORED] for one in self.sides)
        return not np.array_equal(chosen, rejected)

    def judged(self) -> Pair:
        """The same, or no tokens and why, where its answers differ in nothing that is learned."""
        whole = all(one.learned for one in self.sides) and not self.cut
        return refused(_SAME) if whole and not self._differs else self


def refused(problem: str) -> Pair:
    """A row that has no tokens."""
    nothing = Encoded(NOTHING, NOTHING, 0)
    return Pair(nothing, nothing, problem=problem)


class PairEncoder:
    """Turns rows of preferences into pairs, each answer as the encoder of `single` ones does it."""

    columns = COLUMNS

    def __init__(self, single: Encoder) -> None:
        self.single = single

    def encode_all(self, chunks: Iterable[Sequence[Canonical]]) -> Iterator[list[Pair]]:
        """Chunks of rows in order. EngineError as from the encoder of single answers."""
        for parts in self.single.parts([one for row in chunk for one in sides_of(row)] for chunk in chunks):
            yield [self.pair(*two) for two in zip(parts[::2], parts[1::2], strict=True)]

    def pair(self, chosen: tuple[Rendered, Encoding] | Encoded, rejected: tuple[Rendered, Encoding] | Encoded) -> Pair:
        """A pair of what its two answers come to; without tokens, and why, where they cannot be compared."""
        if isinstance(chosen, Encoded) or isinstance(rejected, Encoded):
            return refused(_first_problem(chosen, rejected))
        texts = [rendered.text for rendered, _ in (chosen, rejected)]
        begins = [rendered.answers[0][0] for rendered, _ in (chosen, rejected) if rendered.answers]
        if begins and texts[0][: min(begins)] != texts[1][: min(begins)]:
            return refused(_ASKED)
        sides = [self.single.row(*one) for one in (chosen, rejected)]
        firsts = [_first_learned(one) for one in sides]
        shared = _common(*(one.input_ids[: min(firsts)] for one in sides))
        if len(set(begins)) == 1:  # a tokenizer may join the end of what was asked with the beginning of one answer
            for one, first in zip(sides, firsts, strict=True):
                one.labels[shared:first] = one.input_ids[shared:first]
        return Pair(sides[0], sides[1], shared).judged()


def _first_problem(*sides: tuple[Rendered, Encoding] | Encoded) -> str:
    """Why the first that has no tokens has none, and which answer that is, unless it is both."""
    problems = [one.problem if isinstance(one, Encoded) else "" for one in sides]
    if problems[0] == problems[1]:
        return problems[0]
    return next(f"its {side} answer: {problem}" for side, problem in zip(SIDES, problems, strict=True) if problem)


def _first_learned(one: Encoded) -> int:
    learned = np.flatnonzero(one.labels != IGNORED)
    return int(learned[0]) if len(learned) else one.kept


def _common(one: Numbers, other: Numbers) -> int:
    """How many numbers two rows have in common at the beginning."""
    length = min(len(one), len(other))
    apart = np.flatnonzero(one[:length] != other[:length])
    return int(apart[0]) if len(apart) else length
