"""The queue: in which order the runs of this home that wait for a device get one."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.runs.queue import waiting_list
from tuitune.runs.queue.slots import Busy, DeviceSlot, SlotHolder, Slots
from tuitune.runs.queue.waiting_list import Entry
from tuitune.runs.store import identity, lease
from tuitune.runs.store.directory import Run
from tuitune.runs.store.identity import Identity

_BRIEFLY = 0.2
"""Seconds that an attempt waits for the driver, and for another process that is changing the queue."""

_YIELD_SECONDS = 30.0
"""A run ahead that leaves a free device alone for this long is passed: its supervisor is stopped, or sees it not."""

_ROLL_CALL_SECONDS = 5.0
_STEADY_SECONDS = 60.0
_SIZE = re.compile(r"[\d.,]+ [kMGT]?B\b")


@dataclass(frozen=True)
class WaitingRun:
    """A run has no device yet: why, and its place (from 1) among so many that wait."""

    reason: str
    place: int
    of: int


class Turn:
    """One run's wait for a device, as its supervisor sees it; it enters the queue with the first attempt.

    A later Turn of a run that still waits keeps the run's place, as after an edit; after `leave` it starts at the end.
    """

    def __init__(self, run: Run, recipe: Recipe) -> None:
        self._run = run
        self._slots = Slots(run, recipe.hardware, _BRIEFLY)
        self._owner: Identity | None = None
        self._entries: list[Entry] = []
        self._version: list[int] | None = None
        self._roll_called = 0.0
        self._yielding_since: float | None = None
        self._reason = _Reason()

    def attempt(self) -> SlotHolder | WaitingRun:
        """Take a device if one is free and it is this run's turn; the run has left the queue then.

        To be called every 0.4 s or so: costs a fraction of a millisecond while no device is free, and returns within
        half a second where the driver hangs. Never raises.
        """
        try:
            found = self._slots.free()
            taken = found.reason if isinstance(found, Busy) else self._take(found)
            if isinstance(taken, SlotHolder):
                return taken
            self._keep_place()
        except BlockingIOError:
            return self._wait(self._reason.text)
        except OSError as error:
            return self._wait(f"the queue cannot be written: {error}")
        except TuituneError as error:
            return self._wait(str(error))
        return self._wait(taken)

    def leave(self) -> None:
        """Give up waiting. Never raises."""
        waiting_list.leave(self._run)
        self._version = None

    def _take(self, free: list[DeviceSlot]) -> SlotHolder | str:
        """Take the first place that no run ahead could take now; or why that was not possible."""
        holder = None
        try:
            with waiting_list.changing(_BRIEFLY) as entries:
                yielded = 0.0 if self._yielding_since is None else time.monotonic() - self._yielding_since
                ahead = [] if yielded > _YIELD_SECONDS else _before(self._run, entries)
                mine = [place for place in free if not any(_could_take(entry, place) for entry in ahead)]
                holder = next(filter(None, (place.take(self._run) for place in mine)), None)
                if holder:
                    entries[:] = [entry for entry in entries if entry.run != self._run.path.name]
        except OSError:
            if holder:
                holder.release()
            raise
        if holder or mine:
            self._yielding_since = None
            return holder or f"{free[0].label} was taken by another run just now"
        self._yielding_since = self._yielding_since or time.monotonic()
        first = next(entry for entry in ahead if _could_take(entry, free[0]))
        return f"{free[0].label} goes to {first.found.name} first"

    def _keep_place(self) -> None:
        """Read the queue where it has changed, and now and then for who is dead; mend what it says of this run."""
        now, version, mine = time.monotonic(), waiting_list.version(), self._entry()
        if version == self._version and mine in self._entries and now - self._roll_called < _ROLL_CALL_SECONDS:
            return
        if not waiting_list.is_sound() or mine not in waiting_list.read():
            with waiting_list.changing(_BRIEFLY) as entries:
                place = next((place for place, entry in enumerate(entries) if entry.run == mine.run), len(entries))
                entries[place : place + 1] = [mine]
        self._entries, self._version, self._roll_called = waiting_list.read(), waiting_list.version(), now

    def _entry(self) -> Entry:
        self._owner = self._owner or identity.current()
        devices = tuple(place.device for place in self._slots.places())
        return Entry(self._run.path.name, devices, self._slots.share, self._owner)

    def _wait(self, reason: str) -> WaitingRun:
        here = [entry for entry in self._entries if entry.is_here]
        return WaitingRun(self._reason.steady(reason), len(_before(self._run, here)) + 1, max(len(here), 1))


def _could_take(entry: Entry, place: DeviceSlot) -> bool:
    wanted = place.device in entry.devices or waiting_list.ANY in entry.devices
    return wanted and place.is_open(entry.share)


class _Reason:
    """Keeps a reason as it is while only the sizes in it change: each change is an event on disk."""

    def __init__(self) -> None:
        self.text = "waiting for a device"
        self._since = 0.0

    def steady(self, text: str) -> str:
        same = _SIZE.sub("", text) == _SIZE.sub("", self.text)
        if not same or time.monotonic() - self._since > _STEADY_SECONDS:
            self.text, self._since = text, time.monotonic()
        return self.text


def waiting() -> list[Run]:
    """The runs of this home that wait for a device, in order; only those whose supervisor lives. Never raises."""
    return [entry.found for entry in waiting_list.read() if entry.is_here or lease.held(entry.found)]


def move(run: Run, place: int) -> int:
    """Put a waiting run at `place` (from 1; what is beyond the end is the end); the place it has then.

    TuituneError where it does not wait, or the queue cannot be written.
    """
    called = f"run {run.name} ({run.id}) cannot be moved"
    try:
        with waiting_list.changing(waiting_list.PATIENTLY) as entries:
            mine = next((entry for entry in entries if entry.run == run.path.name), None)
            if mine is None:
                raise TuituneError(f"{called}: it is not queued")
            entries.remove(mine)
            others = [entry for entry in entries if entry.is_here]
            after = others[max(place, 1) - 1 :]
            entries.insert(entries.index(after[0]) if after else len(entries), mine)
            return len(others) - len(after) + 1
    except OSError as error:
        raise TuituneError(f"{called}: {error}") from error


def turn(run: Run) -> tuple[int, int]:
    """The place of a waiting run, and of how many; 0 of one that does not wait. Never raises."""
    names = [other.path.name for other in waiting()]
    return names.index(run.path.name) + 1 if run.path.name in names else 0, len(names)


def _before(run: Run, entries: list[Entry]) -> list[Entry]:
    """The entries of this machine that come before the run's; all of them where it has none."""
    names = [entry.run for entry in entries]
    until = names.index(run.path.name) if run.path.name in names else len(names)
    return [entry for entry in entries[:until] if entry.is_here]
