"""Labelled answers as tokens: each behind what was asked, with whether it is a good one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tuitune.engine.tokens.encode import Canonical, Encoded, Encoder, Numbers
from tuitune.shapes.preference import answers_of


@dataclass(frozen=True)
class Labelled(Encoded):
    """An answer as the model sees it, and whether it is a `good` one."""

    good: bool = False

    @property
    def arrays(self) -> tuple[Numbers, ...]:
        return *super().arrays, np.array([self.good], dtype=np.int32)


class LabelledEncoder:
    """Turns rows of labelled answers into tokens, each answer as the encoder of `single` ones does it.

    Answers that stand in what was asked are context: only the labelled one is learned.
    """

    columns = (*Encoder.columns, "good")

    def __init__(self, single: Encoder) -> None:
        self.single = single

    def encode_all(self, chunks: Iterable[Sequence[Canonical]]) -> Iterator[list[Labelled]]:
        """Chunks of rows in order. EngineError as from the encoder of single answers."""
        labels: deque[list[bool]] = deque()

        def answers() -> Iterator[list[Canonical]]:
            for chunk in chunks:
                labels.append([row["label"] for row in chunk])
                yield [one for row in chunk for one in answers_of(row)]

        for encoded in self.single.encode_all(answers()):
            yield [
                Labelled(one.input_ids, one.labels, one.length, one.problem, one.left_out, good)
                for one, good in zip(encoded, labels.popleft(), strict=True)
            ]
