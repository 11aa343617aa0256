"""trl's SFTTrainer with exact packing, float32 adapters, and figures weighted by tokens."""

from __future__ import annotations

import inspect
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import PrinterCallback
from transformers.utils import is_torch_tf32_available
from trl import SFTConfig

from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.evaluation.generate import undisturbed
from tuitune.engine.load.device import Precision, row_multiple
from tuitune.engine.load.model import Base, unwrapped
from tuitune.engine.loop.noise import Noise
from tuitune.engine.loop.saving import SavingTrainer
from tuitune.engine.loop.training_loop import Recorder
from tuitune.engine.tokens.collator import IGNORED, collator
from tuitune.engine.tokens.prepare import Prepared
from tuitune.recipe.schema import Recipe
from tuitune.recipe.steps import warm_up_steps
from tuitune.runs.store.directory import Run

_CUDA_WORKERS = 2
"""Data workers on a GPU where the recipe names no number: it would idle for the milliseconds that a batch takes."""


def configuration(recipe: Recipe, run: Run, precision: Precision, on: torch.device) -> SFTConfig:
    """The recipe as trl's arguments. When to log, evaluate and save is left to the `Recorder`."""
    cuda = on.type == "cuda"
    training = recipe.training
    return SFTConfig(
        output_dir=str(run.path),
        seed=recipe.run.seed,
        data_seed=recipe.run.seed,
        num_train_epochs=training.epochs,
        max_steps=training.max_steps or -1,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=training.batch_size,
        gradient_accumulation_steps=training.accumulation,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        optim=training.optimizer,
        max_grad_norm=training.max_grad_norm,
        weight_decay=training.weight_decay,
        activation_checkpointing=training.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        use_cpu=not cuda,
        bf16=precision.autocast == torch.bfloat16,
        fp16=precision.autocast == torch.float16,
        tf32=_may_round(precision) if cuda else None,
        train_sampling_strategy="random" if recipe.data.shuffle else "sequential",
        dataloader_pin_memory=cuda,
        dataloader_num_workers=(_CUDA_WORKERS if cuda else 0) if training.workers is None else training.workers,
        remove_unused_columns=False,
        max_length=recipe.data.max_length,
        dataset_kwargs={"skip_prepare_dataset": True},
        trust_remote_code=recipe.model.trust_remote_code,
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
    )


def _may_round(precision: Precision) -> bool | None:
    """TF32 for the adapter's float32 products where the card has it and the rest is computed in 16 bits anyway."""
    halves = torch.float32 not in (precision.weights, precision.compute)
    return True if halves and is_torch_tf32_available() else None


class Trainer(SavingTrainer):
    """SFTTrainer on rows that are tokenized and packed already.

    Differs in five things. Batches are flattened documents with their boundaries, never a mask over several of them.
    Adapter weights stay float32 (trl rounds those on quantized models to bfloat16, where small updates vanish). The
    loss reads nothing back from the device. Held-out loss is weighted by tokens, not by batches. Checkpoints are those
    of `SavingTrainer`.
    """

    def __init__(
        self,
        base: Base,
        model: Any,
        data: Prepared,
        recipe: Recipe,
        run: Run,
        precision: Precision,
        on: torch.device,
        recorder: Recorder,
        circumstances: dict[str, Any],
    ) -> None:
        trained = {name: weight.data for name, weight in model.named_parameters() if weight.requires_grad}
        super().__init__(
            model=model,
            args=configuration(recipe, run, precision, on),
            data_collator=collator(
                flat=base.flat,
                pad_token_id=base.tokenizer.pad_token_id or 0,
                multiple=row_multiple(precision, on),
            ),
            train_dataset=data.train,
            eval_dataset=data.held_out,
            processing_class=base.tokenizer,
            callbacks=[recorder],
        )
        for name, weight in model.named_parameters():
            if name in trained and weight.dtype != trained[name].dtype:
                weight.data = trained[name]
        self.remember_untrained()
        self.remove_callback(PrinterCallback)
        self.recorder = recorder
        self.recorder.trainer = self
        self.model_accepts_loss_kwargs = True
        self._flat = base.flat
        self._noise = Noise(model, recipe.training.neftune_alpha) if recipe.training.neftune_alpha else None
        self._held_out_rows = data.held_out_count
        self.run, self.keep, self.circumstances = run, recipe.checkpoints.keep, circumstances
        signature = inspect.signature(type(unwrapped(model)).forward).parameters
        # On a GPU trl's head never holds all logits of a row; on a CPU those of the learned tokens alone are faster.
        self._fused_head = self.args.device.type == "cuda" or "logits_to_keep" not in signature

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Sum of the losses of the learned tokens over their number in the whole step, accumulation included."""
        if return_outputs:
            raise NotImplementedError("the logits of a whole batch are never built")
        learned = (inputs["labels"][:, 1:] != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        if self._noise is not None:
            self._noise.expect(inputs)
        loss, balance = self.summed_loss(model, inputs)
        loss = loss / torch.as_tensor(learned, device=loss.device).clamp(min=1)
        if balance is not None:
            loss = loss + balance / self.current_gradient_accumulation_steps
        self.recorder.learned(loss, inputs["tokens"])
        return loss

    def summed_loss(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        """Summed cross-entropy of the learned tokens, and the weighted load-balancing loss of a mixture of experts."""
        if self._flat and "attention_mask" in inputs:
            raise RuntimeError("a mask over packed documents would let them see each other")
        forward = {name: value for name, value in inputs.items() if name not in ("labels", "tokens")}
        if self.aux_loss_enabled:
            forward["output_router_logits"] = True
        if self._fused_head:
            outputs = model(**forward, labels=inputs["labels"], use_cache=False, fused_lm_head=True)
            loss = -outputs.log_probs.sum()
        else:
            targets = inputs["labels"][:, 1:]
            learned = (targets != IGNORED).any(dim=0).nonzero().flatten()
            outputs = model(**forward, use_cache=False, logits_to_keep=learned)
            logits = outputs.logits.float().flatten(0, 1)
            loss = cross_entropy(logits, targets[:, learned].flatten(), ignore_index=IGNORED, reduction="sum")
        return loss, outputs.aux_loss * self.router_aux_loss_coef if self.aux_loss_enabled else None

    def held_out_loss(self) -> HeldOutLoss:
        """The loss over the held-out rows, each learned token counting the same."""
        started = time.perf_counter()
        size = self.args.per_device_eval_batch_size
        batches = [self.eval_dataset[start : start + size] for start in range(0, len(self.eval_dataset), size)]
        total, tokens = 0.0, 0
        with undisturbed(self.model), self.accelerator.autocast():
            for number, columns in enumerate(batches, start=1):
                rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
                batch = self._prepare_inputs(self.data_collator(rows))
                total += self.summed_loss(self.model, batch)[0].item()
                tokens += int((batch["labels"][:, 1:] != IGNORED).sum())
                self.recorder.measured(number, len(batches))
        return HeldOutLoss(total / max(tokens, 1), tokens, self._held_out_rows, time.perf_counter() - started)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The evaluation that the Trainer asks for between steps; the caller makes the one after the last."""
        figures = self.recorder.evaluate_during()
        self.control.should_evaluate = False
        return figures

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule over this many steps, its warm-up among them."""
        self.args.warmup_steps = warm_up_steps(num_training_steps, self.recorder.recipe.training)
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


def _in_worker(begin: Callable[[int], None] | None, worker: int) -> None:
    """Have a data worker end with its engine and not before: signals to the process group are the engine's to obey."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if begin is not None:
        begin(worker)
