"""Trying again after running out of memory: smaller batches, more of them, the same effective batch."""

from __future__ import annotations

from tuitune.problem import TuituneError
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import read_recipe
from tuitune.runs.store.records.lifecycle import Retry
from tuitune.runs.supervise.context import SupervisorContext

_MOST_ACCUMULATION = 4096


def smaller(batch_size: int, accumulation: int, least: int = 1) -> tuple[int, int] | None:
    """The largest batch size of at most half that divides the effective batch, with the accumulation that keeps it.

    None where there is none: it would be below the `least`, or the accumulation larger than a recipe takes.
    """
    effective = batch_size * accumulation
    size = next((size for size in range(batch_size // 2, least - 1, -1) if effective % size == 0), 0)
    return (size, effective // size) if size and effective // size <= _MOST_ACCUMULATION else None


def prepare(context: SupervisorContext, after: int) -> str | None:
    """Change the recipe to smaller batches, so that another engine can go on from the last checkpoint.

    None when that is done; else what is to follow the reason of the end: "" where the recipe allows no other try, or
    why there is none. `after` is the number of the last metrics record.
    """
    try:
        recipe = read_recipe(context.run)
        if recipe.run.on_oom == "fail":
            return ""
        training = recipe.training
        found = smaller(training.batch_size, training.accumulation, recipe.optimises.least_batch)
        if found is None:
            return f" (not retried: training.batch_size = {training.batch_size} cannot be smaller)"
        size, accumulation = found
        context.amend({"training.batch_size": size, "training.accumulation": accumulation}, "out of memory")
    except (TuituneError, OSError) as error:
        return f" (not retried: {error})"
    step = checkpoints.reached(context.run)
    reason = f"out of memory: resumes from step {step:,} with batches of {size}, {accumulation} per step"
    context.events.append(Retry(reason=reason, step=step, batch_size=size, accumulation=accumulation, after=after))
    facts = {"reason": reason, "step": step, "batch_size": size, "accumulation": accumulation}
    context.notices.say("retry", facts)
    return None
