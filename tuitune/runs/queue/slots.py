"""Slots: the places to train on this machine. One run at a time on a GPU, and one on the CPU unless it is shared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuitune.hardware import fitness, occupancy
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.paths import runs_home
from tuitune.runs.queue.device_lock import DeviceLock, noted_devices
from tuitune.runs.store import identity, journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.records.lifecycle import EngineStarted
from tuitune.text import clean

if TYPE_CHECKING:
    from tuitune.recipe.sections.hardware import HardwareSection

CPU = "cpu"

SEATS = (CPU, *(f"{CPU}-{number}" for number in range(2, 9)))
"""The devices that the CPU is: a run takes the first, and one that shares it the first that is free."""

_SHARE = "hardware.share = true shares it"
_ON_CPU = 'hardware.gpu = "cpu" trains on the CPU'

_LOOK_SECONDS = 3.0
"""The driver is asked this often while a lease is free but others are at work there, and not at all while none is."""

_FRESH_SECONDS = 0.2
"""How old the knowledge may be on which a device is taken."""

_SHOWN = 3


@dataclass(frozen=True)
class Busy:
    """No slot is free that would do; `reason` says why, and who has it."""

    reason: str


class SlotHolder:
    """The lease of `slot`, from when it is made until `release`, or until this process is gone."""

    def __init__(self, slot: DeviceSlot, lock: DeviceLock) -> None:
        self.slot = slot
        self._lock = lock

    def release(self) -> None:
        """Give the device up; a second time does nothing. Never raises."""
        self._lock.forget()
        self._lock.release()

    def __enter__(self) -> SlotHolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


@dataclass(frozen=True)
class DeviceSlot:
    """A place to train: `device` is one of SEATS or the GPU's UUID (its number where it has none), `label` its name for
    people. `card` is what it was when last looked at; None for the CPU, and for a card that the driver cannot be asked
    about.
    """

    device: str
    label: str
    card: Gpu | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the engine must find in its environment to train there and nowhere else."""
        return {"CUDA_VISIBLE_DEVICES": "" if is_cpu(self.device) else self.device}

    def is_open(self, share: bool) -> bool:
        """Whether nobody is at work here whom a run would disturb, or it may `share` and the card lets it."""
        if self.card is None or not occupancy.is_taken(self.card):
            return True
        return share and not occupancy.is_exclusive(self.card)

    def take(self, run: Run) -> SlotHolder | None:
        """Hold it for `run`; None where somebody else does, or the engine of a former holder is still at work.

        TuituneError where this user has no place for locks.
        """
        lock = DeviceLock(self.device)
        if not lock.acquire():
            return None
        if _left_engine(lock, run):
            lock.release()
            return None
        lock.note(run)
        return SlotHolder(self, lock)


class Slots:
    """The slots of this machine as one waiting run sees them, by its `hardware` and CUDA_VISIBLE_DEVICES: the driver is
    asked seldom, and waited for briefly (`patience`, in seconds).
    """

    def __init__(self, run: Run, hardware: HardwareSection, patience: float) -> None:
        self._run = run
        self._gpu, self.share = hardware.gpu, hardware.share
        self._visible = occupancy.visible_devices()
        self._cards: list[Gpu] = []
        self._sampler = GpuSampler()
        self._patience = patience
        self._looked_at: float | None = None

    def free(self) -> list[DeviceSlot] | Busy:
        """The places that the run may take now, the best one first; or why there is none. Never raises."""
        if self._looked_at is None and (refusal := self._look(0)):
            return refusal
        held = {place.device: _held_text(place, self._run, share=self.share) for place in self.places()}
        if held and all(held.values()):
            return _busy(held.values())
        taken_before = not self._open(held)
        if refusal := self._look(_LOOK_SECONDS if taken_before else _FRESH_SECONDS):
            return refusal
        if free := self._open(held):
            return free
        reasons = [held.get(place.device) or _taken_text(place) for place in self.places()]
        return _busy(reasons or [self._missing()])

    def _open(self, held: Mapping[str, str]) -> list[DeviceSlot]:
        return [place for place in self.places() if not held.get(place.device) and place.is_open(self.share)]

    @property
    def _needs_no_gpu(self) -> bool:
        """Whether it may train on the CPU whatever GPUs there are: that is chosen, or they are all hidden from it."""
        return self._gpu == CPU or (self._gpu == "auto" and occupancy.hides_all(self._visible))

    def _look(self, age: float) -> Busy | None:
        """Ask the driver for the cards, unless what is known is younger than `age` seconds; why that told nothing. No
        card at all is an answer only where it is certain, or a run names the card that cannot be seen.
        """
        now = time.monotonic()
        if self._needs_no_gpu or (self._looked_at is not None and now - self._looked_at < age):
            return None
        found = self._sampler.sample(self._patience)
        if not found and not self._sampler.certain and (self._gpu == "auto" or not self._sampler.blind):
            other = f" ({_ON_CPU})" if self._gpu == "auto" else ""
            return Busy(f"{self._sampler.reason}; checking again{other}")
        self._cards, self._looked_at = found, time.monotonic()
        return None

    def places(self) -> list[DeviceSlot]:
        """Where the run could ever train, as far as is known by now: on the CPU only where that is asked for, or a look
        that was certain found no GPU.
        """
        no_gpu = self._looked_at is not None and not self._cards
        if self._needs_no_gpu or (self._gpu == "auto" and no_gpu):
            return [DeviceSlot(seat, "CPU") for seat in (SEATS if self.share else SEATS[:1])]
        if cards := occupancy.candidates(self._cards, self._gpu, self._visible):
            usable = fitness.usable(cards, fitness.installed())
            return [DeviceSlot(card.uuid or str(card.index), occupancy.title(card), card) for card in usable]
        unseen = self._looked_at is not None and self._sampler.blind and self._gpu != "auto"
        return [DeviceSlot(self._gpu, f"GPU {self._gpu}")] if unseen else []

    def _missing(self) -> str:
        there = ", ".join(f"GPU {card.index}" for card in self._cards)
        instead = f"there is {there}" if there else self._sampler.reason
        if self._gpu == "auto":
            named = clean(self._visible or "", limit=60)
            return f"CUDA_VISIBLE_DEVICES names no GPU of this machine ({named}): {instead}; {_ON_CPU}"
        return f"this machine has no GPU {clean(self._gpu, limit=60)}: {instead}; edit hardware.gpu, or stop the run"


def holders() -> dict[str, dict[str, str]]:
    """Device → {"run": id, "name": …, "directory": …} of each run that holds one, whatever home it is in."""
    locks = [lock for lock in map(DeviceLock, noted_devices()) if lock.is_held()]
    found = {lock.device: run for lock in locks if (run := lock.holder())}
    return {device: {"run": run.id, "name": run.name, "directory": str(run.path)} for device, run in found.items()}


def is_cpu(device: str) -> bool:
    """Whether a device is the CPU."""
    return device in SEATS


def _held_text(slot: DeviceSlot, run: Run, *, share: bool) -> str:
    """Who holds a slot, or is still at work on it; "" where nobody does. A run that does not share waits for all."""
    on_cpu = is_cpu(slot.device)
    seats = SEATS if on_cpu and not share else (slot.device,)
    text = next(filter(None, (_seat_text(seat, slot.label, run) for seat in seats)), "")
    return f"{text} ({_SHARE})" if text and on_cpu and not share else text


def _seat_text(device: str, label: str, run: Run) -> str:
    lock = DeviceLock(device)
    if lock.is_held():
        holder = lock.holder()
        return f"{label} is busy: {f'training {_known_as(holder)}' if holder else 'held by another run'}"
    left = _left_engine(lock, run)
    return f"{label} is busy: {clean(left.name, limit=64)} has lost its supervisor; it saves and ends" if left else ""


def _known_as(run: Run) -> str:
    """A run's name, with its directory where it lies in another home and no list of runs here has it."""
    name = clean(run.name, limit=64)
    return name if run.path.parent == runs_home() else f"{name} ({clean(str(run.path), limit=200)})"


def _left_engine(lock: DeviceLock, run: Run) -> Run | None:
    """The run that left word and whose engine is still alive, although its supervisor was killed; not `run` itself."""
    former = lock.holder()
    if former is None or former.id == run.id:
        return None
    started = journal.last(former.events_file, EngineStarted)
    engine = Identity.from_record(started and started.identity)
    return former if engine and identity.alive(engine) else None


def _taken_text(place: DeviceSlot) -> str:
    users = occupancy.users_text(place.card) if place.card else ""
    opening = f"{place.label} is in use by {users}" if users else f"{place.label} is in use"
    if place.card and occupancy.is_exclusive(place.card):
        return f"{opening}; its exclusive mode allows one process"
    return f"{opening} ({_SHARE})"


def _busy(reasons: Iterable[str]) -> Busy:
    """The first few of the different reasons."""
    several = list(dict.fromkeys(reasons))
    more = len(several) - _SHOWN
    return Busy("; ".join(several[:_SHOWN]) + (f"; and {more} more" if more > 0 else ""))
