"""Prompts as tokens: what a model is asked, up to where its answer begins, with the answer that it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from tuitune.engine.tokens.encode import NOTHING, Canonical, Encoder, Numbers, Rendered
from tuitune.engine.tokens.questions import Question, asked_of
from tuitune.engine.tokens.template import RenderProblem
from tuitune.rewards import Reward

COLUMNS = ("prompt_ids", "question", "answer")

_ASKS_NOTHING = "it asks nothing: it has no question, or no answer in words after one"
_UNANSWERED = (
    "the reward {} compares with the row's answer, and it has none: name the column of the answers in data.columns "
    "(answer), or take the reward out of rewards.weights"
)


@dataclass(frozen=True)
class Prompt:
    """The tokens of a prompt, its question in words and the answer of its row, both as code points.

    A prompt is never cut: without its end it would not ask for an answer. `length` is what it has, and it keeps all of
    that or, where that is more than a row may have, nothing.
    """

    input_ids: Numbers
    question: Numbers
    answer: Numbers
    length: int
    problem: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def arrays(self) -> tuple[Numbers, ...]:
        return self.input_ids, self.question, self.answer

    @property
    def kept(self) -> int:
        return len(self.input_ids)

    @property
    def cut(self) -> bool:
        return self.length > self.kept

    @property
    def learned(self) -> int:
        """Tokens that a model is asked: those that it learns are its own."""
        return self.kept

    def stops(self, stop_ids: set[int], tokenizer: PreTrainedTokenizerBase) -> bool:
        """Whether its end is learned: a model ends its answers itself."""
        return True

    def begins_with(self, token: int, times: int) -> bool:
        return self.input_ids[:times].tolist() == [token] * times


class PromptEncoder:
    """Turns rows into prompts, with the tokenizer of `single`; one whose answer a reward cannot compare is refused."""

    columns = COLUMNS

    def __init__(self, single: Encoder, rewards: Sequence[Reward]) -> None:
        self.single = single
        self._rewards = rewards

    def encode_all(self, chunks: Iterable[Sequence[Canonical]]) -> Iterator[list[Prompt]]:
        """Chunks of rows in order."""
        for chunk in chunks:
            asked = [self.asked(row) for row in chunk]
            texts = [Rendered(one.text, [], one.whole) for one in asked if isinstance(one, Question)]
            encodings = iter(self.single.tokenize(texts))
            yield [refused(one) if isinstance(one, str) else self._prompt(one, next(encodings).ids) for one in asked]

    def asked(self, row: Canonical) -> Question | str:
        """What a row asks, or why it cannot be asked."""
        try:
            found = asked_of(row, self.single.template)
        except RenderProblem as problem:
            return str(problem)
        return _ASKS_NOTHING if found is None else self._unfit(found.answer) or found

    def _unfit(self, answer: str) -> str:
        for one in self._rewards:
            if one.expects and not answer:
                return _UNANSWERED.format(one.name)
            if one.expects and (why := one.unfit(answer)):
                return f"the reward {one.name} has nothing to compare with: {why}"
        return ""

    def _prompt(self, asked: Question, ids: Sequence[int]) -> Prompt:
        kept = np.array(ids, dtype=np.int32) if len(ids) <= self.single.max_length else NOTHING
        return Prompt(kept, points(asked.question), points(asked.answer), len(ids))


def refused(problem: str) -> Prompt:
    """A row that cannot be asked."""
    return Prompt(NOTHING, NOTHING, NOTHING, 0, problem)


def points(text: str) -> Numbers:
    """A text as the numbers of its characters."""
    return np.array([ord(character) for character in text], dtype=np.int32)


def text_of(numbers: Iterable[int]) -> str:
    """The text of such numbers."""
    return "".join(map(chr, numbers))
