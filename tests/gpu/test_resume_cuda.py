"""Resuming on a GPU: the same data, random numbers and schedule; the same losses within what its kernels vary by."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.engine.support import Outcome
from tuitune.runs.store.directory import Run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU"),
]

LOSS_TOLERANCE = 0.02
"""Of a loss between 3 and 6 over a dozen steps in 16 bits; a resume that lost its optimizer is off by far more."""


@pytest.mark.parametrize(
    "settings",
    [{"quantization__bits": 4}, {"quantization__bits": 4, "data__packing": False}, {}],
    ids=["qlora", "qlora-padded", "lora"],
)
def test_a_run_resumed_in_16_bits_goes_on_as_it_would_have(
    prepared: Callable[..., Run], settings: dict[str, Any]
) -> None:
    from tuitune.engine.worker import carry_out

    run = prepared(
        training__max_steps=12, training__learning_rate=1e-3, adapter__dropout=0.1,
        checkpoints__every=6, checkpoints__keep=2, **settings,
    )  # fmt: skip
    assert carry_out(run.path) == 0
    alone = Outcome(run, 0).records("step")
    shutil.rmtree(run.adapter)
    shutil.rmtree(run.checkpoints / "step-000012")
    assert carry_out(run.path) == 0
    outcome = Outcome(run, 0)
    (resumed,) = outcome.records("resumed")
    assert (resumed["step"], resumed["exact"], resumed["reasons"]) == (6, True, [])
    again = outcome.records("step")[len(alone) :]
    assert [step["step"] for step in again] == list(range(7, 13))
    for figure in ("tokens", "epoch", "learning_rate"):
        assert [step[figure] for step in again] == [step[figure] for step in alone[6:]], figure
    differences = [abs(now["loss"] - then["loss"]) for now, then in zip(again, alone[6:], strict=True)]
    assert max(differences) <= LOSS_TOLERANCE, differences
