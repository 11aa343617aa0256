"""A damaged newest checkpoint is never gone on from, whatever the damage; `make soak` takes every file and damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tools.damage import DAMAGES, Damaged
from tests.faults.tools.engines import Engines
from tests.faults.tools.lives import Experiment


@pytest.fixture(scope="module")
def damaged(engines: Engines, home_for_module: Path) -> Damaged:
    return Damaged(Experiment(engines, checkpoints__keep=2))


@pytest.mark.slow
def test_every_file_and_every_damage_is_noticed(damaged: Damaged, tmp_path: Path) -> None:
    assert {"MANIFEST.json", "adapter_model.safetensors", "optimizer.pt", "scheduler.pt"} <= set(damaged.files)
    damages = list(DAMAGES)
    cases = damaged.cases()
    for number, file in enumerate(damaged.files):
        case = (file, damages[number % len(damages)])
        damaged.falls_back(*(case if case in cases else (file, "missing")), tmp_path)


def test_a_run_whose_checkpoints_are_all_damaged_starts_again_and_says_so(damaged: Damaged, tmp_path: Path) -> None:
    damaged.starts_again(tmp_path)
