"""Answers and plain text: trl's SFTTrainer with exact packing and figures weighted by tokens."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from trl import SFTConfig, SFTTrainer

from tuitune.engine.load.device import Precision, row_multiple
from tuitune.engine.load.model import unwrapped
from tuitune.engine.loop.arguments import arguments
from tuitune.engine.objectives.trainer import Assignment, ObjectiveTrainer, Sums
from tuitune.engine.tokens.collator import IGNORED, Batch, collator
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run


def configuration(recipe: Recipe, run: Run, precision: Precision, on: torch.device) -> SFTConfig:
    """The recipe as trl's arguments."""
    return SFTConfig(
        **arguments(recipe, run, precision, on),
        max_length=recipe.data.max_length,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


class Noise:
    """NEFTune (arXiv 2310.05914), against learning answers by heart: a model in training gets uniform noise of up to
    alpha / √(length × width) in its embeddings. The length is that of the document that a token is in, not of the
    batch: a packed document gets as much as one alone does, and padding takes nothing away.
    """

    def __init__(self, model: Any, alpha: float) -> None:
        self._alpha = alpha
        self._lengths = torch.ones(1)
        unwrapped(model).get_input_embeddings().register_forward_hook(self._add)

    def expect(self, batch: dict[str, Any]) -> None:
        """The batch that goes through the model next."""
        if "document_lengths" in batch:
            lengths = torch.tensor(batch["document_lengths"])
            self._lengths = lengths.repeat_interleave(lengths)[None, :, None]
        else:
            self._lengths = batch["attention_mask"].sum(dim=1)[:, None, None]

    def _add(self, module: nn.Module, _: Any, embedded: Tensor) -> Tensor:
        if not module.training:
            return embedded
        most = self._alpha / (self._lengths.to(embedded.device) * embedded.shape[-1]).sqrt()
        return embedded + torch.empty_like(embedded).uniform_(-1, 1) * most.to(embedded.dtype)


class SftTrainer(ObjectiveTrainer, SFTTrainer):
    """SFTTrainer on rows that are tokenized and packed already.

    Differs in three things. Batches are flattened documents with their boundaries, never a mask over several of them.
    The loss reads nothing back from the device. Held-out loss is weighted by tokens, not by batches.
    """

    trains = ("sft", "pretrain")

    of_tokens = True

    def __init__(self, given: Assignment) -> None:
        base, model, recipe = given.base, given.life.adapted.model, given.recipe
        multiple = row_multiple(given.precision, given.on)
        collate = collator(flat=base.flat, pad_token_id=base.tokenizer.pad_token_id or 0, multiple=multiple)
        super().__init__(given, configuration(recipe, given.life.run, given.precision, given.on), collate)
        self.model_accepts_loss_kwargs = True
        self._flat = base.flat
        alpha = recipe.training.neftune_alpha if self.objective.reads("training.neftune_alpha") else None
        self._noise = Noise(model, alpha) if alpha else None
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
            outputs = model(**forward, use_cache=False, logits_to_keep=learned + self.adapted.leading)
            logits = outputs.logits.float().flatten(0, 1)
            loss = cross_entropy(logits, targets[:, learned].flatten(), ignore_index=IGNORED, reduction="sum")
        return loss, outputs.aux_loss * self.router_aux_loss_coef if self.aux_loss_enabled else None

    def measure(self, batch: Batch, rows: int) -> Sums:
        """Each learned token counts the same."""
        return {"loss": (self.summed_loss(self.model, batch)[0].item(), int((batch["labels"][:, 1:] != IGNORED).sum()))}
