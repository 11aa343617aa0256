"""Direct preference optimisation: trl's DPOTrainer on pairs that are tokenized already, against the base itself."""

from __future__ import annotations

import copy
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel
from trl import DPOConfig, DPOTrainer

from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.evaluation.generate import undisturbed
from tuitune.engine.load.device import Precision
from tuitune.engine.load.model import Base
from tuitune.engine.loop.arguments import arguments
from tuitune.engine.loop.durable import Durable, TrainerLife
from tuitune.engine.loop.training_loop import TrainingLoop
from tuitune.engine.tokens.collator import pad_pairs
from tuitune.engine.tokens.prepare import Prepared
from tuitune.objectives import DPO
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run

_ROUNDING = 1e-4
"""Rewards below this are those of the reference itself, in another order of sums."""


def configuration(recipe: Recipe, run: Run, precision: Precision, on: torch.device) -> DPOConfig:
    """The recipe as trl's arguments. Dropout is the recipe's to set, and that of the base off (see `DpoTrainer`)."""
    wanted = recipe.objective
    supervised = {"sft": wanted.sft_weight} if wanted.sft_weight else {}
    losses = {wanted.loss: 1.0, **supervised}
    return DPOConfig(
        **arguments(recipe, run, precision, on),
        max_length=None,
        disable_dropout=False,
        beta=wanted.beta,
        loss_type=list(losses),
        loss_weights=list(losses.values()),
        ld_alpha=wanted.ld_alpha,
    )


class DpoTrainer(Durable, DPOTrainer):
    """DPOTrainer on pairs of tokens.

    The reference is the base with the adapter off, or a copy of it where every weight is trained: no adapter of trl's
    own, no second model beside an adapter. The base has no dropout, so that it answers as it does in use.
    """

    recorder: TrainingLoop

    def __init__(
        self,
        base: Base,
        model: Any,
        data: Prepared,
        recipe: Recipe,
        life: TrainerLife,
        precision: Precision,
        on: torch.device,
    ) -> None:
        _without_dropout(model)
        self._reference = None if isinstance(model, PeftModel) else _frozen_copy(model)
        super().__init__(
            life=life,
            model=model,
            ref_model=self._reference or _BASE,
            args=configuration(recipe, life.run, precision, on),
            data_collator=partial(pad_pairs, pad_token_id=base.tokenizer.pad_token_id or 0),
            train_dataset=data.train,
            eval_dataset=data.held_out,
            processing_class=base.tokenizer,
            callbacks=[life.recorder],
        )
        self.recorder.trainer = self
        self._held_out_rows = data.held_out_count
        self._held_out_tokens = data.held_out_tokens

    @property
    def ref_model(self) -> PreTrainedModel | None:
        """None where the reference is the base with the adapter off."""
        return self._reference

    @ref_model.setter
    def ref_model(self, given: Any) -> None:
        """Trl adds an adapter of its own where it is given no reference; what it is given instead stays aside."""
        if given is not _BASE:
            self._reference = given

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

    def held_out_loss(self) -> HeldOutLoss:
        """The loss over the held-out pairs and what trl measures with it, each pair counting the same.

        The reference itself prefers nothing, so no accuracy is told of it.
        """
        started = time.perf_counter()
        size = self.args.per_device_eval_batch_size
        starts = range(0, len(self.eval_dataset), size)
        sums, pairs = defaultdict[str, float](float), 0
        with undisturbed(self.model), self.accelerator.autocast():
            for number, start in enumerate(starts, start=1):
                columns = self.eval_dataset[start : start + size]
                rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
                batch = self._prepare_inputs(self.data_collator(rows))
                loss = super().compute_loss(self.model, _for_trl(batch)).item()
                for key, value in {**self._measured(), "loss": loss}.items():
                    sums[key] += value * len(rows)
                pairs += len(rows)
                self.recorder.measured(number, len(starts))
        figures = {key: total / pairs for key, total in sums.items()}
        loss = figures.pop("loss")
        if max(abs(figures["rewards/margins"]), abs(figures["rewards/chosen"])) < _ROUNDING:
            del figures["rewards/accuracies"]
        return HeldOutLoss(
            loss, self._held_out_tokens, self._held_out_rows, time.perf_counter() - started, figures=figures
        )

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The evaluation that the Trainer asks for between steps; the caller makes the one after the last."""
        figures = self.recorder.evaluate_during()
        self.control.should_evaluate = False
        return figures

    def own_state(self) -> dict[str, Any]:
        """What trl has measured since the last record; None stands for what is no finite number."""
        measured = {metric.key: self._metrics["train"].get(metric.key, []) for metric in DPO.metrics}
        return {key: [one if math.isfinite(one) else None for one in values] for key, values in measured.items()}

    def take_back(self, state: Mapping[str, Any]) -> None:
        for key, values in state.items():
            self._metrics["train"][key] = [math.nan if one is None else one for one in values]

    def _measured(self) -> dict[str, float]:
        """What trl measured of the one batch that it has just evaluated."""
        found = {metric.key: self._metrics["eval"][metric.key][-1] for metric in DPO.metrics if metric.held_out}
        self._metrics["eval"].clear()
        return found


class _Base:
    """Stands for the reference that needs no model of its own."""


_BASE: Any = _Base()


def _for_trl(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch without what is not for the model."""
    return {name: value for name, value in batch.items() if name != "tokens"}


def _frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    return copy.deepcopy(model).requires_grad_(False).eval()


def _without_dropout(model: nn.Module) -> None:
    """Switch off the base's own dropout layers; those of an adapter bear its name."""
    own = getattr(model, "active_adapter", None)
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout) and name.rpartition(".")[2] != own:
            module.p = 0.0
