"""What happens at the steps of training besides training: records, samples, evaluation, requests, and its end.

One optimizer step, from its beginning to the next:

1. The trainer fetches the batches of the step; how long it waits for them is counted (`Durable.get_batch_samples`).
2. Each batch goes forward and backward. The objective's `compute_loss` gives the loss and tells it to the loop
   (`learned`). A run that is to end leaves between two batches where nothing is lost by that (`on_substep_end`).
3. Gradients are clipped, optimizer and schedule step: transformers' Trainer does that.
4. The step is done (`on_step_end`): what is due by the recipe is decided, settings that were tuned take effect, what
   was asked of the run is carried out, samples are taken. Where the run is to end, a checkpoint is due and training
   stops.
5. Where a record is due, the figures since the last one are written (`on_log`), and health looks at them: what is
   wrong becomes an alert, or ends training before weights that are lost are saved.
6. Where an evaluation is due, the held-out loss is measured (`evaluate_during`); the best checkpoint is kept, and early
   stopping counts.
7. Where a checkpoint is due, it is committed whole (`Durable._save_checkpoint`), and the loop hears of it (`saved`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tuitune.engine.control.cadence import Due, due
from tuitune.engine.control.requests import Requests
from tuitune.engine.control.stop_conditions import EarlyStopping, Outcome, StopConditions
from tuitune.engine.control.tuning import Tuning
from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.evaluation.samples import Sampler
from tuitune.engine.journal.report import Report
from tuitune.engine.load.device import Memory, give_back_memory
from tuitune.engine.loop.checkpoint_log import CheckpointLog
from tuitune.engine.loop.durable import Durable
from tuitune.engine.loop.health import Health
from tuitune.engine.loop.step_window import StepWindow
from tuitune.engine.process.failures import explain
from tuitune.engine.process.request_pipe import RequestPipe
from tuitune.engine.process.stop import Stopped, StopSwitch
from tuitune.objectives import METRICS
from tuitune.recipe.schema import Recipe
from tuitune.recipe.steps import warm_up_steps
from tuitune.runs.store.journal import Record
from tuitune.runs.store.records.training import Evaluation


class TrainingLoop(TrainerCallback):
    """The `Recorder` of a run: writes its records, does what it is asked meanwhile, and says when to end.

    All that the trainer does between steps is decided here, at the end of a step. `held_out` is what was measured on
    held-out rows, by label; `basis` is what it belongs to (see `resume`). `watch` is entered for everything that is not
    training, `fetching` while the trainer waits for its next batches.
    """

    trainer: Durable
    _memory: Memory

    def __init__(
        self, recipe: Recipe, report: Report, stop: StopSwitch, sampler: Sampler, pipe: RequestPipe, basis: str | None
    ) -> None:
        self.held_out: dict[str, HeldOutLoss] = {}
        self._basis = basis
        self._report = report
        self._stop = stop
        self._sampler = sampler
        self._tuning = Tuning(recipe, report, sampler)
        self._requests = Requests(pipe, report, self._tuning, sampler)
        self.conditions = StopConditions(report, stop, self._requests)
        self._window = StepWindow()
        self.watch, self.fetching = self._window.watch, self._window.fetching
        self._health = Health(report, descends=not recipe.optimises.generates)
        self._checkpoints = CheckpointLog(report)
        self._early_stopping = EarlyStopping()
        self._scheduled = False
        self._owed = Due()
        self._seconds_before = 0.0
        self._began: float | None = None

    @property
    def recipe(self) -> Recipe:
        """The recipe as it stands, with what was tuned."""
        return self._tuning.recipe

    @property
    def outcome(self) -> Outcome:
        """What came of training, once it is over; to be asked again when the result is saved."""
        return self.conditions.outcome(self.recipe, self._checkpoints.skipped, complete=self._complete)

    @property
    def healthy(self) -> bool:
        """Whether the losses since the last record, and the last record's loss and gradient, are finite numbers."""
        return self._health.finite and math.isfinite(self._window.loss)

    @property
    def best_step(self) -> int | None:
        return self._checkpoints.best[0] if self._checkpoints.best else None

    def warm_up(self, steps: int) -> int:
        """How many steps of a schedule of `steps` are warm-up."""
        return warm_up_steps(steps, self.recipe.training)

    def state(self) -> dict[str, Any]:
        """What the next life needs to go on exactly, in finite numbers; for a checkpoint of the current step."""
        best = self._checkpoints.best_with_this()
        return {
            "seconds": self._seconds,
            "window": self._window.state(),
            "watchdog": self._health.state(),
            "early_stopping": asdict(self._early_stopping),
            "best": None if best is None else list(best),
            "owed": asdict(self._owed),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave, before training begins."""
        self._seconds_before = state.get("seconds", 0.0)
        self._window.restore(state.get("window", {}))
        self._health.restore(state.get("watchdog", {}))
        self._early_stopping = EarlyStopping(**state.get("early_stopping", {}))
        self._owed = Due(**state.get("owed", {}))
        if best := state.get("best"):
            self._checkpoints.best = (best[0], best[1])

    def replay(self, tunes: Sequence[Record]) -> None:
        """Take up what was tuned in earlier lives (see `control.tuning`), going on from the report's step."""
        self._tuning.replay(tunes, self._report.step)

    def learned(self, loss: Tensor, tokens: int) -> None:
        """A batch of `tokens` went through the model; `loss` is its share of the step's."""
        self._window.learned(loss.detach(), tokens)

    def evaluate(self, label: str) -> float:
        """Measure the held-out loss, record it as the `label` one (base, during or tuned) and return it."""
        state = self.trainer.state
        self._report.phase("evaluating", "evaluating on held-out rows")
        with self.watch:
            held_out = self.trainer.held_out_loss()
        where = {"step": state.global_step, "epoch": state.epoch or 0.0, "label": label, "basis": self._basis}
        measured = asdict(held_out)
        measured["extra"] = measured.pop("figures")
        self._report.evaluated(Evaluation(**where, **measured))
        self.held_out[label] = held_out
        self._requests.settle("evaluate", True, f"held-out loss {held_out.loss:.4f} at step {state.global_step:,}")
        return held_out.loss

    def evaluate_during(self) -> dict[str, float]:
        """The evaluation between two steps."""
        control = self.trainer.control
        control.should_evaluate = False
        try:
            loss: float | None = self.evaluate("during")
        except Stopped:
            if self._stop.urgent:
                raise
            self._requests.settle("evaluate", False, "the run was asked to end before it was evaluated")
            self._owed.evaluate = self._scheduled
            self._end(control)
            return {}
        except Exception as error:
            if self._scheduled:
                raise
            self._requests.settle("evaluate", False, explain(error))
            loss = None
        if loss is None:
            give_back_memory()
            return {}
        self._report.phase("training", "training")
        self._consider(loss, control)
        if self._stop.requested:
            self._end(control)
        return {"eval_loss": loss}

    def measured(self, done: int, total: int) -> None:
        """`done` of `total` batches of held-out rows are measured; raises Stopped where the run is to end."""
        self._report.progress("evaluating", "evaluating on held-out rows", done, total, "batches")
        if done < total:
            self._stop.check()

    def saved(self, checkpoint: Path, seconds: float, healthy: bool) -> None:
        self._checkpoints.saved(checkpoint, seconds, healthy)

    def warn(self, id: str, message: str) -> None:
        self._report.alert(id, "warning", message)

    def save_skipped(self, reason: str) -> None:
        self._checkpoints.not_saved(reason)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._report.phase("training", "training")
        self._tuning.begin(self.trainer)
        self._health.alerts.begin(state.max_steps, state.num_train_epochs)
        self._began = time.monotonic()
        self._memory = Memory(args.device)
        if (scaler := self.trainer.accelerator.scaler) is not None:
            self._health.begin_scaled(scaler.get_scale())
        owed, self._owed = self._owed, Due()
        if owed.sample:
            self._sample(state.global_step)
        if owed.evaluate and self.trainer.eval_dataset is not None:
            self._scheduled = True
            self.evaluate_during()
        self._window.begin()

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self._report.saved is None and state.global_step == 0:
            self._stop.check()

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Within a step nothing is lost by leaving where the weights are those of the last checkpoint, or untouched."""
        self.on_step_begin(args, state, control)
        if self._stop.requested and self._report.saved == state.global_step:
            control.should_training_stop = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        step = self._report.step = state.global_step
        self._window.steps += 1
        if (scaler := self.trainer.accelerator.scaler) is not None:
            self._health.scaled_step(scaler.get_scale(), self.recipe, last=self._complete)
        ending = self.conditions.wanted()
        whole_epoch = state.epoch is not None and state.epoch == int(state.epoch)
        now = due(self.recipe, step, epoch_ended=whole_epoch, last=self._complete)
        now.evaluate &= self.trainer.eval_dataset is not None
        self._scheduled = now.evaluate
        self._tuning.catch_up(self.trainer, step)
        self._requests.carry_out(self.trainer, now, ending=ending)
        if now.sample and not ending:
            self._sample(step)
            now.sample = False
        if self._report.phase_now == "sampling":
            self._report.phase("training", "training")
        if now.save and not self.healthy and self.recipe.limits.nonfinite == "stop":
            now.log = True  # which ends training before weights that are lost are saved
        control.should_log, control.should_save = now.log, now.save
        control.should_evaluate = now.evaluate and not self._complete
        smoothed = self._health.alerts.smoothed.mean
        if ending or (not self._complete and self.conditions.out_of_bounds(self.recipe, self._seconds, smoothed)):
            self._owed = Due(evaluate=self._scheduled, sample=now.sample)
            self._end(control)

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        control.should_log = control.should_evaluate = control.should_save = False

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if not logs or "loss" not in logs:
            return
        figures = self._window.close()
        rate, gradient = logs["learning_rate"], logs["grad_norm"]
        measured = {
            "step": state.global_step,
            "epoch": state.epoch,
            **{key: logs[key] for key in METRICS if key in logs},
            "loss": figures.loss,
            "tokens": figures.tokens,
            "tokens_per_second": figures.tokens_per_second,
            "step_seconds": figures.seconds / figures.steps,
        }
        self._report.trained(**measured, **self._memory.figures())
        self._health.look(figures, gradient, rate, self.recipe, scaled=self.trainer.accelerator.scaler is not None)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self._report.saved == state.global_step:
            self._requests.settle("checkpoint", True, f"the checkpoint of step {state.global_step:,} is on disk")
        else:
            self._requests.settle("checkpoint", False, f"it could not be saved: {self._checkpoints.skipped}")

    @property
    def _complete(self) -> bool:
        state = self.trainer.state
        return state.global_step >= state.max_steps

    @property
    def _seconds(self) -> float:
        """Seconds in training, evaluation and saving included, in all lives."""
        return self._seconds_before + (0.0 if self._began is None else time.monotonic() - self._began)

    def _consider(self, loss: float, control: TrainerControl) -> None:
        """Keep the best checkpoint, and stop early, as a held-out loss just measured says."""
        step, patience = self._report.step, self.recipe.evaluation.patience
        self._checkpoints.evaluated(step, loss)
        self._health.evaluated(loss)
        if self._early_stopping.measured(step, loss, scheduled=self._scheduled) and patience is not None:
            control.should_save = True
        if (reason := self._early_stopping.exhausted(patience, self.best_step)) is not None:
            self.conditions.limit("early-stop", reason, self.recipe)
            self._end(control)

    def _sample(self, step: int) -> None:
        with self.watch:
            self._sampler.take(step, "during")

    def _end(self, control: TrainerControl) -> None:
        """End training here, with a checkpoint."""
        control.should_training_stop = control.should_save = True
        control.should_evaluate = False
