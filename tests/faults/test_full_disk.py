"""A disk that is really full in the middle of a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.tools.engines import ENVIRONMENT, Engines, adapter_hash, curve, log_tail
from tests.faults.tools.small_disk import NOT_PERMITTED
from tests.runs.harness import ROOT

STEPS, EVERY = 200, 10


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_result_waits_for_room_and_the_checkpoint_before_survives_a_full_disk(
    engines: Engines, tmp_path: Path
) -> None:
    alone = engines.run(training__max_steps=STEPS, checkpoints__every=EVERY)
    assert engines.live(alone).code == 0, log_tail(alone)
    (tmp_path / "small").mkdir()
    command = [
        sys.executable,
        "-P",
        "-m",
        "tests.faults.tools.small_disk",
        str(tmp_path / "small"),
        str(engines.folder),
    ]
    told = subprocess.run(
        ["unshare", "--mount", *command, str(STEPS), str(EVERY)],
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    if told.returncode == NOT_PERMITTED or "unshare failed" in told.stderr:
        pytest.skip("mounting is not permitted here")
    assert told.returncode == 0, told.stderr
    seen = json.loads(told.stdout.splitlines()[-1])
    assert seen["newest"] and seen["newest"] < STEPS and seen["skipped"] == []
    assert {"checkpoint-skipped", "disk-full"} <= set(seen["alerts"])
    assert seen["end"] == ["finished", ""]
    assert seen["hash"] == adapter_hash(alone)
    assert [tuple(step) for step in seen["curve"]] == curve(alone)
