"""A supervisor that is killed at the n-th point of its life.

`python -P -m tests.faults.tools.supervising RUN_DIR AFTER AT ENGINE…`. With 0 for AT it is left alone, and prints the
names of its points.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.faults.tools.crash_points import CrashPoints
from tuitune.runs.store.directory import Run
from tuitune.runs.supervise.supervisor import supervise


def main() -> int:
    os.umask(0o077)
    run, after, at, command = Run(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    points = CrashPoints(run.path, at or None)
    points.install()
    code = supervise(run, command, after=after)
    print(json.dumps(points.names))
    return code


if __name__ == "__main__":
    sys.exit(main())
