"""How good a model is on held-out rows: its loss and what goes with it, and answers compared with the rows' own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuitune.engine.evaluation.generate import Generator
from tuitune.engine.tokens.encode import Canonical, question_and_answer
from tuitune.engine.tokens.template import ChatTemplate
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
    structured = all(_json(reference) is not _INVALID for _, reference in pairs)
    read: Callable[[str], Any] = _json if structured else str.strip
    exact = sum(read(answer) == read(reference) for answer, (_, reference) in zip(answers, pairs, strict=True))
    valid = sum(_json(answer) is not _INVALID for answer in answers) / len(answers) if structured else None
    return Answered(**where, rows=len(answers), exact=exact / len(answers), valid_json=valid)


_INVALID = object()


def _json(text: str) -> Any:
    """The JSON object or list in `text`; plain words and numbers do not count as JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _INVALID
    return value if isinstance(value, dict | list) else _INVALID
