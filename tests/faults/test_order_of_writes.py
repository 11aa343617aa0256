"""A save on its way to the disk, system call by system call."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tools import order
from tests.faults.tools.engines import Engines, log_tail
from tests.faults.tools.traces import trace
from tests.faults.tools.tracing import calls, needs_tracing

pytestmark = needs_tracing


def test_everything_is_on_disk_before_it_gets_its_name_and_before_anything_older_goes(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = trace(engines, engines.run(), tmp_path / "trace")
    assert ended.life.code == 0, log_tail(ended.run)
    with capsys.disabled():
        print(f"\n[order of writes] {ended.verdict}")
    steps = [f"checkpoints/step-{step:06d}" for step in (2, 4, 6)]
    assert ended.verdict.commits == [*steps, f"{ended.run.path.name}/adapter"]
    assert ended.verdict.removals == steps[:2]
    assert ended.verdict.breaches == []


def test_an_extended_run_replaces_its_adapter_in_the_same_order(engines: Engines, tmp_path: Path) -> None:
    run = engines.run()
    assert engines.live(run).code == 0
    run.recipe_file.write_text(run.recipe_file.read_text().replace("max_steps = 6", "max_steps = 8"))
    ended = trace(engines, run, tmp_path / "trace")
    assert ended.life.code == 0, log_tail(run)
    assert ended.verdict.commits == ["checkpoints/step-000008", f"{run.path.name}/adapter"]
    assert ended.verdict.breaches == []


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
