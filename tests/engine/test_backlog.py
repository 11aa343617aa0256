"""A journal on a disk that is full for a while, and what an engine says of memory and disks that are used up."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.harness import ROOT

SMALL_DISK = """
import os, sys
from pathlib import Path
from tuitune.engine.backlog import PatientWriter
from tuitune.runs.journal import read_all

folder = Path(sys.argv[1])
journal = folder / "metrics.jsonl"
writer = PatientWriter(journal)
writer.append(kind="step", step=1)
filler = open(folder / "filler", "wb", buffering=0)
try:
    while filler.write(bytes(1024)):
        pass
except OSError as error:
    print(error.strerror)
for step in range(2, 500):
    writer.append(kind="step", step=step, text="x" * 100)
try:
    writer.flush()
except OSError as error:
    print(error.strerror)
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
    assert found.stdout.splitlines() == ["No space left on device"] * 2 + ["True"] * 3


def test_causes_are_told_apart() -> None:
    import torch

    from tuitune.engine.failures import EngineError, NotFiniteError, cause_of, explain

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

    from tuitune.engine.failures import cause_of

    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.float32)
    assert cause_of(failed.value) == "out-of-memory"
