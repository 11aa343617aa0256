"""The process that watches over a run.

`python -P -m tuitune.runs.supervise.supervisor RUN_DIR [--after SEQ] [--set KEY=VALUE]…`.

One such process is one life of the run. It holds the run's lease, waits for a device, starts the engine, passes on what
is asked of it, and records how the engine ended, which the engine itself cannot when it is killed. It is small, imports
nothing heavy and sleeps unless something happens.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuitune.runs.store import journal, lease
from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.supervise import recovery
from tuitune.runs.supervise.life import Life

REFUSED = 2
"""Exit code: another supervisor is at work on the run, or was since."""

UNABLE = 3
"""Exit code: the run's directory or what a former life left does not let this one begin."""


def supervise(
    run: Run, command: Sequence[str] | None = None, *, after: int = 0, changes: Mapping[str, Any] | None = None
) -> int:
    """See a run through its next life, training it with `command` (the engine, if not given).

    `after` is the number of the run's last event (0: it was never started); `changes` {key: value} are made to its
    recipe first. 0 when the life has ended, however it ended; REFUSED where another supervisor holds the run, or
    something has happened to it since `after`; UNABLE where the engine of a former life cannot be ended, or the run's
    directory cannot be used.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with lease.hold(run) as mine:
            if not mine:
                return _refuse(REFUSED, "another supervisor already runs it")
            if journal.last_seq(run.events_file) != after:
                gone_on = "this run has already been started" if after == 0 else "this run has been resumed since"
                return _refuse(REFUSED, gone_on)
            engine = recovery.engine_of(run)
            if engine is not None and not recovery.clear_away(run, engine):
                stuck = f"the engine of its former life (pid {engine.pid}) cannot be ended; restart the machine"
                return _refuse(UNABLE, stuck)
            events = EventLog(run)
            recovery.write_missing_end(run, events)
            life = Life(run, events, command)
            life.see_through(changes or {})
    except OSError as error:
        return _refuse(UNABLE, f"the run's directory cannot be used: {error}")
    life.part()
    return 0


def _refuse(code: int, reason: str) -> int:
    print(f"[tuitune] not supervised: {reason}", file=sys.stderr, flush=True)
    return code


def main() -> int:
    os.umask(0o077)
    parser = argparse.ArgumentParser(
        prog="python -m tuitune.runs.supervise.supervisor", description="Supervises a run."
    )
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--after", type=int, default=0, metavar="SEQ", help="the number of the run's last event")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a change to its recipe")
    options = parser.parse_args()
    changes = {}
    if options.set:
        from tuitune.runs.control.amendment import from_assignments

        changes = from_assignments(options.set)
    return supervise(Run(options.run.absolute()), after=options.after, changes=changes)


if __name__ == "__main__":
    sys.exit(main())
