"""How good a model is on held-out rows: its loss and what goes with it, and answers compared with the rows' own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuitune.engine.evaluation.generate import Generator
from tuitune.engine.tokens.encode import Canonical
from tuitune.engine.tokens.questions import question_and_answer
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.rewards.valid_json import NONE, parsed
from tuitune.runs.store.records.training import Answered


@dataclass(frozen=True)
class HeldOutLoss:
    """The mean loss over `rows` held-out rows, which teach `tokens`; measuring took `seconds`.

    `perplexity` is None of a loss that is no mean over tokens. `figures` are other metrics, by key.
    """

    loss: float
    tokens: int
    rows: int
    seconds: float
    perplexity: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


def perplexity(loss: float) -> float:
    """exp(loss), of the mean loss of a token: how many tokens the model hesitates between; infinite where that is
    beyond a float.
    """
    return math.exp(loss) if loss < 700 else math.inf


def compare_answers(
    generator: Generator, rows: Sequence[Canonical], template: ChatTemplate, **where: Any
) -> Answered | None:
    """Let the model answer the rows' questions; None where the rows are plain text, which asks nothing.

    Answers are compared as JSON where all references are, else as text, outer white space aside. `where` is the rest of
    the record: step, label and basis.
    """
    pairs = [pair for row in rows if (pair := question_and_answer(row, template)) is not None]
    if not pairs:
        return None
    answers = [text for text, _ in generator.answer([question for question, _ in pairs])]
    structured = all(parsed(reference) is not NONE for _, reference in pairs)
    read: Callable[[str], Any] = parsed if structured else str.strip
    exact = sum(read(answer) == read(reference) for answer, (_, reference) in zip(answers, pairs, strict=True))
    valid = sum(parsed(answer) is not NONE for answer in answers) / len(answers) if structured else None
    return Answered(**where, rows=len(answers), exact=exact / len(answers), valid_json=valid)
