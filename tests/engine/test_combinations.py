"""Settings together: every two values that the checks allow side by side train, in few runs of many settings each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.engine.methods.small import OPTIONS, WORKING
from tests.engine.support import conversation, save_model, write_rows
from tuitune.engine.worker import carry_out
from tuitune.hardware.model_facts import ModelFacts, read_facts
from tuitune.methods import FIRST_CLASS, TUNERS
from tuitune.objectives import TRAINED
from tuitune.objectives.descriptor import Teaching
from tuitune.planning.checks.device import KnownDevices, check_device
from tuitune.planning.preflight import check
from tuitune.planning.targets import trainable_parameters
from tuitune.problem import TuituneError
from tuitune.recipe.check import problems
from tuitune.recipe.document import render
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings, without_effect
from tuitune.rewards.python_file import fingerprint
from tuitune.runs.store.directory import create
from tuitune.runs.store.journal import read_all

Pair = frozenset[tuple[str, int]]
"""Two settings, each with the place of its value."""


def pair_of_answers(number: int) -> dict[str, Any]:
    return {"prompt": f"Where is order {number}?", "chosen": f"Order {number} is late.", "rejected": "Ask others."}


def rated_answer(number: int) -> dict[str, Any]:
    return {"prompt": f"Where is order {number}?", "completion": f"Order {number} is late.", "label": number % 2 == 0}


ROWS: dict[Teaching, Callable[[int], dict[str, Any]]] = {
    "answers": conversation,
    "preferences": pair_of_answers,
    "labels": rated_answer,
    "text": lambda number: {"text": f"Order {number} is late, and nobody knows where it is."},
    "prompts": lambda number: {"prompt": f"Where is order {number}?"},
}
"""Rows by what they teach; an objective learns from what it names first."""

ANY = {
    one.key: list(one.choices) if one.kind == "choice" else [False, True]
    for one in settings()
    if one.section in ("adapter", "quantization", "objective") and one.kind in ("choice", "switch")
    if one.key != "objective.drop_cut"  # a random model's answers are all cut, so that nothing would be learned
}
MORE: dict[str, list[Any]] = {
    "adapter.method": [name for name in FIRST_CLASS if name in WORKING],
    "model.id": ["apart", "tied"],
    "objective.kind": list(TRAINED),
    "adapter.targets": [["q_proj", "v_proj"], "all-linear"],
    "adapter.dropout": [0.0, 0.1],
    "adapter.layers": ["", "last 1"],
    "adapter.rank_pattern": [{}, {"v_proj": 2}],
    "adapter.trainable_tokens": [[], ["<|end|>"]],
    "adapter.lora_plus": [1.0, 4.0],
    "data.packing": [True, False],
    "training.gradient_checkpointing": [False, True],
    "training.precision": ["fp32", "bf16"],
    "training.optimizer": ["adamw_torch_fused", "adamw_8bit", "adafactor", "sgd"],
    "training.neftune_alpha": [None, 5.0],
    "training.accumulation": [1, 2],
    "model.attention": ["auto", "eager", "sdpa"],
}
FACTORS = {**ANY, **MORE}
OF_TUNERS = {
    "adapter.method": [name for name in TUNERS if name in WORKING],
    **{key: values for key, values in FACTORS.items() if not key.startswith("adapter.")},
    **{f"adapter.{name}": FACTORS[f"adapter.{name}"] for name in ("targets", "layers")},
}
"""Those that the tuners of PEFT know by their options alone have in common."""

REWARD = "def reward(completion):\n    return sum(map(ord, completion)) % 101\n"
"""One that tells any two answers apart."""

USUAL = {
    "adapter.rank": 4, "training.batch_size": 2,
    "rewards.weights": {"python": 1.0}, "rewards.file": "mine.py", "rewards.approved": fingerprint(REWARD.encode()),
    "objective.generations": 2, "objective.answer_length": 8,
}  # fmt: skip
"""The others, small, with what an objective cannot be without."""

_CPU = KnownDevices([], "", certain=True, build=None)


class Allowed:
    """Recipes of `factors` that the checks take."""

    def __init__(self, folder: Path, factors: dict[str, list[Any]]) -> None:
        self.folder, self.factors = folder, factors
        self._facts = {name: read_facts(folder / name) for name in factors["model.id"]}

    def recipe(self, row: dict[str, int]) -> Recipe | None:
        """The recipe of a row of places, None where the checks refuse it."""
        values = {key: self.factors[key][place] for key, place in row.items()}
        options = OPTIONS.get(values["adapter.method"], {})
        recipe = with_values(Recipe(), {**USUAL, "adapter.options": options, **values})
        refused = problems(recipe) or check_device(recipe, _CPU)
        return recipe if not refused and self._counts(recipe, self._facts[recipe.model.id]) else None

    @staticmethod
    def _counts(recipe: Recipe, facts: ModelFacts) -> bool:
        try:
            return trainable_parameters(recipe, facts) is not None or recipe.method.is_tuner
        except TuituneError:
            return False

    def rows(self, first: str | None = None) -> Iterator[Recipe]:
        """Recipes in which every two values stand together that can, and that both have an effect; with `first`, every
        two of which one is a value of that setting.
        """
        usual = dict.fromkeys(self.factors, 0)
        left = {
            frozenset({(one, a), (other, b)})
            for one, other in combinations(self.factors, 2)
            if first in (None, one, other)
            for a in range(len(self.factors[one]))
            for b in range(len(self.factors[other]))
        }
        while left:
            wanted = min(left, key=sorted)
            starts = ({**usual, **dict(wanted), "adapter.method": place} for place in self._methods(wanted))
            row = next((one for one in starts if self.recipe(one) and wanted in self._together(one)), None)
            if row is None:
                left.discard(wanted)
                continue
            for key, values in self.factors.items():
                tried = [{**row, key: place} for place in range(len(values)) if (key, row[key]) not in wanted]
                fitting = [one for one in tried if self.recipe(one)]
                row = max([row, *fitting], key=lambda one: len(self._together(one) & left))
            recipe = self.recipe(row)
            assert recipe is not None
            covered = self._together(row) & left
            left -= covered or {wanted}
            if covered:
                yield recipe

    def _methods(self, wanted: Pair) -> list[int]:
        """The methods that a pair may be tried with."""
        given = dict(wanted).get("adapter.method")
        return list(range(len(self.factors["adapter.method"]))) if given is None else [given]

    def _together(self, row: dict[str, int]) -> set[Pair]:
        """The pairs of a row whose settings have an effect."""
        recipe = self.recipe(row)
        idle = without_effect(recipe) if recipe else {}
        return {frozenset(two) for two in combinations([one for one in row.items() if one[0] not in idle], 2)}


@pytest.mark.slow
@pytest.mark.parametrize(("factors", "first"), [(FACTORS, None), (OF_TUNERS, "adapter.method")], ids=["all", "tuners"])
def test_every_two_settings_that_the_checks_allow_train_together(
    factors: dict[str, list[Any]], first: str | None, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(REWARD)
    save_model(tmp_path / "apart")
    save_model(tmp_path / "tied", tie_word_embeddings=True)
    data = {one: str(write_rows(tmp_path / f"{one}.jsonl", list(map(row, range(16))))) for one, row in ROWS.items()}
    failed, count = [], 0
    for recipe in Allowed(tmp_path, factors).rows(first):
        more = {
            "model.id": str(tmp_path / recipe.model.id), "data.train": data[recipe.optimises.learns_from[0]],
            "data.max_length": 64, "data.eval": 0.25, "training.max_steps": 2, "training.batch_size": 2,
            "training.learning_rate": 0.02, "training.warmup_ratio": 0.0,
            "rewards.file": str(tmp_path / "mine.py"), "hardware.gpu": "cpu", "checkpoints.every": "end",
        }  # fmt: skip
        chosen = with_values(recipe, more)
        assert check(chosen, base=tmp_path, gpus=[]).errors == []
        run, count = create(chosen), count + 1
        if (code := carry_out(run.path)) and not check(chosen, base=tmp_path, gpus=[], online=True).errors:
            reason = next(one["reason"] for one in read_all(run.metrics_file) if one["kind"] == "end")
            failed.append(f"{code}: {reason}\n{render(recipe)}")
    assert not failed, "\n\n".join(failed)
    assert count > 20
