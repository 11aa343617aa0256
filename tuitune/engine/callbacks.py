"""What happens at the steps of training besides training: records, samples, evaluation, and stopping."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tuitune.engine.device import memory
from tuitune.engine.report import Report
from tuitune.engine.samples import Sampler
from tuitune.engine.stop import Stopped, StopSwitch
from tuitune.engine.stopwatch import Stopwatch
from tuitune.recipe.schema import Recipe

if TYPE_CHECKING:
    from tuitune.engine.trainer import Trainer


class Recorder(TrainerCallback):
    """Writes the records of a run as its trainer goes along, and ends training where it was asked to or has diverged.

    `diverged` then says what happened. `watch` is paused for everything that is not training. `perplexities` are the
    held-out ones so far, by label.
    """

    trainer: Trainer

    def __init__(self, recipe: Recipe, report: Report, stop: StopSwitch, sampler: Sampler) -> None:
        self.watch = Stopwatch()
        self.diverged: str | None = None
        self.perplexities: dict[str, float] = {}
        self._recipe = recipe
        self._report = report
        self._stop = stop
        self._sampler = sampler
        self._logged_tokens = 0
        self._logged_step = 0

    def evaluate(self, label: str) -> float:
        """Measure the held-out loss, record it as the `label` one (base, during or tuned) and return it."""
        state = self.trainer.state
        self._report.phase("evaluating", "measuring the loss on held-out rows")
        with self.watch:
            held_out = self.trainer.held_out_loss()
        self._report.evaluated(
            step=state.global_step,
            epoch=state.epoch or 0.0,
            loss=held_out.loss,
            perplexity=held_out.perplexity,
            tokens=held_out.tokens,
            rows=held_out.rows,
            seconds=held_out.seconds,
            label=label,
        )
        self.perplexities[label] = held_out.perplexity
        return held_out.loss

    def evaluate_during(self) -> dict[str, float]:
        """The evaluation between two steps; none where training is over, for the result is measured anyway."""
        if self._over():
            return {}
        try:
            loss = self.evaluate("during")
        except Stopped:
            return {}
        self._report.phase("training", "training")
        return {"eval_loss": loss}

    def measured(self, done: int, total: int) -> None:
        """`done` of `total` batches of held-out rows are measured; raises Stopped where the run is to end."""
        self._report.progress("evaluating", "measuring the loss on held-out rows", done, total, "batches")
        self._stop.check()

    def saved(self, checkpoint: Path) -> None:
        self._report.checkpoint(checkpoint, sum(file.stat().st_size for file in checkpoint.iterdir()))

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._report.phase("training", "training")
        self.watch.lap()

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step == 0:
            self._stop.check()

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step == 0:
            self._stop.check()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._report.step = state.global_step
        every = self._recipe.samples.every
        if isinstance(every, int) and state.global_step % every == 0:
            self._sample(state)
        if self._stop.requested:
            control.should_training_stop = True
        if self._over():
            control.should_log = True

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.diverged:
            control.should_save = control.should_evaluate = False
        elif self._recipe.samples.every == "epoch":
            self._sample(state)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        seconds = self.watch.lap()
        steps, self._logged_step = state.global_step - self._logged_step, state.global_step
        tokens, self._logged_tokens = self.trainer.trained_tokens - self._logged_tokens, self.trainer.trained_tokens
        used, peak = memory(args.device)
        self._report.trained(
            step=state.global_step,
            epoch=state.epoch,
            loss=logs["loss"],
            learning_rate=logs["learning_rate"],
            grad_norm=logs["grad_norm"],
            tokens=self._logged_tokens,
            tokens_per_second=tokens / seconds,
            step_seconds=seconds / steps,
            memory_bytes=used,
            peak_memory_bytes=peak,
        )
        self._watch_for_divergence(args, state, control, logs)

    def _watch_for_divergence(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float]
    ) -> None:
        """End training at a loss or gradient that is no number; under fp16 the gradient scaler skips such gradients."""
        loss_lost = not math.isfinite(logs["loss"])
        if not loss_lost and (args.fp16 or math.isfinite(logs["grad_norm"])):
            return
        what = "loss" if loss_lost else "gradient"
        self.diverged = (
            f"training diverged: the {what} was not a finite number at step {state.global_step}. "
            "Lower training.learning_rate, raise training.warmup_ratio, or clip with training.max_grad_norm."
        )
        self._report.alert("not-finite", "error", self.diverged)
        control.should_training_stop = True
        control.should_save = control.should_evaluate = False

    def _sample(self, state: TrainerState) -> None:
        if not self._over():
            with self.watch:
                self._sampler.take(state.global_step, "during")
            self._report.phase("training", "training")

    def _over(self) -> bool:
        state = self.trainer.state
        return state.global_step >= state.max_steps or self._stop.requested or self.diverged is not None
