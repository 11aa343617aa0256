"""Supervising a stand-in engine to every kind of end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, engine, engine_identity, events, records, start_supervisor, steps, wait_for
from tuitune.runs.control import spool
from tuitune.runs.read.state import ENDED, derive
from tuitune.runs.read.summary import summarize
from tuitune.runs.store import files, identity, journal, lease
from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import Amended, Ended
from tuitune.runs.store.records.training import End
from tuitune.runs.supervise import watch
from tuitune.runs.supervise.supervisor import REFUSED, supervise

ENDS = {
    "finish": ("finished", ""),
    "fail": ("failed", "the card is out of memory: lower the batch size"),
    "disk-full": ("failed", "disk full: [Errno 28]"),
    "raise": ("failed", "ImportError: no module named torch •••"),
    "silent": ("crashed", "the engine ended for an unknown reason"),
    "say-stopped": ("stopped", "stopped"),
    "odd-code": ("crashed", "the engine ended with exit code 42"),
    "kill": ("crashed", "the engine was killed by SIGKILL"),
    "segfault": ("crashed", "the engine was killed by SIGSEGV"),
}


@pytest.mark.parametrize("behaviour", ENDS)
def test_every_end_has_its_state_and_reason(run: Run, behaviour: str) -> None:
    assert supervise(run, engine(run, behaviour)) == 0
    state, reason = derive(run)
    assert (state, reason[: len(ENDS[behaviour][1])]) == ENDS[behaviour]
    named = [event["event"] for event in journal.read_all(run.events_file)]
    assert named == ["supervisor", "slot", "engine", "exited", "ended"]
    assert not run.reserve_file.exists()


def test_the_exit_is_recorded_as_it_was(run: Run) -> None:
    supervise(run, engine(run, "kill"))
    (exited,) = events(run, "exited")
    assert (exited["code"], exited["signal"]) == (None, "SIGKILL")


def test_an_engine_that_cannot_be_started_is_a_failure(run: Run) -> None:
    supervise(run, ["/no/such/engine"])
    state, reason = derive(run)
    assert state == "failed"
    assert "could not be started" in reason


def test_a_request_stops_the_run_and_is_acknowledged(run: Run) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 1)
    nonce = spool.request(run, "stop")
    assert process.wait(20) == 0
    (acknowledged,) = events(run, "acknowledged")
    assert (acknowledged["nonce"], acknowledged["verb"], acknowledged["ok"]) == (nonce, "stop", True)
    assert events(run, "stop-requested")[0]["by"] == f"request {nonce}"
    assert derive(run)[0] == "stopped"
    assert derive(run)[1].startswith("stopped on request after step")
    assert list(run.control.iterdir()) == []


def test_several_requests_are_one_stop_each_acknowledged(run: Run) -> None:
    nonces = {spool.request(run, "stop") for _ in range(3)}
    supervise(run, engine(run, "train"))
    assert {event["nonce"] for event in events(run, "acknowledged") if event["ok"]} == nonces
    assert len(events(run, "stop-requested")) == 1


def test_an_engine_stopped_before_it_listens_is_stopped_not_crashed(run: Run) -> None:
    spool.request(run, "stop")
    supervise(run, engine(run, "deaf"))
    state, reason = derive(run)
    assert state == "stopped" and reason.startswith("stopped while ")


def test_what_is_no_request_is_refused_with_an_event(run: Run, tmp_path: Path) -> None:
    (run.control / "unknown.json").write_text('{"verb": "exec"}')
    (run.control / "big.json").write_text(" " * 70_000)
    (run.control / "planted.json").symlink_to(tmp_path)
    (run.control / "folder.json").mkdir()
    process = start_supervisor(run, "train", str(tmp_path / "done"))
    wait_for(lambda: len(events(run, "acknowledged")) == 4)
    before = steps(run)
    wait_for(lambda: steps(run) > before + 50)
    (tmp_path / "done").touch()
    assert process.wait(20) == 0
    answers = {event["nonce"]: event for event in events(run, "acknowledged")}
    assert sorted(answers) == ["big", "folder", "planted", "unknown"]
    assert not any(event["ok"] for event in answers.values())
    assert derive(run) == ("finished", "")
    assert [entry.name for entry in run.control.iterdir()] == ["folder.json"]


def test_a_replayed_request_is_carried_out_once(run: Run, tmp_path: Path) -> None:
    process = start_supervisor(run, "stubborn", str(tmp_path / "done"))
    wait_for(lambda: records(run, "phase"))
    nonce = spool.request(run, "stop")
    spooled = run.control / f"{nonce}.json"
    for _ in range(2):
        wait_for(lambda: not spooled.exists())
        files.write_whole(spooled, b'{"verb": "stop"}')
    wait_for(lambda: not spooled.exists())
    (tmp_path / "done").touch()
    assert process.wait(20) == 0
    assert [event["ok"] for event in events(run, "acknowledged")] == [True, False, False]
    assert derive(run) == ("stopped", "asked 1 times")


def test_a_request_that_comes_too_late_is_turned_away(run: Run) -> None:
    supervise(run, ["/bin/sh", "-c", f"echo '{{\"verb\": \"stop\"}}' > '{run.control}/late.json'; exit 3"])
    (answer,) = events(run, "acknowledged")
    assert (answer["nonce"], answer["ok"], answer["message"]) == ("late", False, "the run had already ended")
    assert derive(run)[0] == "stopped"


def test_a_second_supervisor_refuses_while_the_first_works_and_after(run: Run, tmp_path: Path) -> None:
    first = start_supervisor(run, "train", str(tmp_path / "done"))
    engine_identity(run)
    second = start_supervisor(run, "train")
    assert second.wait(20) == REFUSED
    (tmp_path / "done").touch()
    assert first.wait(20) == 0
    assert supervise(run, engine(run, "fail")) == REFUSED
    assert derive(run) == ("finished", "")
    assert "another supervisor" in run.log_file.read_text()


@pytest.mark.parametrize("look", [derive, lambda run: (summarize(run).state, "")], ids=["derive", "summarize"])
def test_a_run_that_starts_and_ends_is_never_seen_to_crash(run: Run, look: Callable[[Run], tuple[str, str]]) -> None:
    process, seen = start_supervisor(run, "finish"), ["queued"]
    while seen[-1] not in ENDED:
        seen.append(look(run)[0])
    process.wait(20)
    assert set(seen) <= {"queued", "starting", "stopping", "finished"}


def test_of_several_started_at_once_one_supervises(run: Run) -> None:
    processes = [start_supervisor(run, "finish") for _ in range(5)]
    assert sorted(process.wait(20) for process in processes) == [0, *[REFUSED] * 4]
    assert [len(events(run, name)) for name in ("supervisor", "engine", "ended")] == [1, 1, 1]


def test_sigterm_to_the_supervisor_is_a_stop(run: Run) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 2)
    process.send_signal(signal.SIGHUP)
    process.terminate()
    assert process.wait(20) == 0
    assert derive(run)[0] == "stopped"
    assert events(run, "stop-requested")[0]["by"] == "signal"


def test_the_engine_is_told_to_save_when_its_supervisor_is_killed(run: Run) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 2)
    assert derive(run)[0] == "training"
    trainer = engine_identity(run)
    process.kill()
    process.wait(20)
    assert not lease.held(run)
    assert derive(run)[0] in ("stopping", "crashed")
    wait_for(lambda: not identity.alive(trainer))
    state, reason = derive(run)
    assert state == "crashed"
    assert "its supervisor was killed; the engine reported: stopped at step" in reason
    assert "last output: step" in reason
    last = journal.last(run.metrics_file, End)
    assert last and last.outcome == "stopped"


def test_what_the_engine_leaves_running_is_swept_away(run: Run, tmp_path: Path) -> None:
    pid_file = tmp_path / "orphan"
    supervise(run, engine(run, "orphan", str(pid_file)))
    assert derive(run) == ("finished", "")
    wait_for(lambda: identity.of(int(pid_file.read_text())) is None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_violent_death_is_named_soon_and_leaves_nothing_running(
    run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    process = start_supervisor(run, "leaves-orphan", str(tmp_path / "pid"))
    wait_for(lambda: steps(run) > 1)
    trainer, died = engine_identity(run), time.monotonic()
    identity.send_signal(trainer, number)
    wait_for(lambda: events(run, "ended"))
    assert time.monotonic() - died < 5
    assert process.wait(20) == 0
    state, reason = derive(run)
    assert state == "crashed"
    assert reason.startswith(f"the engine was killed by {number.name}; last output: ")
    assert identity.group_members(trainer.pid) == []
    assert identity.of(int((tmp_path / "pid").read_text())) is None


def test_an_event_that_is_too_long_is_no_end_of_the_supervisor(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    log = EventLog(run)
    log.append(Amended(changes={str(number): "x" * 60_000 for number in range(20)}))
    log.append(Ended(state="finished"))
    log.close()
    assert [event["event"] for event in journal.read_all(run.events_file)] == ["ended"]
    assert len(capfd.readouterr().err) < 5000


def test_the_engine_gets_a_safe_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setenv("HF_TOKEN", "a token of mine")
    wanted = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD,TORCH_FORCE_WEIGHTS_ONLY_LOAD,HF_TOKEN,PYTHONUNBUFFERED"
    supervise(run, engine(run, "tell", wanted))
    log = run.log_file.read_text()
    assert "'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': None, 'TORCH_FORCE_WEIGHTS_ONLY_LOAD': '1'" in log
    assert "'HF_TOKEN': '•••', 'PYTHONUNBUFFERED': '1'" in log, "it has the token, and cannot print it"
    assert "own group True pipe:[" in log and "] 0o77" in log
    kept = [path for path in run.path.rglob("*") if path.is_file() and path != run.log_file]
    assert not any(b"a token of mine" in path.read_bytes() for path in kept)


def test_the_supervisor_is_light_and_soon_at_work(run: Run) -> None:
    """From the start of the process to the first event; with no library but the few that it needs."""
    code = (
        "import sys, tuitune.runs.supervise.supervisor; "
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__'})"
    )
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(run.path)}
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment)
    third_party = {name for name in loaded.stdout.split() if not name.startswith("_")}
    assert third_party == {"tuitune", "filelock", "orjson"}
    started = time.time()
    start_supervisor(run, "finish").wait(20)
    (first,) = events(run, "supervisor")
    assert first["time"] - started < 1.5


def test_a_quiet_supervisor_sleeps(run: Run, tmp_path: Path) -> None:
    rate = {"watch.TICK_SECONDS": watch.TICK_SECONDS}
    process = start_supervisor(run, "train", str(tmp_path / "done"), constants=rate)
    engine_identity(run)
    before, ticks = steps(run), sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().split()[13:15]))
    wait_for(lambda: steps(run) > before + 80)
    used = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().split()[13:15])) - ticks
    (tmp_path / "done").touch()
    process.wait(20)
    assert used <= 0.05 * os.sysconf("SC_CLK_TCK")


FILL_THE_DISK = """
import sys
import time
from pathlib import Path
from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import Ended, NotifyFailed
run = Run(Path(sys.argv[1]))
log = EventLog(run)
with open(run.log_file, "ab", buffering=0) as filler:
    try:
        while filler.write(bytes(4096)):
            pass
    except OSError as error:
        print(error)
log.append(Ended(state="failed", reason="r" * 5000))
print(run.events_file.read_text().strip())
log.append(NotifyFailed(message="x" * 60_000))
log.append(NotifyFailed(message="x" * 60_000))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_the_end_is_recorded_on_a_full_disk(tmp_path: Path) -> None:
    """And what does not fit even then goes to the log, and stops nothing."""
    command = 'mount -t tmpfs -o size=256k tmpfs "$2" && exec "$0" -c "$1" "$2"'
    found = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, sys.executable, FILL_THE_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if "unshare failed" in found.stderr or "permission denied" in found.stderr:
        pytest.skip("no mount namespaces here")
    assert found.returncode == 0, found.stderr
    full, recorded = found.stdout.splitlines()[:2]
    assert "No space left" in full
    assert json.loads(recorded)["event"] == "ended"
    assert "event notify-failed" in found.stderr


def test_signals_are_named_even_where_python_has_no_name(run: Run) -> None:
    supervise(run, [sys.executable, "-c", f"import os; os.kill(os.getpid(), {signal.SIGRTMIN + 3})"])
    assert events(run, "exited")[0]["signal"] == f"signal {signal.SIGRTMIN + 3}"
    assert derive(run)[0] == "crashed"
