"""How long a run trains: the steps that its recipe comes to, against those that it has done."""

from __future__ import annotations

from collections.abc import Collection

from tuitune.problem import Problem
from tuitune.recipe import steps
from tuitune.recipe.sections.training import TrainingSection
from tuitune.runs.store import checkpoints, journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records.training import Plan


def deciding(training: TrainingSection) -> str:
    """The setting that bounds the run: epochs have no effect beside a number of steps."""
    return "training.epochs" if training.max_steps is None else "training.max_steps"


def idle(changes: Collection[str], training: TrainingSection) -> str:
    """What is to be said where `changes` set a number of epochs that decides nothing in `training`; "" elsewhere."""
    if "training.epochs" not in changes or training.max_steps is None:
        return ""
    return f"training.epochs has no effect while training.max_steps = {training.max_steps}"


def total_steps(run: Run, training: TrainingSection) -> int | None:
    """The steps that these settings come to with the run's data; None before an engine has counted its epochs."""
    if training.max_steps is not None:
        return training.max_steps
    per_epoch = (journal.last(run.metrics_file, Plan) or Plan()).steps_per_epoch
    return None if per_epoch is None else steps.total_steps(per_epoch, training)


def outdone(run: Run, before: TrainingSection, after: TrainingSection) -> Problem | None:
    """What is wrong with a new length of the run: it is to end where its newest checkpoint is already, or earlier."""
    wanted, done = total_steps(run, after), checkpoints.reached(run)
    if wanted is None or wanted > done or wanted == total_steps(run, before) or _regrouped(before, after):
        return None
    return nothing_left(after, done)


def nothing_left(training: TrainingSection, done: int) -> Problem:
    """What is wrong with a run that is to be no longer than the steps that it has done."""
    value = f"{training.epochs:g}" if training.max_steps is None else f"{training.max_steps}"
    steps = "1 step" if done == 1 else f"{done:,} steps"
    return Problem(deciding(training), f"{value} leaves nothing to do: the run has already done {steps}")


def _regrouped(before: TrainingSection, after: TrainingSection) -> bool:
    """Whether epochs decide and have another number of steps than they had, which only the engine counts."""
    groups = {(one.batch_size, one.accumulation) for one in (before, after)}
    return after.max_steps is None and len(groups) > 1
