from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuitune.hardware import host as host_module
from tuitune.hardware.host import disk_free, host, process_memory


def test_the_host_is_described_in_sane_figures() -> None:
    host()
    second = host()
    assert second.cpu_count >= 1
    assert second.cpu_percent is not None
    assert 0 <= second.cpu_percent <= 100
    assert 0 < second.memory_available <= second.memory_total
    assert second.hostname


def test_memory_within_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("1000000000\n")
    (tmp_path / "memory.current").write_text("400000000\n")
    monkeypatch.setattr(host_module, "_CGROUP", tmp_path)
    assert host().memory_total == 1_000_000_000
    assert host().memory_available <= 600_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert host().memory_total > 1_000_000_000


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
