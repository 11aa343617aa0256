"""The judge of the order in which a save reaches the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tools import order
from tests.faults.tools.tracing import calls

TRACE = """
7 mkdir("/run/checkpoints/.staging", 0700) = 0
7 openat(AT_FDCWD</>, "/run/checkpoints/.staging/weights", O_CREAT|O_TRUNC, 0666) = 8</run/checkpoints/.staging/weights>
7 write(8</run/checkpoints/.staging/weights>, ""..., 9) = 9
7 fsync(8</run/checkpoints/.staging/weights>) = 0
7 fsync(9</run/checkpoints/.staging>) = 0
7 rename("/run/checkpoints/.staging", "/run/checkpoints/step-000002") = 0
7 fsync(9</run/checkpoints>) = 0
7 mkdir("/run/checkpoints/.staging", 0700) = 0
7 fsync(9</run/checkpoints/.staging>) = 0
7 rename("/run/checkpoints/.staging", "/run/checkpoints/step-000004") = 0
7 fsync(9</run/checkpoints>) = 0
7 rename("/run/checkpoints/step-000002", "/run/checkpoints/.trash-step-000002-1") = 0
7 unlinkat(5</run/checkpoints/.trash-step-000002-1>, "weights", 0) = 0
"""


def judged(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "trace").write_text(text.lstrip())
    return order.judge(calls(tmp_path / "trace"), Path("/run")).breaches


def test_the_judge_passes_the_right_order(tmp_path: Path) -> None:
    assert judged(tmp_path, TRACE) == []


@pytest.mark.parametrize("line", [4, 5, 9, 11])
def test_the_judge_misses_every_single_sync(tmp_path: Path, line: int) -> None:
    lines = TRACE.lstrip().splitlines(keepends=True)
    assert "fsync" in lines[line - 1]
    assert judged(tmp_path, "".join(lines[: line - 1] + lines[line:]))


@pytest.mark.parametrize("line", [3, 4, 5, 11])
def test_the_judge_trusts_nothing_that_failed_once(tmp_path: Path, line: int) -> None:
    lines = TRACE.lstrip().splitlines(keepends=True)
    failed = lines[line - 1].rpartition("=")[0] + "= -1 EIO (Input/output error) (INJECTED)\n"
    assert judged(tmp_path, "".join([*lines[: line - 1], failed, *lines[line - 1 :]]))
    assert judged(tmp_path, "".join([*lines[: line - 1], failed, *lines[line:]]))
