"""Noise in the embeddings: as much for a packed document as for one alone, and none outside training."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.engine.support import SMALL, make_model
from tuitune.engine.objectives.sft import Noise
from tuitune.engine.tokens.collator import flatten, pad

ALPHA = 5.0
LENGTHS = (4, 16, 64)
WIDTH = SMALL["hidden_size"]


def batch(flat: bool) -> dict[str, Any]:
    rows = [{"input_ids": [7] * length, "labels": [7] * length} for length in LENGTHS]
    return flatten(rows) if flat else pad(rows, pad_token_id=0)


@pytest.mark.parametrize("flat", [True, False], ids=["packed", "padded"])
def test_a_document_gets_the_noise_of_its_own_length(flat: bool) -> None:
    model = make_model().train()
    embeddings = model.get_input_embeddings()
    together = batch(flat)
    silent = embeddings(together["input_ids"])
    noise = Noise(model, ALPHA)
    noise.expect(together)
    added = embeddings(together["input_ids"]) - silent
    documents = added[0].split(LENGTHS) if flat else [row[:length] for row, length in zip(added, LENGTHS, strict=True)]
    for length, document in zip(LENGTHS, documents, strict=True):
        most = ALPHA / math.sqrt(length * WIDTH)
        assert 0.95 * most < document.abs().max().item() <= most * 1.0001
        assert abs(document.mean().item()) < most / 5
    model.eval()
    assert torch.equal(embeddings(together["input_ids"]), silent)
