"""What happens at the steps of training besides training: records, samples, evaluation, and stopping."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tuitune.engine.device import memory
from tuitune.engine.evaluate import Stopwatch, compare_answers
from tuitune.engine.failures import Failure
from tuitune.engine.generate import Generator
from tuitune.engine.report import Report
from tuitune.engine.stop import StopSwitch
from tuitune.engine.tokens import Canonical, render
from tuitune.recipe.schema import Recipe


class Recorder(TrainerCallback):
    """Writes the records of a run as its Trainer goes along, and ends the run where it was asked to or has diverged."""

    trainer: Any

    def __init__(self, recipe: Recipe, report: Report, stop: StopSwitch, sampler: Sampler | None) -> None:
        self.watch = Stopwatch()
        self._recipe = recipe
        self._report = report
        self._stop = stop
        self._sampler = sampler
        self._tokens = 0
        self._step = 0
        self._label = "base"
        self._diverged: str | None = None
"""
