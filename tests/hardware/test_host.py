from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuitune.hardware.host import disk_free, host, process_memory


def test_the_host_is_described_in_sane_figures() -> None:
    host()
    second = host()
    assert second.cpu_count >= 1
    assert second.cpu_percent is not None
    assert 0 <= second.cpu_percent <= 100
    assert 0 < second.memory_available <= second.memory_total
    assert second.hostname


def write(root: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")


def test_memory_within_a_container(tmp_path: Path) -> None:
    group = {
        "memory.max": 1_000_000_000,
        "memory.current": 400_000_000,
        "memory.stat": "anon 1\ninactive_file 100000000",
    }
    write(tmp_path, {"proc/self/cgroup": "0::/", **{f"sys/fs/cgroup/{name}": value for name, value in group.items()}})
    assert host(tmp_path).memory_total == 1_000_000_000
    assert host(tmp_path).memory_available <= 700_000_000
    write(tmp_path, {"sys/fs/cgroup/memory.max": "max"})
    assert host(tmp_path).memory_total > 1_000_000_000


def test_the_smallest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    slices = "sys/fs/cgroup/user.slice/user-1000.slice"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope",
            f"{slices}/session-3.scope/memory.max": "max",
            f"{slices}/memory.max": 900_000_000,
            f"{slices}/memory.current": 850_000_000,
            f"{slices}/memory.stat": "inactive_file not a number",
            "sys/fs/cgroup/user.slice/memory.max": 950_000_000,
        },
    )
    assert host(tmp_path).memory_total == 900_000_000
    assert host(tmp_path).memory_available == 50_000_000


def test_the_first_version_of_control_groups(tmp_path: Path) -> None:
    job = "sys/fs/cgroup/memory/slurm/job_7"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/slurm/job_7\n1:name=systemd:/\n0::/\nnot a line",
            f"{job}/memory.limit_in_bytes": 800_000_000,
            f"{job}/memory.usage_in_bytes": 300_000_000,
            f"{job}/memory.stat": "total_inactive_file 200000000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": 9_223_372_036_854_771_712,
        },
    )
    assert host(tmp_path).memory_total == 800_000_000
    assert host(tmp_path).memory_available <= 700_000_000


def test_process_memory_counts_the_children() -> None:
    alone = process_memory(os.getpid())
    assert alone is not None
    code = "import sys; block = bytearray(80_000_000); print('ready', flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline()
        together, itself = process_memory(os.getpid()), process_memory(child.pid)
        assert together is not None
        assert itself is not None
        assert itself > 80_000_000
        assert together > itself
    finally:
        child.communicate()
    assert process_memory(child.pid) is None
    assert process_memory(-5) is None


def test_disk_free_of_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    assert disk_free(tmp_path) == pytest.approx(disk_free(tmp_path / "not" / "yet" / "there"), rel=0.05)
    file = tmp_path / "file"
    file.touch()
    assert disk_free(file / "below") is None
