"""A screen that launches a run, or starts a life of one, and is killed at the n-th point of doing so.

    python -P -m tests.faults.tools.launching HOME [--at N] [--run RUN_DIR --after SEQ] FILE

The engine is the stand-in, which finishes once FILE exists. Prints the names of the points that were passed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.faults.tools.crash_points import CrashPoints
from tests.runs.harness import engine
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.store.directory import Run, create

SUPERVISE = """
import json, os, sys
from pathlib import Path
from tuitune.runs.store.directory import Run
from tuitune.runs.supervise.supervisor import supervise
os.umask(0o077)
sys.exit(supervise(Run(Path(sys.argv[1])), json.loads(sys.argv[2]), after=int(sys.argv[3])))
"""
_LOOKS = 3
"""The screen looks this often for the supervisor's first event before the looks stop counting as points."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--at", type=int)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--after", type=int, default=0)
    parser.add_argument("done", type=Path)
    arguments = parser.parse_args()

    points = CrashPoints(arguments.home, arguments.at)
    _count_looks(points)
    points.install()
    run = Run(arguments.run) if arguments.run else create(Recipe())
    worker = engine(run, "train", str(arguments.done))
    command = [sys.executable, "-P", "-c", SUPERVISE, str(run.path), json.dumps(worker), str(arguments.after)]
    launcher.start_supervisor(run, after=arguments.after, command=command)
    points.passes("it is at work")
    print(json.dumps(points.names))


def _count_looks(points: CrashPoints) -> None:
    pause, looks = time.sleep, iter(range(_LOOKS))

    def counted(seconds: float) -> None:
        if next(looks, None) is not None:
            points.passes("waiting for its first event")
        pause(seconds)

    time.sleep = counted  # type: ignore[assignment]


if __name__ == "__main__":
    main()
