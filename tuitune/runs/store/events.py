"""The lifecycle of a run, in events.jsonl: written by its supervisor alone, on disk at once, with room for the end."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress

from tuitune.runs.store import files
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.store.records.lifecycle import Event

_RESERVE = 1 << 16
_LOGGED = 4096


class EventLog:
    """The run's events, appended. What cannot be written, or is too long, goes to standard error; nothing is raised.

    A disk that fills up does not keep the run's end from being recorded: 64 KiB are held in reserve and given up then.
    """

    def __init__(self, run: Run) -> None:
        self._reserve = run.reserve_file
        with suppress(OSError):
            files.write_new(self._reserve, bytes(_RESERVE))
        self._writer = JournalWriter(run.events_file)

    def append(self, event: Event) -> None:
        try:
            self._writer.append(**event.body(), sync=True)
        except (OSError, ValueError) as error:
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            if full and self._give_up_reserve():
                self.append(event)
            else:
                print(f"event {event.kind} {event.body()} not recorded: {error}"[:_LOGGED], file=sys.stderr, flush=True)

    def close(self) -> None:
        self._give_up_reserve()
        self._writer.close()

    def _give_up_reserve(self) -> bool:
        try:
            self._reserve.unlink()
        except OSError:
            return False
        return True
