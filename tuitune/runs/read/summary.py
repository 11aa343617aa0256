"""What a run amounts to: the figures that lists, the monitor and `show --json` give, read from its directory alone."""

from __future__ import annotations

import math
import time
from array import array
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tuitune.metrics import Metric
from tuitune.objectives import leading
from tuitune.problem import TuituneError
from tuitune.runs.read.history import History
from tuitune.runs.read.spent import Spent, spent
from tuitune.runs.read.state import ENDED, State, catch_up, derive, judge
from tuitune.runs.read.time_left import evaluation_seconds, samples_seconds, steps_seconds, times_due
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run, created_at, read_recipe
from tuitune.runs.store.journal import JournalReader
from tuitune.runs.store.records import newest, number
from tuitune.runs.store.records.lifecycle import TELLING, Amended, Ended, EngineStarted, Event, Supervisor
from tuitune.runs.store.records.line import is_number
from tuitune.text import redact_all

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe

_LAST = 100
"""Records among which those of the end are looked for."""

_PIECE = 2_000
"""How many records of a file are read at a time: what a record takes in memory is many times what its figures do."""

_GLANCE_SECONDS = 0.5
_GLANCE_SHARE = 10
"""While a long journal is read, the state is looked up at most this often, and takes at most a tenth of the time."""


@dataclass(frozen=True)
class Summary:
    """The keys of `show --json`, as the contract names them, and `created_at`. Times are seconds since the epoch.

    `life` counts the times that the run was started (0: never); `checkpoint` is the step of the newest checkpoint that
    counts; `exact` says whether the last resumption was exact (None where the run was never resumed). `held_out` has
    what evaluations measure beside loss and perplexity, of the base and of the model when it was last measured.
    `started_at` is when the first engine started; `ended_at` is None for a paused run, which goes on. `trained_seconds`
    and `waited_seconds` are those of the lives that have ended, None before one has.
    """

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
    held_out: dict[str, dict[str, float | None]]
    tokens_per_second: float | None
    peak_memory_bytes: int | None
    started_at: float | None
    ended_at: float | None
    eta_seconds: float | None
    adapter: str | None
    life: int
    checkpoint: int | None
    exact: bool | None
    trained_seconds: float | None
    waited_seconds: float | None
    recipe: dict[str, Any]
    created_at: float | None

    @property
    def telling_loss(self) -> float | None:
        """The newest training loss; None where the objective learns by other figures, and it says nothing."""
        return self.loss if _led(self.recipe).key == "loss" else None

    def as_json(self, *, recipe: bool = True) -> dict[str, Any]:
        """The contract's keys alone; without `recipe` as lists of runs give them."""
        record = asdict(self)
        del record["created_at"]
        if not recipe:
            del record["recipe"]
        return record


class RunView(History):
    """A run as its files show it, kept up to date by `refresh`. Any number of views may follow one run.

    Beside the records of `History`: `events` is the list of the run's events, `summary` its figures. `reloads` goes up
    when what was there before is void and charts are to be built anew: because a file was cut short or replaced, so
    that everything was read again, or because the run was resumed from an earlier step (see `History`).
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.complete = False
        self._restarts = 0
        self._restart()
        self.refresh(max_records=0)

    def _restart(self) -> None:
        super().__init__()
        self._readers = [
            JournalReader(path) for path in (self.run.events_file, self.run.metrics_file, self.run.samples_file)
        ]
        self.events: list[Event] = []
        self._life: dict[type[Event], Event] = {}
        self._lives = 0
        self._started_at: float | None = None
        self._spent: Spent | None = None
        self._last_time: float | None = None
        self._at_work: bool | None = None
        self._glance: tuple[State, str] | None = None
        self._glance_at = 0.0

    @property
    def reloads(self) -> int:
        return self._restarts + self.rewinds

    @property
    def broken(self) -> int:
        """Lines of the run's journals that could not be understood."""
        return sum(reader.broken for reader in self._readers)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The run's recipe as plain tables, as it was last changed; empty where its file is missing or damaged."""
        try:
            return read_recipe(self.run).model_dump(mode="json")
        except (TuituneError, OSError):
            return {}

    def refresh(self, max_records: int | None = None) -> bool:
        """Read what came since the last call; whether anything did. With `max_records`, at most that many from each
        file, so that a call takes a bounded time: `complete` says whether that was all there is. Until it is, the
        state is already that of now, the figures are those of what was read.
        """
        before = getattr(self, "summary", None)
        news = self._read(_PIECE if max_records is None else max_records)
        while max_records is None and not self.complete:
            news |= self._read(_PIECE)
        self.summary = self._summarize()
        return news or before != self.summary

    def _read(self, max_records: int) -> bool:
        """Read at most so many records from each file; whether there were any."""
        events, metrics, samples = self._readers
        known = len(self.events)
        self._at_work = catch_up(self.run, events, self.events, max_records)
        records, answers = metrics.poll(max_records), samples.poll(max_records)
        if any(reader.reloads for reader in self._readers):
            self._restarts += self.rewinds + 1
            self._restart()
            return self._read(max_records)
        self.complete = self._at_work is not None and metrics.at_end and samples.at_end
        for event in self.events[known:]:
            self._take_event(event)
        self.take_all(records)
        for answer in answers:
            self.take_sample(answer)
        if records:
            self._last_time = number(records[-1], "time") or self._last_time
        return bool(records or answers) or len(self.events) > known

    def setting(self, key: str) -> Any:
        """The value that the run goes by now, with what was tuned; None where that is not known."""
        tuned = next((line.changes for line in reversed(self.tuned) if line.changes and key in line.changes), None)
        section, name = key.split(".")
        return tuned[key] if tuned is not None else self.recipe.get(section, {}).get(name)

    def figure(self, key: str) -> float | None:
        """The number that a setting is; None where it is none, or not known."""
        value = self.setting(key)
        return value if is_number(value) else None

    def current_recipe(self) -> Recipe:
        """The recipe with everything that was tuned in place. TuituneError where its file is damaged."""
        from tuitune.recipe.tunable import TUNABLE, tune

        recipe = read_recipe(self.run)
        for line in self.tuned:
            known = {key: value for key, value in (line.changes or {}).items() if key in TUNABLE}
            try:
                recipe = tune(recipe, known) if known else recipe
            except TuituneError:  # a record that this version does not understand
                continue
        return recipe

    def time_spent(self, now: float | None = None) -> str:
        """How long it trained and waited, in words; with `now`, as `spent` has it, up to then. "" where none tells."""
        took = spent(self.events, now)
        return took.text(stepped=bool(len(self.steps))) if took else ""

    @property
    def leading(self) -> tuple[Metric, float | None]:
        """The metric that tells most of all whether the run learns, and its newest figure."""
        metric = _led(self.recipe)
        return metric, _last(self.steps[metric.key])

    @property
    def life(self) -> list[Event]:
        """Of the events since the run was last started, the newest of each telling kind, in order."""
        return list(self._life.values())

    def _take_event(self, event: Event) -> None:
        self._marks.take_event(event)
        match event:
            case Supervisor():
                self._life.clear()
                self._lives = self._lives + 1 if event.life is None else event.life
            case EngineStarted() if self._started_at is None:
                self._started_at = event.time
            case Ended():
                self._spent = spent(self.events)
            case Amended():
                self.__dict__.pop("recipe", None)
                self.__dict__.pop("_told_recipe", None)
        if isinstance(event, TELLING):
            self._life.pop(type(event), None)
            self._life[type(event)] = event

    def _judged(self) -> tuple[State, str]:
        if self.complete and self._at_work is not None:
            return judge(self.run, self.life, at_work=self._at_work, progress=self.progress)
        began = time.monotonic()
        if self._glance is None or began >= self._glance_at:
            self._glance = derive(self.run)
            done = time.monotonic()
            self._glance_at = done + max(_GLANCE_SECONDS, _GLANCE_SHARE * (done - began))
        return self._glance

    def _summarize(self) -> Summary:
        steps = self.steps
        state, reason = self._judged()
        step, total = _whole(_last(steps["step"])), self._total()
        measured = {evaluation.label: evaluation.perplexity for evaluation in self.evaluations}
        return Summary(
            id=self.run.id,
            name=self.run.name,
            directory=str(self.run.path),
            state=state,
            reason=reason,
            step=step,
            total_steps=total,
            epoch=_last(steps["epoch"]),
            loss=_last(steps["loss"]),
            eval_loss=self.evaluations[-1].loss if self.evaluations else None,
            perplexity={label: measured.get(label) for label in ("base", "tuned")},
            held_out={
                one.key: dict(zip(("base", "tuned"), change, strict=True)) for one, change in self.held_out_changes
            },
            tokens_per_second=_last(steps["tokens_per_second"]),
            peak_memory_bytes=_whole(self.memory["peak"] or None),
            started_at=self._started_at,
            ended_at=self._ended_at(state),
            eta_seconds=self._eta(step, total) if state == "training" else None,
            adapter=adapter_of(self.run),
            life=self._lives,
            checkpoint=self.checkpoints[-1].step if self.checkpoints else None,
            exact=self.resumed.exact if self.resumed else None,
            trained_seconds=self._spent.trained if self._spent else None,
            waited_seconds=self._spent.waited if self._spent else None,
            recipe=self._told_recipe,
            created_at=self._created_at,
        )

    @cached_property
    def _told_recipe(self) -> dict[str, Any]:
        """The recipe as it is told to others: without the credentials that the address of a data set may hold."""
        told: dict[str, Any] = redact_all(self.recipe)
        return told

    def _total(self) -> int | None:
        """The steps there will be: as the engine has planned them, before that as many as the recipe sets."""
        return (self.plan and self.plan.total_steps) or self.recipe.get("training", {}).get("max_steps")

    @cached_property
    def _created_at(self) -> float | None:
        return created_at(self.run)

    def _ended_at(self, state: State) -> float | None:
        """When the run ended; for one that could not say so, when it was last heard of."""
        if state not in ENDED:
            return None
        ended = newest(self.life, Ended)
        heard = [*(event.time for event in self.events[-1:]), self._last_time]
        return (ended and ended.time) or max((moment for moment in heard if moment is not None), default=None)

    def _eta(self, step: int | None, total: int | None) -> float | None:
        """Seconds to the end of the run, with the evaluations and samples still to come; None before it can be told."""
        left = None if step is None or total is None else steps_seconds(self.steps["step_seconds"], total - step)
        if step is None or total is None or left is None:
            return None
        epoch = _last(self.steps["epoch"])
        per_epoch = (self.plan and self.plan.steps_per_epoch) or (step / epoch if epoch else None)
        pauses = (
            ("evaluation.every", self.evaluations, evaluation_seconds(self.evaluations)),
            ("samples.every", self.samples, samples_seconds(self.samples)),
        )
        for every, done, seconds in pauses:
            at_end = not any(one.label == "tuned" and one.step == total for one in done[-_LAST:])
            left += seconds * (times_due(self.setting(every), step, total, per_epoch) + at_end)
        return left


def adapter_of(run: Run) -> str | None:
    """The folder of the run's result; None where there is no whole one."""
    whole = not run.adapter.is_symlink() and files.is_regular(run.adapter / "adapter_config.json")
    return str(run.adapter) if whole else None


def summarize(run: Run) -> Summary:
    """The run's figures now, all its files read."""
    view = RunView(run)
    view.refresh()
    return view.summary


def _led(recipe: dict[str, Any]) -> Metric:
    return leading(recipe.get("objective", {}).get("kind"))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _last(column: array[float]) -> float | None:
    return column[-1] if column and math.isfinite(column[-1]) else None
