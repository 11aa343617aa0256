"""What a run amounts to: the figures that lists, the monitor and `show --json` give, read from its directory alone."""

from __future__ import annotations

import math
from array import array
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from tuitune.problem import TuituneError
from tuitune.runs import files
from tuitune.runs.directory import Run, created_at
from tuitune.runs.journal import Reader, Record
from tuitune.runs.state import ENDED, State, catch_up, judge

_RECENT = 20


@dataclass(frozen=True)
class Summary:
    """The keys of `show --json`, as the contract names them, and `created_at`. Times are seconds since the epoch."""

    id: str
    name: str
    directory: str
    state: State
    reason: str
    step: int | None
    total_steps: int | None
    epoch: float | None
    loss: float | None
    eval_loss: float | None
    perplexity: dict[str, float | None]
    tokens_per_second: float | None
    peak_memory_bytes: int | None
    started_at: float | None
    ended_at: float | None
    eta_seconds: float | None
    adapter: str | None
    recipe: dict[str, Any]
    created_at: float | None

    def as_json(self, *, recipe: bool = True) -> dict[str, Any]:
        """The contract's keys alone; without `recipe` as lists of runs give them."""
        record = asdict(self)
        del record["created_at"]
        if not recipe:
            del record["recipe"]
        return record


def _column() -> array[float]:
    return array("d")


@dataclass
class Steps:
    """The training records as columns of equal length; NaN where a figure was missing or not finite.

    `tokens` counts trained-on input tokens since the start; `time` is seconds since the epoch; `memory` is bytes.
    """

    step: array[float] = field(default_factory=_column)
    epoch: array[float] = field(default_factory=_column)
    tokens: array[float] = field(default_factory=_column)
    time: array[float] = field(default_factory=_column)
    loss: array[float] = field(default_factory=_column)
    learning_rate: array[float] = field(default_factory=_column)
    grad_norm: array[float] = field(default_factory=_column)
    tokens_per_second: array[float] = field(default_factory=_column)
    step_seconds: array[float] = field(default_factory=_column)
    memory: array[float] = field(default_factory=_column)

    def __post_init__(self) -> None:
        columns = {column.name: getattr(self, column.name).append for column in fields(self)}
        self._columns = [("memory_bytes" if name == "memory" else name, append) for name, append in columns.items()]

    def __len__(self) -> int:
        return len(self.step)

    def append(self, record: Record) -> None:
        for key, append in self._columns:
            number = _number(record, key)
            append(math.nan if number is None else number)


class RunView:
    """A run as its files show it, kept up to date by `refresh`. Any number of views may follow one run.

    phase, plan, artefact and end are the last records of their kind (None before there is one); evaluations, answers,
    checkpoints, alerts, samples and events are lists of records. An evaluation also has `trained_tokens`, its place on
    an axis of tokens. `reloads` goes up when everything was read anew, because a file was cut short or replaced.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.reloads = 0
        self.complete = False
        self._restart()
        self.refresh(max_records=0)

    def _restart(self) -> None:
        self._readers = [Reader(path) for path in (self.run.events_file, self.run.metrics_file, self.run.samples_file)]
        self.steps = Steps()
        self.phase: Record | None = None
        self.plan: Record | None = None
        self.artefact: Record | None = None
        self.end: Record | None = None
        self.evaluations: list[Record] = []
        self.answers: list[Record] = []
        self.checkpoints: list[Record] = []
        self.alerts: list[Record] = []
        self.samples: list[Record] = []
        self.events: list[Record] = []
        self._peak_memory: float | None = None
        self._last_time: float | None = None
        self._at_work = False

    @property
    def broken(self) -> int:
        """Lines of the run's journals that could not be understood."""
        return sum(reader.broken for reader in self._readers)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The frozen recipe as plain tables; empty where its file is missing or damaged."""
        from tuitune.recipe.document import read

        try:
            return read(self.run.recipe_file).model_dump(mode="json") if files.is_regular(self.run.recipe_file) else {}
        except (TuituneError, OSError):
            return {}

    def refresh(self, max_records: int | None = None) -> bool:
        """Read what came since the last call; whether anything did. With `max_records`, at most that many from each
        file, so that a call takes a bounded time: `complete` says whether that was all there is.
        """
        events, metrics, samples = self._readers
        known = len(self.events)
        self._at_work = catch_up(self.run, events, self.events)
        records, answers = metrics.poll(max_records), samples.poll(max_records)
        if any(reader.reloads for reader in self._readers):
            self.reloads += 1
            self._restart()
            return self.refresh(max_records)
        self.complete = metrics.at_end and samples.at_end
        for record in records:
            self._take(record)
        if records:
            self._last_time = _number(records[-1], "time") or self._last_time
        self.samples += answers
        before = getattr(self, "summary", None)
        self.summary = self._summarize()
        return bool(records or answers) or len(self.events) > known or before != self.summary

    def _take(self, record: Record) -> None:
        match record.get("kind"):
            case "step":
                self.steps.append(record)
                peak = _number(record, "peak_memory_bytes")
                if peak and peak > (self._peak_memory or 0):
                    self._peak_memory = peak
            case "phase":
                self.phase = _shaped(record, texts=("phase", "text", "unit"), numbers=("done", "total"))
            case "eval":
                tokens = self.steps.tokens[-1] if len(self.steps) else 0.0
                self.evaluations.append({**_shaped(record, ("label",), _EVALUATION), "trained_tokens": tokens})
            case "plan" | "artefact" | "end" as kind:
                setattr(self, kind, record)
            case "answers" | "checkpoint" | "alert" as kind:
                getattr(self, kind if kind == "answers" else f"{kind}s").append(record)

    def _summarize(self) -> Summary:
        plan, steps = self.plan or {}, self.steps
        training = bool(self.plan) or len(steps) > 0
        state, reason = judge(self.run, self.events, at_work=self._at_work, training=training)
        step, total = _whole(_last(steps.step)), _whole(_number(plan, "total_steps"))
        measured = {evaluation["label"]: evaluation for evaluation in self.evaluations}
        return Summary(
            id=self.run.id,
            name=self.run.name,
            directory=str(self.run.path),
            state=state,
            reason=reason,
            step=step,
            total_steps=total,
            epoch=_last(steps.epoch),
            loss=_last(steps.loss),
            eval_loss=self.evaluations[-1]["loss"] if self.evaluations else None,
            perplexity={label: measured.get(label, {}).get("perplexity") for label in ("base", "tuned")},
            tokens_per_second=_last(steps.tokens_per_second),
            peak_memory_bytes=_whole(self._peak_memory),
            started_at=self._event_time("engine"),
            ended_at=self._ended_at(state),
            eta_seconds=self._eta(step, total) if state == "training" else None,
            adapter=str(self.run.adapter) if files.is_regular(self.run.adapter / "adapter_config.json") else None,
            recipe=self.recipe,
            created_at=self._created_at,
        )

    @cached_property
    def _created_at(self) -> float | None:
        return created_at(self.run)

    def _event_time(self, name: str) -> float | None:
        return next((_number(event, "time") for event in self.events if event.get("event") == name), None)

    def _ended_at(self, state: State) -> float | None:
        """When the run ended; for one that could not say so, when it was last heard of."""
        if state not in ENDED:
            return None
        heard = [_number(event, "time") for event in self.events[-1:]] + [self._last_time]
        return self._event_time("ended") or max((moment for moment in heard if moment is not None), default=None)

    def _eta(self, step: int | None, total: int | None) -> float | None:
        """Seconds to the last step at the mean duration of the latest steps."""
        recent = [seconds for seconds in self.steps.step_seconds[-_RECENT:] if math.isfinite(seconds)]
        if step is None or total is None or not recent:
            return None
        return max(total - step, 0) * sum(recent) / len(recent)


_EVALUATION = ("time", "step", "epoch", "loss", "perplexity", "tokens", "rows", "seconds")


def summarize(run: Run) -> Summary:
    """The run's figures now, all its files read."""
    view = RunView(run)
    view.refresh()
    return view.summary


def _number(record: Record, key: str) -> float | None:
    value = record.get(key)
    return value if type(value) is float or type(value) is int else None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _last(column: array[float]) -> float | None:
    return column[-1] if column and math.isfinite(column[-1]) else None


def _shaped(record: Record, texts: tuple[str, ...], numbers: tuple[str, ...]) -> Record:
    """The named fields of a record, each of the type it should have: "" and None stand for what is missing or odd."""
    shaped: Record = {key: value if isinstance(value := record.get(key), str) else "" for key in texts}
    return shaped | {key: _number(record, key) for key in numbers}
