"""The process that watches over a run: `python -P -m tuitune.runs.supervisor RUN_DIR`.

It holds the run's lease, starts the engine, passes on requests to stop, and records how the engine ended, which the
engine itself cannot when it is killed. It is small, imports nothing heavy and sleeps unless something happens.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tuitune import __version__
from tuitune.runs import control, files, identity, journal, lease
from tuitune.runs.directory import Run
from tuitune.runs.engine_process import EngineProcess, engine_command
from tuitune.runs.events import EventLog
from tuitune.runs.obituary import Exit, obituary, oom_kills

REFUSED = 2

_SPOOL_SECONDS = 0.4


def supervise(run: Run, command: Sequence[str] | None = None) -> int:
    """See a new run through to its end, training it with `command` (the engine, if not given).

    0 when the run has ended, however it ended; 2 where another supervisor holds the run or has held it before.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with lease.hold(run) as mine:
        if not mine:
            return _refuse("another supervisor is at work on this run")
        if journal.read_all(run.events_file):
            return _refuse("this run has been started before")
        _Supervision(run, command or engine_command(run)).see_through()
    return 0


class _Supervision:
    def __init__(self, run: Run, command: Sequence[str]) -> None:
        self._run = run
        self._command = command
        self._terminated = False
        self._stopping = False
        self._answered: set[str] = set()
        self._immovable: set[str] = set()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        me = identity.current().as_record()
        files.write_whole(run.owner_file, json.dumps(me).encode())
        self._events = EventLog(run)
        self._events.append("supervisor", identity=me, tuitune=__version__)

    def _on_signal(self, number: int, frame: object) -> None:
        self._terminated = True

    def see_through(self) -> None:
        kills_before = oom_kills()
        try:
            engine = EngineProcess(self._run, self._command)
        except (OSError, subprocess.SubprocessError) as error:
            state, reason = "failed", f"the engine could not be started: {error}"
        else:
            self._events.append("engine", identity=engine.identity and engine.identity.as_record())
            ended = self._watch(engine)
            self._events.append("exited", code=ended.code, signal=ended.signal)
            out_of_memory = oom_kills() > kills_before
            state, reason = obituary(self._run, ended, stop_requested=self._stopping, out_of_memory=out_of_memory)
        for late in self._requests():
            self._answer(late.nonce, late.verb, False, "the run had ended already")
        self._events.append("ended", state=state, reason=reason)
        self._events.close()

    def _watch(self, engine: EngineProcess) -> Exit:
        """Wait for the engine to exit, answering requests meanwhile."""
        while not engine.exited_within(_SPOOL_SECONDS):
            self._heed(engine)
        return Exit.of(engine.clear_away())

    def _heed(self, engine: EngineProcess) -> None:
        """Answer what lies in the spool, and pass on the first request or signal to stop."""
        asked = self._requests()
        for request in asked:
            message = "stopping already" if self._stopping else "stopping at the end of this step"
            self._answer(request.nonce, request.verb, True, message)
        if not self._stopping and (asked or self._terminated):
            self._stopping = True
            self._events.append("stop-requested", by=f"request {asked[0].nonce}" if asked else "signal")
            engine.stop()

    def _requests(self) -> list[control.Request]:
        """The requests to carry out; whatever else lies in the spool is refused and taken out of it."""
        accepted = []
        for found in control.pending(self._run):
            if found.nonce in self._immovable:
                continue
            if isinstance(found, control.Refusal):
                self._answer(found.nonce, None, False, found.message)
            elif found.nonce in self._answered:
                self._answer(found.nonce, found.verb, False, "this request was answered before")
            else:
                accepted.append(found)
        return accepted

    def _answer(self, nonce: str, verb: str | None, ok: bool, message: str) -> None:
        self._events.append("acknowledged", nonce=nonce, verb=verb, ok=ok, message=message)
        self._answered.add(nonce)
        if not control.discard(self._run, nonce):
            self._immovable.add(nonce)


def _refuse(reason: str) -> int:
    print(f"[tuitune] not supervised: {reason}", file=sys.stderr)
    return REFUSED


def main() -> int:
    os.umask(0o077)
    return supervise(Run(Path(sys.argv[1]).absolute()))


if __name__ == "__main__":
    sys.exit(main())
