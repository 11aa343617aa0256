"""A run on a file system of 64 MiB that is full from its first checkpoint on, until its result is to be saved.

    unshare --mount python -P -m tests.faults.tools.small_disk HOME FOLDER STEPS EVERY

Mounts the file system at HOME. FOLDER holds the tiny model; a checkpoint is saved EVERY so many of the STEPS. Prints
what was seen as a JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.faults.tools import real_runs
from tests.faults.tools.engines import adapter_hash, curve, records
from tuitune.runs import launcher
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run

NOT_PERMITTED = 77


def fill(file: Path) -> None:
    """Write until nothing more can be written."""
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 4096):
            try:
                while filler.write(bytes(size)):
                    pass
            except OSError:
                continue


def await_failed_save(run: Run) -> None:
    """Until a result that did not fit has come and gone: it is removed before it is tried again."""
    tried, result = False, run.path / ".adapter"
    while not tried or result.exists():
        tried = tried or result.exists()
        assert derive(run)[0] not in AT_REST, derive(run)


def main() -> int:
    home, folder, steps, every = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(home)], check=False)
    if mounted.returncode:
        return NOT_PERMITTED
    os.environ["TUITUNE_HOME"] = str(home)
    run = launcher.launch(real_runs.recipe(folder, training__max_steps=steps, checkpoints__every=every))
    real_runs.until(run, lambda: records(run, "checkpoint"))
    fill(home / "filler")
    await_failed_save(run)
    newest, skipped = checkpoints.newest(run)
    seen = {"newest": newest.step if newest else None, "skipped": [reason for _, reason in skipped]}
    (home / "filler").unlink()
    real_runs.rest(run)
    alerts = {record["id"] for record in records(run, "alert")}
    print(json.dumps(seen | {"end": derive(run), "hash": adapter_hash(run), "curve": curve(run), "alerts": [*alerts]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
