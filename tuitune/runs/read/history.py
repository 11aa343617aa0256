"""What a run has recorded so far, as one story: a life that goes on from a checkpoint takes the place of what the
former one recorded after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby
from typing import Any

from tuitune.metrics import METRICS
from tuitune.runs.read.columns import Steps
from tuitune.runs.read.marks import Mark, Marks
from tuitune.runs.read.state import PROGRESS
from tuitune.runs.store.records import Record, column, number, table, text, whole

MEMORY = {part: f"{part}_memory_bytes" for part in ("peak", "reserved", "context")}
"""The most bytes that a run's tensors took, and on a GPU what its allocator reserved and what CUDA itself took."""

_EVALUATION = ("time", "step", "epoch", "perplexity", "tokens", "rows", "seconds")


class History:
    """The records of a run, taken in the order in which they were written.

    phase, plan, artefact, resumed and end are the last records of their kind (None before there is one, and `end` once
    a later life has begun); evaluations, answers, checkpoints, alerts, samples and tuned (the changes made while it
    trained) are lists of records. An evaluation also has `trained_tokens`, its place on an axis of tokens. A `resumed`
    record with a step removes everything that was recorded after that step, but what was tuned. Evaluations and answers
    on one basis compare: those of another held-out set or base model are removed by the first that is on a new one.
    `rewinds` counts the times that something was removed.
    """

    def __init__(self) -> None:
        self.rewinds = 0
        self.steps = Steps()
        self.phase: Record | None = None
        self.plan: Record | None = None
        self.artefact: Record | None = None
        self.resumed: Record | None = None
        self.end: Record | None = None
        self.evaluations: list[Record] = []
        self.answers: list[Record] = []
        self.checkpoints: list[Record] = []
        self.alerts: list[Record] = []
        self.samples: list[Record] = []
        self.tuned: list[Record] = []
        self.memory: dict[str, float] = dict.fromkeys(MEMORY, 0)
        self.progress = 0
        self._marks = Marks()

    @property
    def perplexities(self) -> tuple[float | None, float | None]:
        """Held-out perplexity of the base model, and of the model in training when it was last measured."""
        base = [one["perplexity"] for one in self.evaluations if one["label"] == "base"]
        later = [one["perplexity"] for one in self.evaluations if one["label"] != "base"]
        return (base or [None])[-1], (later or [None])[-1]

    @property
    def marks(self) -> list[Mark]:
        """What happened to the run, by step: {"step", "kind", "text"}.

        Kinds are tuned, done, resumed, pause, stop, kill, retry and alert.
        """
        return self._marks.by_step()

    def take_all(self, records: Sequence[Record]) -> None:
        """Records of metrics.jsonl."""
        shown = (whole(record, "seq") for record in reversed(records) if record.get("kind") in PROGRESS)
        self.progress = next((seq for seq in shown if seq is not None), self.progress)
        for steps, alike in groupby(records, key=_is_step):
            if steps:
                self._take_steps(list(alike))
            else:
                for record in alike:
                    self.take(record)

    def _take_steps(self, records: Sequence[Record]) -> None:
        self.steps.extend(records)
        for part, key in MEMORY.items():
            self.memory[part] = max(chain([self.memory[part]], column(records, key)))

    def take(self, record: Record) -> None:
        """A record of metrics.jsonl that is not a step."""
        match kind := record.get("kind"):
            case "phase":
                self.phase = shaped(record, texts=("phase", "text", "unit"), numbers=("done", "total"))
                return
            case "eval":
                measured = (*_EVALUATION, *(metric.key for metric in METRICS.values() if metric.held_out))
                evaluation = shaped(record, ("label", "basis"), measured)
                trained = len(self.steps) and evaluation["step"] != 0
                self._drop_incomparable(self.evaluations, evaluation)
                tokens = self.steps["tokens"][-1] if trained else 0.0
                self.evaluations.append({**evaluation, "trained_tokens": tokens})
                return
            case "resumed":
                self._resume(record)
            case "plan" | "artefact" | "end":
                setattr(self, str(kind), record)
            case "answers":
                self._drop_incomparable(self.answers, record)
                self.answers.append(record)
            case "tuned" if table(record, "changes"):
                self.tuned.append(record)
            case "checkpoint" | "alert":
                getattr(self, f"{kind}s").append(record)
        self._marks.take(record)

    def take_sample(self, record: Record) -> None:
        """A record of samples.jsonl."""
        if record.get("kind") == "resumed":
            self.rewinds += _drop_after([self.samples], number(record, "step"))
        else:
            self.samples.append(record)

    def _drop_incomparable(self, former: list[Record], newest: Record) -> None:
        if former and former[-1].get("basis") != newest.get("basis"):
            former.clear()
            self.rewinds += 1

    def _resume(self, record: Record) -> None:
        self.resumed, self.end = record, None
        step = number(record, "step")
        if step is not None:
            cut = self.steps.cut(step)
            dropped = _drop_after([self.evaluations, self.answers, self.checkpoints, self.alerts], step)
            self.rewinds += cut or dropped


def _is_step(record: Record) -> bool:
    return record.get("kind") == "step"


def _drop_after(lists: list[list[Record]], step: float | None) -> bool:
    """Remove the records of a later step; whether there were any."""
    dropped = False
    for records in lists:
        kept = [record for record in records if step is None or (number(record, "step") or 0) <= step]
        dropped = dropped or len(kept) < len(records)
        records[:] = kept
    return dropped


def shaped(record: Record, texts: tuple[str, ...], numbers: tuple[str, ...]) -> Record:
    """The named fields of a record, all there: "" and None stand for what is missing or odd."""
    fields: dict[str, Any] = {key: text(record, key) for key in texts}
    return fields | {key: number(record, key) for key in numbers}
