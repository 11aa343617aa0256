"""Noise in the embeddings while training (NEFTune, arXiv 2310.05914), against learning answers by heart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tuitune.engine.load.model import unwrapped


class Noise:
    """Adds uniform noise of up to alpha / √(length × width) to the embeddings of a model in training.

    The length is that of the document that a token is in, not of the batch: a packed document gets as much as one alone
    does, and padding takes nothing away.
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
