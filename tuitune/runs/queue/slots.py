"""Slots: the places to train on this machine. One run at a time on a GPU, and one on the CPU unless it is shared."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuitune.hardware import fitness, occupancy
from tuitune.hardware.gpus import PATIENCE, Gpu, GpuSampler
from tuitune.paths import runs_home
from tuitune.problem import TuituneError
from tuitune.runs.queue.device_lock import DeviceLock, noted_devices
from tuitune.runs.store import identity, journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.records.lifecycle import EngineStarted
from tuitune.text import clean

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
class DeviceSlot:
    """A place to train: `device` is one of SEATS or the GPU's UUID (its number where it has none), `label` its name for
    people, `environment` what the engine must find in its environment to train there and nowhere else.
    """

    device: str
    label: str
    environment: dict[str, str]


@dataclass(frozen=True)
class Busy:
    """No slot is free that would do; `reason` says why, and who has it."""

    reason: str


@dataclass(frozen=True)
class Wish:
    """Where a run may train: hardware.gpu and hardware.share of its recipe, and its CUDA_VISIBLE_DEVICES."""

    gpu: str
    share: bool
    visible: str | None

    @property
    def needs_no_gpu(self) -> bool:
        """Whether it may train on the CPU whatever GPUs there are: that is chosen, or they are all hidden from it."""
        return self.gpu == CPU or (self.gpu == "auto" and occupancy.hides_all(self.visible))


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
class Place:
    """A slot of this machine, and the card that it is, as it was when last looked at; None for the CPU, and for a card
    that the driver cannot be asked about.
    """

    slot: DeviceSlot
    card: Gpu | None

    def is_open(self, share: bool) -> bool:
        """Whether nobody is at work here whom a run would disturb, or it may `share` and the card lets it."""
        if self.card is None or not occupancy.is_taken(self.card):
            return True
        return share and not occupancy.is_exclusive(self.card)

    def take(self, run: Run) -> SlotHolder | None:
        """Hold it for `run`; None where somebody else does, or the engine of a former holder is still at work.

        TuituneError where this user has no place for locks.
        """
        lock = DeviceLock(self.slot.device)
        if not lock.acquire():
            return None
        if _left_engine(lock, run):
            lock.release()
            return None
        lock.note(run)
        return SlotHolder(self.slot, lock)


class Slots:
    """The slots of this machine as one waiting run sees them: the driver is asked seldom, and waited for briefly."""

    def __init__(self, patience: float) -> None:
        self._cards: list[Gpu] = []
        self._sampler = GpuSampler()
        self._patience = patience
        self._looked_at: float | None = None

    def free(self, run: Run, wish: Wish) -> list[Place] | Busy:
        """The places that the run may take now, the best one first; or why there is none. Never raises."""
        if self._looked_at is None and (refusal := self._look(wish, 0)):
            return refusal
        held = {place.slot.device: _held_text(place.slot, run, share=wish.share) for place in self.places(wish)}
        if held and all(held.values()):
            return Busy(_joined(list(dict.fromkeys(held.values()))))
        taken_before = not self._open(wish, held)
        if refusal := self._look(wish, _LOOK_SECONDS if taken_before else _FRESH_SECONDS):
            return refusal
        if free := self._open(wish, held):
            return free
        reasons = [held.get(place.slot.device) or _taken_text(place) for place in self.places(wish)]
        return Busy(_joined(list(dict.fromkeys(reasons))) if reasons else self._missing(wish))

    def _open(self, wish: Wish, held: Mapping[str, str]) -> list[Place]:
        return [place for place in self.places(wish) if not held.get(place.slot.device) and place.is_open(wish.share)]

    def _look(self, wish: Wish, age: float) -> Busy | None:
        """Ask the driver for the cards, unless what is known is younger than `age` seconds; why that told nothing. No
        card at all is an answer only where it is certain, or a run names the card that cannot be seen.
        """
        now = time.monotonic()
        if wish.needs_no_gpu or (self._looked_at is not None and now - self._looked_at < age):
            return None
        found = self._sampler.sample(self._patience)
        if not found and not self._sampler.certain and (wish.gpu == "auto" or not self._sampler.blind):
            other = f" ({_ON_CPU})" if wish.gpu == "auto" else ""
            return Busy(f"{self._sampler.reason}; checking again{other}")
        self._cards, self._looked_at = found, time.monotonic()
        return None

    def places(self, wish: Wish) -> list[Place]:
        """Where the run could ever train, as far as is known by now: on the CPU only where that is asked for, or a look
        that was certain found no GPU.
        """
        no_gpu = self._looked_at is not None and not self._cards
        if wish.needs_no_gpu or (wish.gpu == "auto" and no_gpu):
            return [_cpu_place(seat) for seat in (SEATS if wish.share else SEATS[:1])]
        cards = occupancy.candidates(self._cards, wish.gpu, wish.visible)
        if cards:
            return [Place(_gpu_slot(card), card) for card in fitness.usable(cards, fitness.installed())]
        if self._looked_at is not None and self._sampler.blind and wish.gpu != "auto":
            return [Place(DeviceSlot(wish.gpu, f"GPU {wish.gpu}", {"CUDA_VISIBLE_DEVICES": wish.gpu}), None)]
        return []

    def _missing(self, wish: Wish) -> str:
        there = ", ".join(f"GPU {card.index}" for card in self._cards)
        instead = f"there is {there}" if there else self._sampler.reason
        if wish.gpu == "auto":
            named = clean(wish.visible or "", limit=60)
            return f"CUDA_VISIBLE_DEVICES names no GPU of this machine ({named}): {instead}; {_ON_CPU}"
        return f"this machine has no GPU {clean(wish.gpu, limit=60)}: {instead}; edit hardware.gpu, or stop the run"


def acquire(run: Run, gpu: str, share: bool) -> SlotHolder | Busy:
    """Take a free slot that hardware.gpu and hardware.share allow, past everybody who waits. Never raises.

    Takes up to some seconds on a machine whose driver is slow to answer, else milliseconds.
    """
    slots, wish = Slots(PATIENCE), Wish(gpu, share, occupancy.visible_devices())
    found = slots.free(run, wish)
    if isinstance(found, Busy):
        return found
    try:
        taken = (place.take(run) for place in found)
        return next(filter(None, taken), None) or Busy(f"{found[0].slot.label} was taken by another run just now")
    except TuituneError as error:
        return Busy(str(error))


def holders() -> dict[str, dict[str, str]]:
    """Device → {"run": id, "name": …, "directory": …} of each run that holds one, whatever home it is in."""
    locks = [lock for lock in map(DeviceLock, noted_devices()) if lock.is_held()]
    found = {lock.device: run for lock in locks if (run := lock.holder())}
    return {device: {"run": run.id, "name": run.name, "directory": str(run.path)} for device, run in found.items()}


def _gpu_slot(card: Gpu) -> DeviceSlot:
    device = card.uuid or str(card.index)
    return DeviceSlot(device, occupancy.title(card), {"CUDA_VISIBLE_DEVICES": device})


def is_cpu(device: str) -> bool:
    """Whether a device is the CPU."""
    return device in SEATS


def _cpu_place(seat: str) -> Place:
    return Place(DeviceSlot(seat, "CPU", {"CUDA_VISIBLE_DEVICES": ""}), None)


def _held_text(slot: DeviceSlot, run: Run, *, share: bool) -> str:
    """Who holds a slot, or is still at work on it; "" where nobody does. A run that does not share waits for all whom
    it would disturb.
    """
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


def _taken_text(place: Place) -> str:
    users = occupancy.users_text(place.card) if place.card else ""
    opening = f"{place.slot.label} is in use by {users}" if users else f"{place.slot.label} is in use"
    if place.card and occupancy.is_exclusive(place.card):
        return f"{opening}; its exclusive mode allows one process"
    return f"{opening} ({_SHARE})"


def _joined(reasons: Sequence[str]) -> str:
    more = len(reasons) - _SHOWN
    return "; ".join(reasons[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
