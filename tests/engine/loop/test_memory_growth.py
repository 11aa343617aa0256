"""Memory over a long run of rows of many lengths.

`TUITUNE_REAL_MODEL`, a folder with a pretrained model, takes the place of the small random one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import conversation, save_model, spawn, write_rows
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import read_all

STEPS, SETTLED = 300, 100


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if given := os.environ.get("TUITUNE_REAL_MODEL"):
        return Path(given)
    return save_model(tmp_path_factory.mktemp("models") / "small", hidden_size=128, intermediate_size=256)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations whose answers are of 1 to 120 words."""
    dice, many = random.Random(0), []
    for number in range(STEPS * 2):
        row = conversation(number)
        row["messages"][-1]["content"] = " ".join(f"order {dice.randint(0, 999)}" for _ in range(dice.randint(1, 60)))
        many.append(row)
    return write_rows(tmp_path_factory.mktemp("data") / "lengths.jsonl", many)


@pytest.mark.slow
@pytest.mark.parametrize(
    "formats",
    [
        {},
        {"model__dtype": "bfloat16", "training__precision": "bf16"},
        {"quantization__bits": 8},
        {"quantization__bits": 4},
        {"quantization__bits": 4, "quantization__compute_dtype": "bfloat16"},
    ],
    ids=["float32", "bfloat16", "8 bits", "4 bits", "4 bits, computed in bfloat16"],
)
def test_memory_stays_flat(prepared: Callable[..., Run], model: Path, rows: Path, formats: dict[str, Any]) -> None:
    run = prepared(
        model__id=str(model), data__train=str(rows), data__max_length=512, data__packing=False, data__eval=0.02,
        training__max_steps=STEPS, **formats,
    )  # fmt: skip
    engine = spawn(run)
    assert engine.wait(1800) == 0, run.log_file.read_text()[-3000:]
    used = {record["step"]: record["memory_bytes"] for record in read_all(run.metrics_file) if record["kind"] == "step"}
    settled = max(memory for step, memory in used.items() if step <= SETTLED)
    assert max(used.values()) < 1.05 * settled, [used[step] >> 20 for step in sorted(used)[::20]]
