"""The kernels that compute the loss on a GPU, checked without one where Triton is installed (`pip install triton`)."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("triton") is None,
        reason="triton is not installed: torch's CPU build comes without it (pip install triton, 200 MB)",
    ),
]


def checked(what: str, tmp_path: Path, **environment: str) -> None:
    variables = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-m", "tests.engine.loop.triton_checks", what]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 and done.stdout.endswith("checked\n"), done.stderr[-3000:]


def test_the_kernels_give_torchs_loss_and_gradient(tmp_path: Path) -> None:
    checked("interpret", tmp_path, TRITON_INTERPRET="1")


def test_the_kernels_compile_for_every_card_from_turing_on(tmp_path: Path) -> None:
    checked("compile", tmp_path)
