"""A head that gives a text one score, in place of a model's output head: the class of a model that has it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tuitune.engine.process.failures import EngineError

HEAD = "score"
"""What transformers calls it, in its models of text that have one."""


class ScoreHead(nn.Linear):
    """In float32, whatever the model computes in: scores are compared, and a few bits decide."""

    def forward(self, hidden: Tensor) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            return linear(hidden.to(self.weight.dtype), self.weight)


def put_on(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Make the head of a sequence classifier a `ScoreHead`, which reads the last token that is no padding.

    EngineError where the model has no head of that name or the tokenizer no token to pad with.
    """
    head = getattr(model, HEAD, None)
    if not isinstance(head, nn.Linear) or head.bias is not None or head.out_features != 1:
        raise EngineError(f"model.id: {type(model).__name__} has no head that gives one score; choose another model")
    if tokenizer.pad_token_id is None:
        raise EngineError("model.id: this tokenizer has no token to pad with, so that answers cannot be compared")
    scored = ScoreHead(head.in_features, 1, bias=False, device=head.weight.device, dtype=torch.float32)
    scored.weight.data.copy_(head.weight.data)
    setattr(model, HEAD, scored)
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id


def without_head(info: dict[str, Any]) -> dict[str, Any]:
    """What transformers found in a checkpoint, but for the head that is new and the one that it takes the place of."""
    missing = {name for name in info["missing_keys"] if name.partition(".")[0] != HEAD}
    unexpected = {name for name in info["unexpected_keys"] if name.partition(".")[0] != "lm_head"}
    return {**info, "missing_keys": missing, "unexpected_keys": unexpected}
