"""What a supervisor notices of its engine: silence, alerts, errors of the GPU; and clocks that jump meanwhile."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runs.harness import (
    ROOT,
    engine,
    engine_identity,
    events,
    start_supervisor,
    steps,
    supervise_command,
    wait_for,
)
from tuitune.recipe.schema import Recipe
from tuitune.runs.control import spool
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.read.summary import RunView
from tuitune.runs.store import identity, journal
from tuitune.runs.store.directory import Run, create
from tuitune.runs.supervise.kernel_log import KernelLog
from tuitune.runs.supervise.supervisor import supervise
from tuitune.runs.supervise.watch import Silence


def test_silence_is_told_when_it_is_long_and_when_it_has_doubled() -> None:
    now = [100.0]
    silence = Silence(lambda: now[0])
    told = []
    for now[0] in range(100, 1000, 10):
        told.append(silence.news(longest_step=3.0))
    assert [seconds for seconds in told if seconds] == [120, 240, 480]
    assert silence.broken()
    assert not silence.broken()
    now[0] += 190
    assert silence.news(longest_step=10.0) is None, "twenty of its steps have not passed"
    now[0] += 11
    assert silence.news(longest_step=10.0) == 201


def test_an_engine_that_falls_silent_is_said_to_and_heard_again(run: Run) -> None:
    process = start_supervisor(run, "train", constants={"watch.SILENT_SECONDS": 0.6})
    wait_for(lambda: steps(run) > 2)
    identity.send_signal(engine_identity(run), signal.SIGSTOP)
    wait_for(lambda: events(run, "silent"))
    state, reason = derive(run)
    assert state == "training"
    assert reason.startswith("nothing heard from the engine for ")
    wait_for(lambda: len(events(run, "silent")) > 1)
    identity.send_signal(engine_identity(run), signal.SIGCONT)
    wait_for(lambda: events(run, "heard"))
    assert derive(run) == ("training", "")
    spool.request(run, "stop")
    assert process.wait(20) == 0
    first, second = events(run, "silent")[:2]
    assert second["seconds"] >= 2 * first["seconds"] >= 1.2


def notifying(command: str) -> Run:
    recipe = Recipe()
    return create(recipe.model_copy(update={"run": recipe.run.model_copy(update={"notify": command})}))


def test_the_users_command_is_told_of_alerts_and_the_end(tmp_path: Path) -> None:
    told = tmp_path / "told"
    run = notifying(f"sh -c {shlex.quote(f'cat >> {shlex.quote(str(told))}')}")
    process = start_supervisor(run, "warn", str(tmp_path / "done"))
    wait_for(lambda: told.exists() and "alert" in told.read_text())
    (tmp_path / "done").touch()
    assert process.wait(20) == 0
    wait_for(lambda: told.read_text().count("\n") == 2)
    alert, ended = map(json.loads, told.read_text().splitlines())
    assert (alert["event"], alert["alert"], alert["message"]) == ("alert", "plateau", "the loss is flat: lower it")
    assert (ended["event"], ended["state"], ended["run"]) == ("ended", "finished", run.id)
    assert events(run, "notify-failed") == []


def test_a_pause_is_no_end_to_be_told_of(tmp_path: Path) -> None:
    run = notifying(f"touch {shlex.quote(str(tmp_path / 'told'))}")
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 1)
    spool.request(run, "pause")
    assert process.wait(20) == 0
    assert not (tmp_path / "told").exists()


@pytest.mark.parametrize(("command", "why"), [("/no/such/program", "could not be started"), ("false", "exit code 1")])
def test_a_command_that_fails_is_an_event_and_nothing_more(command: str, why: str) -> None:
    run = notifying(command)
    assert supervise(run, engine(run, "finish")) == 0
    assert derive(run) == ("finished", "")
    (failed,) = events(run, "notify-failed")
    assert why in failed["message"]


def test_a_slow_command_holds_up_neither_the_run_nor_the_next_life() -> None:
    run = notifying("sleep 2")
    process = start_supervisor(run, "finish")
    wait_for(lambda: events(run, "ended"))
    started = time.monotonic()
    again = start_supervisor(run, "say-stopped", after=journal.last_seq(run.events_file))
    wait_for(lambda: len(events(run, "ended")) == 2)
    assert time.monotonic() - started < 3
    assert process.wait(20) == again.wait(20) == 0


def test_many_alerts_at_once_are_not_many_processes(tmp_path: Path) -> None:
    run = notifying("sleep 1")
    command = engine(run, "finish")
    with journal.JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="alert", level="error", message="of an earlier life")
    write = (
        "import sys; from pathlib import Path; from tuitune.runs.store.journal import JournalWriter\n"
        "with JournalWriter(Path(sys.argv[1])) as metrics:\n"
        "    for number in range(20):\n"
        "        metrics.append(kind='alert', level='error' if number < 10 else 'info', message=str(number))\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", write, str(run.metrics_file)]
    process = subprocess.Popen(
        supervise_command(run, command), env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True
    )
    wait_for(lambda: len(events(run, "notify-failed")) == 6)
    process.terminate()
    assert process.wait(20) == 0
    assert "skipped" in events(run, "notify-failed")[0]["message"]


KMSG = """6,339,5140900,-;NVRM: GPU at PCI:0000:3b:00: GPU-d2a6
4,340,5140910,-;NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
4,341,5140911,-;NVRM: Xid (PCI:0000:3b:00): 31, pid={pid}, name=python3, Ch 00000008, intr 10000000. MMU Fault
4,342,5140912,-;NVRM: Xid (PCI:0000:af:00): 13, pid={other}, name=python3, Graphics Exception
4,343,5140913,-;NVRM: Xid (0000:3b:00.0): 999, something \x1b[2J new
6,344,5140914,-;usb 1-1: new device
"""


def test_gpu_errors_since_the_start_are_read_from_the_kernels_log(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_text("4,1,1,-;NVRM: Xid (PCI:0000:3b:00): 48, pid=7, name=old\n")
    kernel = KernelLog(log)
    assert kernel.xids() == []
    gone = subprocess.Popen(["true"])
    gone.wait()
    with log.open("a") as file:
        file.write(KMSG.format(pid=gone.pid, other=os.getppid()))
    found = kernel.xids(gone.pid)
    kernel.close()
    assert found == [
        "GPU error Xid 79 on 0000:3b:00: the GPU has fallen off the bus",
        "GPU error Xid 31 on 0000:3b:00: a program accessed invalid GPU memory",
        "GPU error Xid 999 on 0000:3b:00.0: something ␛[2J new",
    ]


@pytest.mark.parametrize("plant", ["nothing", "symlink", "fifo", "directory"])
def test_a_kernel_log_that_cannot_be_read_is_empty(tmp_path: Path, plant: str) -> None:
    path = tmp_path / "kmsg"
    match plant:
        case "symlink":
            path.symlink_to("/dev/zero")
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    kernel = KernelLog(path)
    assert kernel.xids() == []
    kernel.close()


JUMPY = """
import itertools, time
real, jumps = time.time, itertools.cycle([0, 3600, -3600, 86400, -86400 * 365])
time.time = lambda: real() + next(jumps)
"""


def test_a_clock_that_jumps_changes_nothing_but_the_times_of_records(run: Run, tmp_path: Path) -> None:
    """Wall time in supervisor and engine is another at each look: by an hour, a day, a year, forth and back."""
    python, *stand_in = engine(run, "train", str(tmp_path / "done"))
    run_it = f"{JUMPY}\nimport runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0])"
    code, *arguments = supervise_command(run, [python, "-c", run_it, *stand_in])[3:]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", JUMPY + code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    seen = set()
    wait_for(lambda: seen.add(derive(run)[0]) or steps(run) > 100, seconds=30)
    (tmp_path / "done").touch()
    wait_for(lambda: seen.add(derive(run)[0]) or derive(run)[0] in AT_REST)
    assert process.wait(20) == 0
    assert seen <= {"queued", "starting", "training", "stopping", "finished"}
    assert derive(run) == ("finished", "")
    assert events(run, "silent") == []
    (ended,) = events(run, "ended")
    assert 0.5 < ended["seconds"] < 60
    times = [record["time"] for record in journal.read_all(run.metrics_file)]
    assert any(later < earlier - 3000 for earlier, later in itertools.pairwise(times)), "the clock did jump"
    view = RunView(run)
    view.refresh()
    assert list(view.steps["step"]) == list(range(1, len(view.steps) + 1))
    assert view.summary.eta_seconds is None


REUSE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.read.state import derive
run = Run(Path(sys.argv[1]))

def sleeper(number):
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(number - 1))
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

first = sleeper(300)
known = identity.of(first.pid)
run.owner_file.write_text(json.dumps(known.as_record()))
with JournalWriter(run.events_file) as log:
    log.append(event="supervisor", identity=known.as_record())
    log.append(event="slot")
    log.append(event="engine", identity=known.as_record())
before = derive(run)[0]
first.kill()
first.wait()
while time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK") < known.start_ticks + 2:
    pass
second = sleeper(300)
sent = identity.send_signal(known, signal.SIGKILL) or identity.signal_group(known, signal.SIGKILL)
print(json.dumps([first.pid, second.pid, before, derive(run)[0], sent, second.poll()]))
second.kill()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a pid namespace and set its next pid")
def test_a_pid_that_came_to_mean_another_process_is_not_the_run(run: Run) -> None:
    found = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", REUSE, str(run.path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    if not found.stdout:
        pytest.skip(f"no pid namespace here: {found.stderr[-200:]}")
    first, second, before, after, sent, ended = json.loads(found.stdout)
    assert first == second == 300
    assert (before, after) == ("starting", "crashed")
    assert (sent, ended) == (False, None)
