"""What makes training durable, whatever its objective: checkpoints with everything that it takes to go on exactly,
committed whole and loaded strictly; a record of each step; and nothing saved that nobody asked for.
"""

from __future__ import annotations

import errno
import shutil
import signal
import time
import traceback
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME

from tuitune.engine.control.tuning import MULTIPLE
from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.evaluation.generate import undisturbed
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.process.failures import EngineError, disk_full, explain, first_line, out_of_memory
from tuitune.engine.result.artefact import save_tokenizer
from tuitune.runs.store import checkpoints
from tuitune.runs.store.checkpoints import Checkpoint
from tuitune.runs.store.directory import Run

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_READ = frozenset({
    "input_ids", "attention_mask", "position_ids", "cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k",
    "document_lengths",
})  # fmt: skip
"""What of a batch the model's decoder takes; the rest is for the loss and the records."""

_MISFITS = (OSError, ValueError, KeyError, TypeError, RuntimeError)


class Recorder(Protocol):
    """What a durable trainer tells of its steps, and asks before it saves: `loop.training_loop` is that of a run."""

    @property
    def watch(self) -> AbstractContextManager[object]:
        """Entered for everything that is not training."""

    @property
    def fetching(self) -> AbstractContextManager[object]:
        """Entered while the trainer waits for its next batches."""

    @property
    def healthy(self) -> bool:
        """Whether the losses and gradients since the last record are finite numbers."""

    @property
    def best_step(self) -> int | None:
        """The step of the checkpoint with the lowest held-out loss."""

    def state(self) -> dict[str, Any]:
        """What the next life needs besides weights and optimizer, for the manifest."""

    def saved(self, checkpoint: Path, seconds: float, healthy: bool) -> None:
        """The checkpoint of the current step is on disk."""

    def warn(self, id: str, message: str) -> None:
        """Something about training that a person should know."""

    def save_skipped(self, reason: str) -> None:
        """The checkpoint of the current step could not be saved; training goes on."""


@dataclass(frozen=True)
class TrainerLife:
    """What one life of a run gives its trainer: its model as the method has it, who records it, where its checkpoints
    go and how many are kept, what goes into their manifests, and how many steps of a schedule are warm-up.
    """

    adapted: Adapted
    recorder: Recorder
    run: Run
    keep: int
    circumstances: dict[str, Any]
    warm_up: Callable[[int], int]


class Durable(Trainer):
    """Mixed into a trainer of trl, in front of it: its checkpoints are ours.

    They hold no pickled arguments and appear whole, as `checkpoints/step-000500` (see
    `tuitune.runs.store.checkpoints`); what cannot be saved is skipped. Trained weights keep the format that they came
    in (trl rounds those on quantized models to bfloat16, where small updates vanish).
    """

    _former: Checkpoint | None = None

    def __init__(self, *positional: Any, life: TrainerLife, model: Any, **named: Any) -> None:
        trained = {name: weight.data for name, weight in model.named_parameters() if weight.requires_grad}
        super().__init__(*positional, model=model, **named)
        for name, weight in model.named_parameters():
            if name in trained and weight.dtype != trained[name].dtype:
                weight.data = trained[name]
        self.remove_callback(PrinterCallback)
        self.adapted, self.recorder, self.run, self.keep = life.adapted, life.recorder, life.run, life.keep
        self.add_callback(_AfterStep(life.adapted))
        self.circumstances, self._warm_up = life.circumstances, life.warm_up
        self._untrained = _bit_sums(self.model)

    @property
    def finite(self) -> bool:
        """Whether every trained weight is a finite number; waits for the device."""
        finite = [weight.isfinite().all() for weight in self.model.parameters() if weight.requires_grad]
        return bool(torch.stack(finite).all())

    @property
    def changed(self) -> bool:
        """Whether any trained weight has other bits than before the first step of the run."""
        return not torch.equal(_bit_sums(self.model), self._untrained)

    @abstractmethod
    def held_out_loss(self) -> HeldOutLoss:
        """The loss over the held-out rows."""

    def own_state(self) -> dict[str, Any]:
        """What this trainer needs besides weights, optimizer and recorder to go on exactly, ready for JSON."""
        return {}

    def take_back(self, state: Mapping[str, Any]) -> None:
        """Go on from what `own_state` gave, before training begins."""

    def go_on(self, checkpoint: Checkpoint | None) -> None:
        """Train from where `checkpoint` was saved, or from the beginning."""
        self._former = checkpoint
        if checkpoint and checkpoint.manifest:
            self.take_back(checkpoint.manifest.get("trainer") or {})
        if checkpoint is None:
            with undisturbed(self.model), self.accelerator.autocast():
                self.adapted.begin(self._batches())
            self._untrained = _bit_sums(self.model)
        self.train(resume_from_checkpoint=str(checkpoint.path) if checkpoint else None)

    def _batches(self) -> Iterator[dict[str, Any]]:
        """The training rows in batches, in their order, as the model's decoder takes them."""
        size = self.args.per_device_train_batch_size
        for start in range(0, len(self.train_dataset), size):
            columns = self.train_dataset[start : start + size]
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            batch = self._prepare_inputs(self.data_collator(rows))
            yield {name: value for name, value in batch.items() if name in _READ}

    def take_over(self, checkpoint: Checkpoint, total_steps: int) -> None:
        """Be where `checkpoint` was saved, when nothing is left to train of a run of `total_steps`."""
        self._load_from_checkpoint(str(checkpoint.path))
        self.state = _state_of(checkpoint.path)
        self.state.max_steps = total_steps

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Commit a checkpoint of this step, unless there is one, and drop old ones."""
        with self.recorder.watch:
            started = time.perf_counter()
            try:
                path, healthy = self._commit()
            except (EngineError, OSError) as error:
                if isinstance(error, OSError):
                    with suppress(OSError):
                        traceback.print_exc()
                self.recorder.save_skipped(explain(error))
                return
            seconds = time.perf_counter() - started
        self.recorder.saved(path, seconds, healthy)

    def _commit(self) -> tuple[Path, bool]:
        """The checkpoint of this step, and whether it is healthy; EngineError for want of room, OSError if it fails."""
        step, healthy = self.state.global_step, self.recorder.healthy and self.finite
        former = checkpoints.committed(self.run, step)
        if former and (former.healthy or not healthy):
            return former.path, former.healthy
        periodic = not self.control.should_training_stop
        if periodic and (shortage := checkpoints.shortage(self.run)):
            raise EngineError(shortage)
        staged = checkpoints.stage(self.run.checkpoints)
        try:
            self._write(staged)
            manifest = {
                "step": step,
                "epoch": self.state.epoch,
                "healthy": healthy,
                "trained_at": round(time.time(), 3),
                **self.circumstances,
                "progress": self.recorder.state(),
                **({"trainer": own} if (own := self.own_state()) else {}),
            }
            path = checkpoints.commit(self.run.checkpoints, staged, manifest)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        best = self.recorder.best_step
        with suppress(OSError):
            checkpoints.rotate(self.run, self.keep, () if best is None else (best,))
        return path, healthy

    def _write(self, folder: Path) -> None:
        """OSError where something cannot be written: torch, safetensors and tokenizers each raise what they like."""
        try:
            self._save(str(folder))
            self._save_optimizer_and_scheduler(str(folder))
            self._save_scaler(str(folder))
            self._save_rng_state(str(folder))
            self.state.save_to_json(str(folder / TRAINER_STATE_NAME))
        except OSError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            raise OSError(errno.ENOSPC if disk_full(error, folder) else errno.EIO, first_line(error)) from error

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        self.adapted.save(folder)
        save_tokenizer(self.processing_class, folder)

    def training_step(self, *positional: Any, **named: Any) -> Tensor:
        """As trl's, with the gradient of what the method adds to the loss: once a step, in the last of its batches."""
        loss = super().training_step(*positional, **named)
        if self.accelerator.sync_gradients and (penalty := self.adapted.penalty()) is not None:
            self.accelerator.backward(penalty)
        return loss

    def create_optimizer(self, *positional: Any, **named: Any) -> Any:
        """As transformers', with a group of its own for each learning rate that the method has."""
        fresh = self.optimizer is None
        optimizer = super().create_optimizer(*positional, **named)
        if fresh:
            rates = {weight: self.adapted.rate(name, weight) for name, weight in self.model.named_parameters()}
            optimizer.param_groups[:] = [part for one in optimizer.param_groups for part in _by_rate(one, rates)]
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule over this many steps, its warm-up among them."""
        self.args.warmup_steps = self._warm_up(num_training_steps)
        return super().create_scheduler(num_training_steps, optimizer)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: it would walk through all parameters for every batch, for a figure that nobody reads."""
        return 0

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Left to `tuitune.engine.result.model_card`, which writes the one of the result."""

    def get_batch_samples(self, *positional: Any, **named: Any) -> tuple[list[Any], Any]:
        with self.recorder.fetching:
            return super().get_batch_samples(*positional, **named)

    def get_train_dataloader(self) -> DataLoader:
        loader = super().get_train_dataloader()
        source = getattr(loader, "base_dataloader", loader)
        source.worker_init_fn = partial(_in_worker, source.worker_init_fn)
        return loader

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As trl's, without a history in every checkpoint: the journal has it."""
        super().log(logs, start_time)
        self.state.log_history.clear()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        _state_of(Path(resume_from_checkpoint))
        self.adapted.load(Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """As saved, with the recipe's weight decay; of another optimizer's state only how far the schedule has come."""
        if checkpoint is None:
            return
        decays = [group.get("weight_decay") for group in self.optimizer.param_groups]
        before, key = self._former.manifest if self._former else None, "training.optimizer"
        try:
            if before is None or before["recipe"][key] == self.circumstances["recipe"][key]:
                super()._load_optimizer_and_scheduler(checkpoint)
            else:
                schedule = torch.load(Path(checkpoint) / SCHEDULER_NAME, weights_only=True)
                self.lr_scheduler.load_state_dict(schedule)
        except _MISFITS as error:
            raise EngineError(
                f"the {OPTIMIZER_NAME} in {checkpoint} does not fit this run: {first_line(error)}. Start a new run, or "
                "move that folder away to resume from an older checkpoint."
            ) from error
        for group, decay in zip(self.optimizer.param_groups, decays, strict=True):
            group["weight_decay"] = decay

    def _load_scaler(self, checkpoint: str | None) -> None:
        """The gradient scaler of float16, where this life trains in float16 too."""
        if getattr(self.accelerator, "scaler", None) is not None:
            super()._load_scaler(checkpoint)


class _AfterStep(TrainerCallback):
    """Tells the method of each step while its gradients are still there."""

    def __init__(self, adapted: Adapted) -> None:
        self._adapted = adapted

    def on_optimizer_step(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._adapted.stepped(state.global_step + 1)


def _by_rate(group: dict[str, Any], rates: Mapping[Any, float]) -> Iterator[dict[str, Any]]:
    """The group of an optimizer, parted by the multiples of its rate; that of the rate itself stays the first."""
    found = sorted({rates[weight] for weight in group["params"]})
    if found in ([], [1.0]):
        yield group
        return
    for rate in found:
        weights = [weight for weight in group["params"] if rates[weight] == rate]
        yield {**group, "params": weights, "lr": group["lr"] * rate, MULTIPLE: rate}


def _in_worker(begin: Callable[[int], None] | None, worker: int) -> None:
    """Have a data worker end with its engine and not before: signals to the process group are the engine's to obey."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if begin is not None:
        begin(worker)


def _bit_sums(model: Any) -> Tensor:
    """For each trained weight the sum of its numbers' bits read as integers: exact, and no copy of the weights."""
    trained = [weight.detach() for weight in model.parameters() if weight.requires_grad]
    return torch.stack([weight.view(_INTEGERS[weight.itemsize]).sum(dtype=torch.int64) for weight in trained])


def _state_of(folder: Path) -> TrainerState:
    """EngineError where this version of transformers does not know what is in it."""
    try:
        return TrainerState.load_from_json(str(folder / TRAINER_STATE_NAME))
    except _MISFITS as error:
        raise EngineError(
            f"the {TRAINER_STATE_NAME} in {folder} cannot be read: {first_line(error)}. Resume with the version of "
            "transformers that its MANIFEST.json names, or start a new run."
        ) from error
