"""Killing: the ladder from asking to SIGKILL, and engines that even that does not end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import engine_identity, events, last_event, start_supervisor, steps, wait_for
from tuitune.runs.control import spool
from tuitune.runs.queue import slots
from tuitune.runs.read.state import derive
from tuitune.runs.store import identity, lease
from tuitune.runs.store.directory import Run
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.supervise import kill_escalation
from tuitune.runs.supervise.engine_progress import EngineProgress
from tuitune.runs.supervise.supervisor import UNABLE

HURRY: dict[str, Any] = {"kill_escalation.PATIENCE": [0.5, 0.5], "kill_escalation.GROUP_SECONDS": 0.5}


def rungs(run: Run) -> list[str]:
    return [event["rung"] for event in events(run, "kill")]


def test_an_engine_that_listens_needs_only_be_asked(run: Run) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 2)
    spool.request(run, "kill")
    assert process.wait(20) == 0
    (asked,) = events(run, "kill")
    assert (asked["rung"], asked["next"], asked["seconds"]) == ("ask", "terminate-group", 5.0)
    assert asked["step"] > 0 and asked["message"]
    assert derive(run)[0] == "stopped"


def test_one_that_does_not_is_told_louder_each_time(run: Run) -> None:
    process = start_supervisor(run, "deaf-to-term", constants=HURRY)
    wait_for(lambda: steps(run) == 1)
    spool.request(run, "kill")
    wait_for(lambda: rungs(run))
    assert derive(run) == ("stopping", "asked to save and end at its next step")
    assert process.wait(20) == 0
    assert rungs(run) == ["ask", "terminate-group", "kill-group"]
    assert [event["next"] for event in events(run, "kill")] == ["terminate-group", "kill-group", "stuck"]
    assert derive(run) == ("stopped", "killed on request while importing torch")
    assert events(run, "exited")[0]["signal"] == "SIGKILL"


def test_kill_now_is_a_kill_now(run: Run) -> None:
    process = start_supervisor(run, "deaf-to-term")
    wait_for(lambda: steps(run) == 1)
    spool.request(run, "kill")
    wait_for(lambda: rungs(run) == ["ask"])
    spool.request(run, "kill", {"now": True})
    assert process.wait(20) == 0
    assert rungs(run) == ["ask", "kill-group"]
    assert events(run, "ended")[0]["seconds"] < 5


def test_a_stopped_process_is_killed_all_the_same(run: Run) -> None:
    """SIGSTOP holds a SIGTERM back; the supervisor does not wait for it for ever."""
    process = start_supervisor(run, "train", constants=HURRY)
    wait_for(lambda: steps(run) > 1)
    identity.send_signal(engine_identity(run), signal.SIGSTOP)
    spool.request(run, "kill")
    assert process.wait(20) == 0
    assert rungs(run) == ["ask", "terminate-group", "kill-group"]
    assert derive(run)[0] == "stopped"


def test_patience_is_two_saves_and_a_step(run: Run) -> None:
    progress = EngineProgress(run)
    assert kill_escalation.patience(progress) == 5.0
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="step", step=10, step_seconds=0.5)
        metrics.append(kind="checkpoint", step=10, seconds=7.0)
        metrics.append(kind="checkpoint", step=10, seconds="long")
        metrics.append(kind="step", step=12, step_seconds=0.1)
    progress.catch_up()
    assert kill_escalation.patience(progress) == pytest.approx(2 * 7.0 + 10 * 0.5)
    assert (progress.step, progress.seq) == (12, 4)
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="resumed", step=10)
        metrics.append(kind="checkpoint", step=12, seconds=700.0)
    progress.catch_up()
    assert kill_escalation.patience(progress) == 60.0
    assert progress.step == 10


UNKILLABLE = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
seize, trace_exit, detach = 0x4206, 0x40, 17
pid = int(sys.argv[1])
if libc.ptrace(seize, pid, None, trace_exit):
    sys.exit(f"cannot trace: {ctypes.get_errno()}")
print("held", flush=True)
sys.stdin.readline()
os.waitpid(pid, 0x40000000)
libc.ptrace(detach, pid, None, None)
print("let go", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_in_the_kernel(process: Identity) -> Iterator[subprocess.Popen[str]]:
    """A process that does not end when it is killed: a tracer has the kernel stop it on its way out, as a driver may.

    Let go with a line on the tracer's standard input.
    """
    with subprocess.Popen(
        [sys.executable, "-c", UNKILLABLE, str(process.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tracer:
        assert tracer.stdout is not None
        assert tracer.stderr is not None
        if tracer.stdout.readline() != "held\n":
            pytest.skip(tracer.stderr.read())
        try:
            yield tracer
        finally:
            tracer.kill()


def test_an_engine_that_cannot_be_killed_is_stuck_and_keeps_its_lease(run: Run) -> None:
    process = start_supervisor(run, "deaf-to-term", constants=HURRY)
    wait_for(lambda: steps(run) == 1)
    trainer = engine_identity(run)
    with held_in_the_kernel(trainer) as tracer:
        spool.request(run, "kill", {"now": True})
        wait_for(lambda: "stuck" in rungs(run))
        assert identity.alive(trainer), "it was killed and is still there"
        state, reason = derive(run)
        assert (state, reason[:7]) == ("stopping", "stuck: ")
        assert lease.held(run)
        assert slots.holders()["cpu"]["run"] == run.id
        again = spool.request(run, "kill", {"now": True})
        answer = wait_for(lambda: spool.outcome(run, again))
        assert answer.ok
        assert process.poll() is None
        assert tracer.stdin is not None
        tracer.stdin.write("\n")
        tracer.stdin.flush()
        assert process.wait(20) == 0, "it goes on when the engine does die"
    assert rungs(run) == ["kill-group", "stuck"]
    assert events(run, "kill")[-1]["next"] is None
    assert derive(run)[0] == "stopped"
    assert slots.holders() == {}
    assert not lease.held(run)


def test_a_life_does_not_begin_beside_an_engine_that_cannot_be_ended(run: Run) -> None:
    process = start_supervisor(run, "deaf-to-term")
    wait_for(lambda: steps(run) == 1)
    trainer = engine_identity(run)
    process.kill()
    process.wait(20)
    with held_in_the_kernel(trainer):
        again = start_supervisor(run, "finish", after=last_event(run), constants=HURRY)
        assert again.wait(20) == UNABLE
        assert derive(run)[0] == "stopping"
        assert len(events(run, "supervisor")) == 1
    assert f"(pid {trainer.pid}) cannot be ended" in run.log_file.read_text()


def test_what_an_engine_leaves_behind_may_be_stuck_too(run: Run, tmp_path: Path) -> None:
    """The device is not free while a worker of a dead engine holds on to it."""
    pid_file = tmp_path / "pid"
    process = start_supervisor(run, "leaves-orphan", str(pid_file), constants=HURRY)
    wait_for(lambda: steps(run) > 1)
    orphan = identity.of(int(pid_file.read_text()))
    assert orphan is not None
    with held_in_the_kernel(orphan) as tracer:
        identity.send_signal(engine_identity(run), signal.SIGTERM)
        wait_for(lambda: "stuck" in rungs(run))
        assert slots.holders()["cpu"]["run"] == run.id
        assert derive(run)[1].startswith("stuck: ")
        assert tracer.stdin is not None
        tracer.stdin.write("\n")
        tracer.stdin.flush()
        assert process.wait(20) == 0
    assert derive(run)[0] == "stopped"
    assert slots.holders() == {}
