"""A program in the place of a supervisor that waits for a device, as many of which run at once as a test wants.

    python contender.py RUN_DIR [fork]

It says what it waits for whenever that changes, and when it has the device; it gives it up at the end of its input.
With `fork` it has a child by then, which lives until the input ends too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from tuitune.recipe.document import read
from tuitune.runs.queue.order import Turn, WaitingRun
from tuitune.runs.store import files, identity
from tuitune.runs.store.directory import Run

PAUSE = 0.02


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


run = Run(Path(sys.argv[1]))
files.write_whole(run.owner_file, json.dumps(identity.current().as_record()).encode())
turn = Turn(run, read(run.recipe_file))
told = None
while isinstance(found := turn.attempt(), WaitingRun):
    if found != told:
        say(reason=found.reason, place=found.place, of=found.of)
        told = found
    time.sleep(PAUSE)
child = os.fork() if "fork" in sys.argv else None
if child == 0:
    sys.stdin.read()
    os._exit(0)
say(device=found.slot.device, label=found.slot.label, environment=found.slot.environment, child=child)
sys.stdin.read()
found.release()
