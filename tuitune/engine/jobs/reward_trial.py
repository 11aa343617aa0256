"""What a recipe's rewards say of the answers that its model gives before training: the `rewards` task."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from tuitune.data.task_report import TaskReport
from tuitune.engine.evaluation.generate import Generator, attempt
from tuitune.engine.load.device import device, precision
from tuitune.engine.load.model import Base, Files, load
from tuitune.engine.load.tokenizer import choose_template, load_tokenizer, place_of, stop_ids_of
from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.prompts import text_of
from tuitune.engine.tokens.tokenize import refusal, tokenize
from tuitune.hardware import occupancy
from tuitune.hardware.gpus import GpuSampler
from tuitune.recipe.schema import Recipe
from tuitune.rewards.judge import Judge

_ROUNDING = 1e-6
"""Rewards that differ by less are the same, as trl's `is_std_zero` has it."""


def run(report: TaskReport) -> dict[str, Any]:
    """Carry out the task; `wanted` is `{"recipe": tables, "base": folder, "prompts": count, "answers": count}`."""
    recipe, base = Recipe.model_validate(report.wanted["recipe"]), Path(report.wanted["base"])
    report.progress(f"loading {recipe.model.id}")
    place = place_of(recipe.model, base)
    if not isinstance(place, Path):
        raise EngineError(f"model.id: {place} is not on this machine; a run, or `hf download {place}`, fetches it")
    template = choose_template(recipe, load_tokenizer(recipe.model, place), base)
    stop_ids = stop_ids_of(recipe.model, place, template.tokenizer)

    def tell(phase: str, text: str, done: int | None, total: int | None) -> None:
        report.progress(text, done or 0, total)

    tokens = tokenize(recipe, template, stop_ids, tell, base=base)
    if reason := refusal(tokens.facts, recipe):
        raise EngineError(reason)
    _refuse_taken(recipe)
    transformers.set_seed(recipe.run.seed)
    transformers.logging.disable_progress_bar()
    on = device(recipe)
    loading: Any = _Loading(report)
    model = load(recipe, Files(place, None), template, precision(recipe, on), on, loading)
    rows = tokens.train.select(_chosen(len(tokens.train), report.wanted["prompts"], recipe.run.seed))
    trial = _Trial(recipe, model, base, report.wanted["answers"])
    try:
        found = [_told(trial, row, number, len(rows), report) for number, row in enumerate(rows)]
    finally:
        trial.judge.close()
    return {"model": recipe.model.id, "weights": recipe.rewards.weights, "prompts": found, **summed(found)}


def _refuse_taken(recipe: Recipe) -> None:
    """EngineError where somebody is at work on the GPU that would answer: this is no run, which would wait."""
    gpu = occupancy.training_gpu(GpuSampler().sample(), recipe.hardware.gpu)
    if gpu is not None and occupancy.is_taken(gpu) and not recipe.hardware.share:
        users = occupancy.users_text(gpu) or "other programs"
        ways = 'set hardware.gpu = "cpu", or hardware.share = true'
        raise EngineError(
            f"hardware.gpu: {occupancy.title(gpu)} is in use by {users}; wait until it is free, or {ways}"
        )


def summed(prompts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean reward, that of each reward by its name, and the share of the prompts whose answers have spread."""
    answers = [one for prompt in prompts for one in prompt["answers"]]
    names = answers[0]["rewards"]
    return {
        "reward": sum(one["reward"] for one in answers) / len(answers),
        "rewards": {name: sum(one["rewards"][name] for one in answers) / len(answers) for name in names},
        "spread": sum(prompt["spread"] for prompt in prompts) / len(prompts),
        "cut": sum(one["cut"] for one in answers) / len(answers),
    }


def _chosen(rows: int, count: int, seed: int) -> list[int]:
    """Some of the rows, drawn by the seed of the run."""
    return sorted(random.Random(seed).sample(range(rows), min(count, rows)))


def _told(trial: _Trial, row: dict[str, Any], number: int, total: int, report: TaskReport) -> dict[str, Any]:
    report.progress("answering and judging", number, total, "prompts")
    return trial.of(row)


class _Trial:
    """A model that answers each prompt several times, and what its answers are worth."""

    def __init__(self, recipe: Recipe, base: Base, folder: Path, answers: int) -> None:
        wanted = recipe.objective
        self._weights, self._most, self._answers = recipe.rewards.weights, wanted.answer_length, answers
        self._tokenizer = base.tokenizer
        self._generator = Generator(
            base.model, base, wanted.answer_length, wanted.temperature, recipe.run.seed, plain=True
        )
        settings = recipe.rewards.model_dump()
        placed = {name: str(folder / settings[name]) for name in ("file", "schema_file") if settings[name]}
        self.judge = Judge({**settings, **placed}, self._weights)

    def of(self, row: dict[str, Any]) -> dict[str, Any]:
        """A prompt with its answers and their rewards."""
        with torch.inference_mode():
            said = self._generator.answer_tokens([row["prompt_ids"]] * self._answers)
        texts = self._tokenizer.batch_decode(said, skip_special_tokens=True)
        question, expected = text_of(row["question"]), text_of(row["answer"])
        answers = [
            attempt(text, ids, question, expected, most=self._most, ends=self._generator.ends)
            for text, ids in zip(texts, said, strict=True)
        ]
        scores = {name: self.judge.scores(name, answers) for name in self._weights}
        told: list[dict[str, Any]] = [
            {
                "text": one.text,
                "tokens": one.tokens,
                "cut": one.cut,
                "rewards": {name: found[place] for name, found in scores.items()},
                "reward": sum(weight * scores[name][place] for name, weight in self._weights.items()),
            }
            for place, one in enumerate(answers)
        ]
        rewards = [one["reward"] for one in told]
        spread = max(rewards) - min(rewards) > _ROUNDING
        return {"question": question, "expected": expected, "spread": spread, "answers": told}


class _Loading:
    """What `load` says while it loads, as the progress of a task."""

    def __init__(self, report: TaskReport) -> None:
        self._report = report

    def phase(self, slug: str, text: str) -> None:
        self._report.progress(text)

    def alert(self, id: str, level: str, message: str) -> None:
        self._report.progress(message)
