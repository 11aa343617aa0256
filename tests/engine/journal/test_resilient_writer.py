"""A journal on a disk that is full for a while, and what an engine says of memory and disks that are used up."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.harness import ROOT

SMALL_DISK = """
import os, sys
from pathlib import Path
from tuitune.engine.journal.resilient_writer import ResilientWriter
from tuitune.runs.store.journal import read_all

folder = Path(sys.argv[1])
journal = folder / "metrics.jsonl"
writer = ResilientWriter(journal, not_synced=print)
writer.append(kind="step", step=1)
filler = open(folder / "filler", "wb", buffering=0)
try:
    while filler.write(bytes(1024)):
        pass
except OSError as error:
    print(error.strerror)
for step in range(2, 500):
    writer.append(kind="step", step=step, text="x" * 100)
print(len(read_all(journal)) < 499)
os.unlink(folder / "filler")
filler.close()
writer.append(kind="end", step=500)
records = read_all(journal)
print([record["step"] for record in records] == list(range(1, 501)))
print([record["seq"] for record in records] == list(range(1, 501)))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_records_survive_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    command = 'mount -t tmpfs -o size=256k tmpfs "$2" && exec "$0" -c "$1" "$2"'
    found = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, sys.executable, SMALL_DISK, str(tmp_path)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    if "unshare failed" in found.stderr or "permission denied" in found.stderr:
        pytest.skip("no mount namespaces here")
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == ["No space left on device"] + ["True"] * 3


def full_for(tries: int, error: Exception) -> Callable[[], int]:
    """Something to save that fails `tries` times and then says how often it was tried."""
    tried = iter(range(1, tries + 2))

    def save() -> int:
        if (number := next(tried)) <= tries:
            raise error
        return number

    return save


def test_what_must_be_saved_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from tuitune.engine.journal import resilient_writer
    from tuitune.engine.process.failures import disk_full

    monkeypatch.setattr(resilient_writer, "_LONGEST_PAUSE", 0.01)
    waits: list[str] = []
    for error in (OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x"), RuntimeError("No space left on device (28)")):
        waits.clear()
        assert resilient_writer.until_there_is_room(full_for(3, error), disk_full, lambda: waits.append("waiting")) == 4
        assert waits == ["waiting"]
    with pytest.raises(OSError, match="broken"):
        resilient_writer.until_there_is_room(full_for(1, OSError(errno.EIO, "broken")), disk_full)
    monkeypatch.setattr(resilient_writer, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(OSError, match="full"):
        resilient_writer.until_there_is_room(full_for(10**6, OSError(errno.ENOSPC, "full")), disk_full)


def test_a_sync_that_fails_costs_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuitune.engine.journal.report import Report
    from tuitune.runs.store.directory import Run
    from tuitune.runs.store.journal import read_all

    def failing(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    run = Run(tmp_path)
    report = Report(run)
    monkeypatch.setattr(os, "fdatasync", failing)
    report.step = 3
    report.checkpoint(tmp_path / "step-000003", 10, 0.1, True)
    report.tuned("nonce", {"training.learning_rate": 1e-4})
    report.end("finished", None)
    kinds = [(record["kind"], record.get("id")) for record in read_all(run.metrics_file)]
    assert kinds == [("checkpoint", None), ("alert", "disk-errors"), ("tuned", None), ("end", None)]


def test_causes_are_told_apart() -> None:
    import torch

    from tuitune.engine.process.failures import EngineError, NotFiniteError, cause_of, explain

    def caused_by(inner: BaseException) -> RuntimeError:
        outer = RuntimeError("training failed")
        outer.__cause__ = inner
        return outer

    gpu = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    host = RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to …")
    for error, cause, words in (
        (gpu, "out-of-memory", "the GPU ran out of memory"),
        (caused_by(gpu), "out-of-memory", "the GPU ran out of memory"),
        (RuntimeError("CUDA error: out of memory"), "out-of-memory", "the GPU ran out of memory"),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling …"), "out-of-memory", "the GPU ran out of memory"),
        (host, "out-of-memory", "this machine ran out of memory"),
        (MemoryError(), "out-of-memory", "this machine ran out of memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out-of-memory", "this machine ran out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full", "the disk is full"),
        (caused_by(OSError(errno.EDQUOT, "Disk quota exceeded")), "disk-full", "the disk is full"),
        (NotFiniteError("training diverged"), "not-finite", "training diverged"),
        (EngineError("model.id: nothing there"), None, "model.id: nothing there"),
        (ValueError("no memory of that"), None, "ValueError: no memory of that"),
    ):
        assert cause_of(error) == cause and explain(error).startswith(words), error


def test_running_out_of_main_memory_is_told() -> None:
    import torch

    from tuitune.engine.process.failures import cause_of

    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.float32)
    assert cause_of(failed.value) == "out-of-memory"
