"""What is looked at before a launch: errors, which block it, and advice, which does not. Reads, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from tuitune.hardware import fitness, occupancy
from tuitune.hardware.fitness import Build
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.hardware.host import disk_free
from tuitune.hardware.model_facts import ModelFacts
from tuitune.hardware.session import Session, session
from tuitune.paths import data_home
from tuitune.planning.advice import advise
from tuitune.planning.checks.data import DataCheck, check_data
from tuitune.planning.checks.device import KnownDevices, check_device, no_gpu, too_large_unasked
from tuitune.planning.checks.half_precision import computes_in_float16, float16_trouble
from tuitune.planning.checks.labels import told_by
from tuitune.planning.checks.model import LISTED, check_model
from tuitune.planning.checks.remote import ask, known
from tuitune.planning.checks.rewards import check_rewards
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.planning.checks.tuners import check_tuner
from tuitune.planning.checks.vocabulary import absent_tokens, unknown_tokens
from tuitune.planning.data_plan import known_tokens
from tuitune.planning.forecast.expected_steps import Steps, expected_steps, tokens_of
from tuitune.planning.forecast.formats import Device
from tuitune.planning.forecast.memory import Fit, Forecast, fits, forecast
from tuitune.planning.targets import trainable_parameters
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.check import problems
from tuitune.recipe.schema import Recipe
from tuitune.recipe.steps import too_few_prompts, training_rows
from tuitune.units import bytes_text

_SIDE_FILES = 20_000_000
"""Bytes that tokenizer, card and trainer state add to a checkpoint."""


@dataclass(frozen=True)
class Check:
    """What was found out about a recipe on this machine. A recipe with `errors` must not be launched.

    `facts`, `trainable`, `total`, `forecast` and `fit` are None where the model is not known; `to_ask` is the Hub id of
    one that the Hub has not been asked about, and `unknown` why asking has not helped. `tuner_to_ask`: nor has PEFT
    about the recipe's tuner. `unforecast`: for what no forecast of memory is known, though the model is. `rows` are
    those trained on, None where they are not counted; `held_out` those held out, None before all are tokenized.
    """

    errors: list[Problem]
    advice: list[Advice]
    facts: ModelFacts | None
    trainable: int | None
    total: int | None
    forecast: Forecast | None
    fit: Fit | None
    to_ask: str = ""
    unknown: str = ""
    tuner_to_ask: bool = False
    unforecast: str = ""
    steps: Steps | None = None
    rows: int | None = None
    held_out: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The keys of `tuitune check --json`."""
        fit = {"state": self.fit.state, "free": self.fit.free, "message": self.fit.message} if self.fit else None
        return {
            "errors": [asdict(problem) for problem in self.errors],
            "advice": [asdict(advice) for advice in self.advice],
            "trainable_parameters": self.trainable,
            "total_parameters": self.total,
            "forecast": {**self.forecast.as_json(), "fit": fit} if self.forecast else None,
        }


def check(
    recipe: Recipe,
    *,
    base: Path,
    gpus: Sequence[Gpu] | None = None,
    build: Build | None = None,
    where: Session | None = None,
    online: bool = False,
    rows: int | None = None,
) -> Check:
    """Look a recipe over; relative paths in it start at `base`.

    `gpus` are those of this machine, with the torch that would compute on them, and `where` this process's
    surroundings, unless given; `rows` are the usable rows of the training data, where those have been counted.
    `online` asks the Hub about a model that is not here, and PEFT about a tuner, and waits for the answers.
    """
    machine = _this_machine() if gpus is None else KnownDevices(gpus, "", True, build)
    present, awaited = machine.open_to(recipe), machine.is_awaited(recipe)
    why = no_gpu(recipe, machine)
    chosen = occupancy.training_gpu(present, recipe.hardware.gpu)
    model, data = check_model(recipe, base, ask if online else known), check_data(recipe, base)
    tuner = check_tuner(recipe, model.folder, ask=online)
    errors = [
        *problems(recipe),
        *tuner.errors,
        *model.errors,
        *data.errors,
        *unknown_tokens(recipe, base, model.folder, model.facts),
        *absent_tokens(recipe, model.folder),
        *check_rewards(recipe, base),
        *check_device(recipe, machine),
    ]
    trainable = total = expected = None
    if model.facts is not None:
        total = model.facts.parameters
        if why and not present and not awaited and (refused := too_large_unasked(recipe, total, why)):
            errors.append(refused)
        try:
            trainable = tuner.trainable or trainable_parameters(recipe, model.facts)
            device: Device = "cuda" if present or awaited else "cpu"
            modern = chosen is None or fitness.has_bfloat16(chosen) is not False
            expected = forecast(recipe, model.facts, device=device, modern=modern)
            if expected and model.listed:
                expected = expected.assuming(LISTED)
        except TuituneError as error:
            errors += [problem for problem in error.problems if problem not in errors]
    if computes_in_float16(recipe, chosen):
        trouble = float16_trouble(recipe, model.facts.model_type if model.facts else None)
        errors += [trouble] if trouble and all(trouble.key != problem.key for problem in errors) else []
    if expected is not None:
        errors += _disk(recipe, expected)
    fit = fits(expected, _once_free(present, recipe), recipe.hardware.gpu) if expected and not awaited else None
    where = where or session(data_home())
    usable = data.usable if rows is None else rows
    tokens = known_tokens(recipe, base)
    against, labels = told_by(tokens) if tokens else ([], [])
    errors += against
    count_steps = partial(_steps, base=base, data=data, facts=model.facts, rows=usable)
    steps = count_steps(recipe)
    situation = Situation(
        recipe, model, data, trainable, expected, fit, present, chosen, why, not awaited, where, count_steps, steps
    )
    to_ask = recipe.model.id if model.download and model.remote is None else ""
    unknown = model.remote.unknown if model.remote else ""
    trained = tokens["kept"] if tokens else None if usable is None else training_rows(usable, recipe.data)
    if trained is not None and (few := too_few_prompts(recipe, trained)) is not None:
        errors.append(Problem("training.accumulation", few))
    advice = [*advise(situation), *labels, *([_unanswered(recipe)] if tuner.unanswered else [])]
    found = (errors, advice, model.facts, trainable, total, expected, fit, to_ask, unknown, tuner.to_ask)
    held_out = tokens["held_out_kept"] if tokens else None
    return Check(*found, _unforecast(recipe, model.facts, expected), steps, trained, held_out)


def _unanswered(recipe: Recipe) -> Advice:
    said = f"PEFT has not said what {recipe.method.title} trains on this model, and whether the options go with it"
    return Advice("tuner-unknown", "warning", "adapter.options", f"{said}: the start of the run will show; check again")


def _unforecast(recipe: Recipe, facts: ModelFacts | None, expected: Forecast | None) -> str:
    if facts is None or expected is not None:
        return ""
    return recipe.method.title if recipe.method.is_tuner else "this architecture"


def _steps(recipe: Recipe, base: Path, data: DataCheck, facts: ModelFacts | None, rows: int | None) -> Steps | None:
    """The steps of the run: from its tokens where they are known, else from the lengths of its first rows."""
    found = known_tokens(recipe, base)
    vocabulary = facts.vocab if facts else None
    tokens = [tokens_of(size, texts, vocabulary) for size, texts in data.sizes]
    return expected_steps(recipe, rows, packed=found["packed_rows"] if found else None, tokens=tokens)


@cache
def _sampler() -> GpuSampler:
    return GpuSampler()


def _this_machine() -> KnownDevices:
    sampler = _sampler()
    return KnownDevices(sampler.sample(), sampler.reason, sampler.certain, fitness.installed())


def _once_free(gpus: Sequence[Gpu], recipe: Recipe) -> list[Gpu]:
    """The GPUs as the run will find them: it waits until those at work on one are gone, unless it may share it."""
    if recipe.hardware.share:
        return list(gpus)
    return [
        replace(gpu, memory_free=gpu.memory_free + gpu.memory_used - gpu.graphics_memory)
        if gpu.memory_free is not None and gpu.memory_used is not None and occupancy.is_taken(gpu)
        else gpu
        for gpu in gpus
    ]


def _disk(recipe: Recipe, expected: Forecast) -> list[Problem]:
    """Room for the checkpoints that are kept, the best one, the one being written, and the result."""
    trained = expected.parts["adapter"] or expected.parts["weights"]
    one = trained + expected.parts["optimizer"] + _SIDE_FILES
    count = recipe.checkpoints.keep + (recipe.data.eval is not None) + 1
    needed = one * count + trained + _SIDE_FILES
    free = disk_free(data_home())
    if free is None or needed <= free:
        return []
    wanted = f"{count:,} checkpoints (one being written) and the result need about {bytes_text(needed)}"
    remedy = "keep fewer, free some space, or set TUITUNE_HOME to another disk"
    message = f"{wanted}, but {data_home()} has {bytes_text(free)} free; {remedy}"
    return [Problem("checkpoints.keep", message)]
