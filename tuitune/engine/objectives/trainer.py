"""What the trainers of all objectives have in common: how they are made, and how held-out rows are measured."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import TrainingArguments

from tuitune.engine.evaluation.evaluate import HeldOutLoss, perplexity
from tuitune.engine.evaluation.generate import undisturbed
from tuitune.engine.load.device import Precision
from tuitune.engine.load.model import Base
from tuitune.engine.loop.durable import Durable, TrainerLife
from tuitune.engine.loop.training_loop import TrainingLoop
from tuitune.engine.tokens.collator import Batch, Row
from tuitune.engine.tokens.prepare import Prepared
from tuitune.objectives.descriptor import Trained
from tuitune.recipe.schema import Recipe

Sums = Mapping[str, tuple[float, float]]
"""Figures by key: a sum, and the number of what it was summed over."""


@dataclass(frozen=True)
class Assignment:
    """What a run gives the trainer of its objective; the model to train is that of `life`."""

    base: Base
    data: Prepared
    recipe: Recipe
    life: TrainerLife
    precision: Precision
    on: torch.device


class ObjectiveTrainer(Durable):
    """Mixed into the trainer of trl for an objective, in front of it.

    Rows are tokens already. Of a subclass stand here its arguments, its collator, its loss where that is not trl's, and
    what it measures of a batch of held-out rows.
    """

    trains: ClassVar[tuple[str, ...]]
    """The objectives by name whose trainer it is."""
    recorder: TrainingLoop
    of_tokens: ClassVar[bool] = False
    """Whether its loss is a mean over tokens, so that there is a perplexity."""

    def __init__(
        self,
        given: Assignment,
        args: TrainingArguments,
        collate: Callable[[Sequence[Row]], Batch] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(
            life=given.life,
            model=given.life.adapted.model,
            args=args,
            train_dataset=given.data.train,
            eval_dataset=given.data.held_out,
            processing_class=given.base.tokenizer,
            callbacks=[given.life.recorder],
            **({} if collate is None else {"data_collator": collate}),
            **named,
        )
        self.recorder.trainer = self
        self.objective: Trained = given.recipe.optimises
        self._told_of_held_out = [metric.key for metric in self.objective.metrics if metric.held_out]
        self._held_out_rows = given.data.held_out_count
        self._held_out_tokens = given.data.held_out_tokens

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        """Nothing to do: they are tokens already."""
        return dataset

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Trl's, told to the recorder with its share of the step."""
        loss: Tensor = super().compute_loss(model, _for_trl(inputs), return_outputs, num_items_in_batch)
        self.recorder.learned(loss / self.current_gradient_accumulation_steps, inputs["tokens"])
        return loss

    def measure(self, batch: Batch, rows: int) -> Sums:
        """The loss of a batch of so many held-out rows, as "loss", and what else is measured of it; each row counts the
        same, where a subclass does not say otherwise.
        """
        return {key: (value * rows, rows) for key, value in self.measured_by_trl(batch).items()}

    def measured_by_trl(self, batch: Batch) -> dict[str, float]:
        """Trl's loss of a batch of held-out rows, and what trl measures with it."""
        loss = super().compute_loss(self.model, _for_trl(batch)).item()
        found = {key: values[-1] for key, values in self._metrics["eval"].items()}
        self._metrics["eval"].clear()
        return {**found, "loss": loss}

    def held_out_loss(self) -> HeldOutLoss:
        """The loss over the held-out rows and what is measured with it, each over all that it is summed over."""
        started = time.perf_counter()
        parts = list(pairwise(self._edges()))
        sums, counts = defaultdict[str, float](float), defaultdict[str, float](float)
        with undisturbed(self.model), self.accelerator.autocast():
            for number, (start, end) in enumerate(parts, start=1):
                columns = self.eval_dataset[start:end]
                rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
                batch = self._prepare_inputs(self.data_collator(rows))
                for key, (total, count) in self.measure(batch, len(rows)).items():
                    sums[key] += total
                    counts[key] += count
                self.recorder.measured(number, len(parts))
        figures = self.judged({key: total / max(counts[key], 1) for key, total in sums.items()})
        return HeldOutLoss(
            loss=figures["loss"],
            tokens=self._held_out_tokens,
            rows=self._held_out_rows,
            seconds=time.perf_counter() - started,
            perplexity=perplexity(figures["loss"]) if self.of_tokens else None,
            figures={key: figures[key] for key in self._told_of_held_out if key in figures},
        )

    def _edges(self) -> list[int]:
        """Where batches of held-out rows begin, and the last one ends; that takes what is too little for its own."""
        rows, least = len(self.eval_dataset), self.objective.least_batch
        return [*range(0, max(rows - least + 1, 1), self.args.per_device_eval_batch_size), rows]

    def judged(self, figures: dict[str, float]) -> dict[str, float]:
        """What was measured over all held-out rows, with what follows from it, and without what means nothing."""
        return figures

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The evaluation that the Trainer asks for between steps; the caller makes the one after the last."""
        figures = self.recorder.evaluate_during()
        self.control.should_evaluate = False
        return figures

    def own_state(self) -> dict[str, Any]:
        """What trl has measured since the last record; None stands for what is no finite number."""
        measured = {metric.key: self._metrics["train"].get(metric.key) for metric in self.objective.metrics}
        return {key: [one if math.isfinite(one) else None for one in found] for key, found in measured.items() if found}

    def take_back(self, state: Mapping[str, Any]) -> None:
        for key, values in state.items():
            self._metrics["train"][key] = [math.nan if one is None else one for one in values]


def without_dropout(model: nn.Module) -> None:
    """Switch off the base's own dropout layers; those of an adapter bear its name."""
    own = getattr(model, "active_adapter", None)
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout) and name.rpartition(".")[2] != own:
            module.p = 0.0


def _for_trl(batch: Batch) -> Batch:
    """A batch without what is not for the model."""
    return {name: value for name, value in batch.items() if name != "tokens"}
