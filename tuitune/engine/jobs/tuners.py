"""What PEFT's tuners take, and how many parameters one trains on a model: the tasks `options` and `tuner`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from tuitune.data.task_report import TaskReport
from tuitune.engine.methods import adapt
from tuitune.engine.methods.tuner import config_class, options
from tuitune.methods import TUNERS
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe

_STEPS = 100


def run_options(report: TaskReport) -> dict[str, Any]:
    """The options of every tuner, by its name."""
    return {name: [asdict(one) for one in options(config_class(name))] for name in TUNERS}


def run_count(report: TaskReport) -> dict[str, Any]:
    """What a recipe's tuner trains on a model of this config, made without its weights.

    `wanted` is `{"adapter": table, "objective": its name, "model": folder}`. `problems` are those that PEFT finds, each
    a key and a message; `trainable` is None with them, and for a tuner that reads the weights that it is put on.
    """
    tables = {"adapter": report.wanted["adapter"], "objective": {"kind": report.wanted["objective"]}}
    recipe = Recipe.model_validate(tables)
    report.progress(f"counting the parameters of {recipe.method.title}")
    folder = Path(report.wanted["model"])
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with suppress(AttributeError):
        del config.quantization_config
    kind: Any = AutoModelForCausalLM
    if recipe.optimises.scores:
        kind, config.num_labels = AutoModelForSequenceClassification, 1
    try:
        with torch.device("meta"):
            base: Any = SimpleNamespace(model=kind.from_config(config), commit=None, folder=folder)
            trained = adapt(base, recipe, _STEPS).model.parameters()
    except TuituneError as error:
        unread = _reads_weights(error.__cause__)
        found = [] if unread else [[problem.key, problem.message] for problem in error.problems]
        return {"trainable": None, "problems": found}
    return {"trainable": sum(weight.numel() for weight in trained if weight.requires_grad), "problems": []}


def _reads_weights(error: BaseException | None) -> bool:
    """Whether it was the want of weights that failed, as torch says it."""
    return isinstance(error, NotImplementedError) or (isinstance(error, RuntimeError) and "meta" in str(error))
