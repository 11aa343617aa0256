"""One run, killed two hundred times at random and resumed after each, ends with the adapter of the run left alone.

    TUITUNE_SOAK_KILLS   how many times (200)
    TUITUNE_SOAK_SEED    of the times and victims (3)

Everything is real: the launcher, the supervisor, the engine with its imports, and `tuitune resume` in a terminal.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.tools import real_runs
from tests.faults.tools.engines import ENVIRONMENT, Engines, adapter_hash, curve, log_tail
from tests.runs.harness import events, wait_for
from tests.tui.pty_session import SCREEN, Session, start
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store import checkpoints, identity, journal
from tuitune.runs.store.directory import Run, read_record
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.records.lifecycle import EngineStarted
from tuitune.runs.store.records.training import Step

pytestmark = [pytest.mark.slow, pytest.mark.soak]

KILLS = int(os.environ.get("TUITUNE_SOAK_KILLS", "200"))
SEED = int(os.environ.get("TUITUNE_SOAK_SEED", "3"))
STEPS_A_KILL = 30
CHECKPOINT_EVERY = 5
WHILE_STARTING = 0.25
"""The share of kills that come before the life's first step; the rest come within `LIFE_SECONDS` after it."""
START_SECONDS, LIFE_SECONDS = 6.0, 1.5
PATIENCE = 120.0
WHOLE_RUN_SECONDS = 1800.0
"""A slow machine kills at earlier steps, and leaves more of the run to its last life."""


def recipe(engines: Engines) -> Recipe:
    return real_runs.recipe(
        engines.folder, training__max_steps=STEPS_A_KILL * (KILLS + 1), checkpoints__every=CHECKPOINT_EVERY,
        checkpoints__keep=2,
    )  # fmt: skip


class Victim:
    """The run that is killed again and again, with the screen that started its life, if one did."""

    def __init__(self, run: Run, drawn: random.Random) -> None:
        self.run = run
        self.struck: Counter[str] = Counter()
        self._drawn = drawn
        self._screen: Session | None = None
        self._after = 0

    @property
    def step(self) -> int:
        """The newest step of this life; 0 before its first."""
        newest = journal.last(self.run.metrics_file, Step) or Step(seq=0)
        return newest.step if newest.seq > self._after else 0

    def die(self, quota: int) -> None:
        """Wait for a random moment of this life, or until it has come as far as `quota`, then kill somebody."""
        if self._drawn.random() < WHILE_STARTING:
            self._wait(self._drawn.uniform(0, START_SECONDS), quota)
        else:
            self._until(lambda: self.step > 0)
            self._wait(self._drawn.uniform(0, LIFE_SECONDS), quota)
        self._strike(self._drawn.choice(["engine", "supervisor", "both", *(["screen"] * bool(self._screen))]))

    def live_on(self) -> None:
        """Start the next life where none is at work: every other one from a screen."""
        if self._at_work():
            return
        self._drop_screen()
        self._until(lambda: derive(self.run)[0] in AT_REST)
        state, reason = derive(self.run)
        assert state == "crashed", (state, reason, log_tail(self.run))
        assert checkpoints.newest(self.run)[1] == []
        self._after = journal.last_seq(self.run.metrics_file)
        lives = len(events(self.run, "supervisor"))
        if self._drawn.random() < 0.5:
            self._screen = start((*SCREEN, "resume", self.run.id))
            self._until(lambda: len(events(self.run, "supervisor")) > lives)
        else:
            launcher.resume(self.run)

    def finish(self) -> None:
        self.live_on()
        wait_for(lambda: derive(self.run)[0] in AT_REST, seconds=WHOLE_RUN_SECONDS)
        self._drop_screen()

    def _strike(self, whom: str) -> None:
        supervisor = Identity.from_record(read_record(self.run.owner_file))
        if whom in ("engine", "both"):
            self._until(self._engine)
        engine = self._engine()
        if whom == "screen":
            self._drop_screen()
            assert supervisor and identity.alive(supervisor), "the run died with its screen"
        if whom in ("supervisor", "both") and supervisor:
            identity.send_signal(supervisor, signal.SIGKILL)
        if whom in ("engine", "both") and engine:
            identity.send_signal(engine, signal.SIGKILL)
        self.struck[f"{whom} {'training' if self.step else 'starting'}"] += 1
        if whom != "screen":
            self._until(lambda: not self._at_work())

    def _engine(self) -> Identity | None:
        """Who the engine of this life is, once it has been started."""
        life = events(self.run, "supervisor")[-1]
        newest = journal.last(self.run.events_file, EngineStarted) or EngineStarted(seq=0)
        return Identity.from_record(newest.identity) if newest.seq > life["seq"] else None

    def _at_work(self) -> bool:
        return derive(self.run)[0] not in AT_REST

    def _wait(self, seconds: float, quota: int) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.step < quota:
            self._pass_time()

    def _until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, (derive(self.run), log_tail(self.run))
            self._pass_time()

    def _pass_time(self) -> None:
        if self._screen:
            self._screen.read(0.02)
        else:
            time.sleep(0.02)

    def _drop_screen(self) -> None:
        if self._screen:
            with suppress(ProcessLookupError):
                self._screen.signal(signal.SIGKILL)
            self._screen.wait(10)
            self._screen.hang_up()
            self._screen = None


def test_two_hundred_random_kills_change_nothing(
    engines: Engines, home_for_module: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n[random kills, seed {SEED}] {text}", end="", flush=True)

    for name, value in {**ENVIRONMENT, "TUITUNE_HOME": str(home_for_module)}.items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()
    alone = launcher.launch(recipe(engines))
    wait_for(lambda: derive(alone)[0] in AT_REST, seconds=WHOLE_RUN_SECONDS)
    assert derive(alone) == ("finished", ""), log_tail(alone)
    say(f"left alone: {STEPS_A_KILL * (KILLS + 1)} steps in {time.monotonic() - began:.0f} s")

    began = time.monotonic()
    victim = Victim(launcher.launch(recipe(engines)), random.Random(SEED))
    for kill in range(1, KILLS + 1):
        victim.live_on()
        victim.die(quota=STEPS_A_KILL * kill)
        if kill % 10 == 0 or kill == KILLS:
            pace = (time.monotonic() - began) / kill
            say(f"{kill} of {KILLS} kills, step {victim.step}, {pace:.1f} s a kill: {dict(victim.struck)}")
    victim.finish()
    assert derive(victim.run) == ("finished", ""), log_tail(victim.run)
    say(f"{len(events(victim.run, 'supervisor'))} lives; adapter {adapter_hash(victim.run)[:16]}")
    assert adapter_hash(victim.run) == adapter_hash(alone) != ""
    assert curve(victim.run) == curve(alone)
