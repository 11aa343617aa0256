"""Runs of several lives: paused, killed, ended, and resumed from where they were."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import (
    ROOT,
    acquire,
    engine,
    engine_identity,
    events,
    last_event,
    records,
    start_supervisor,
    steps,
    supervise_command,
    wait_for,
)
from tests.runs.queue.contenders import cpu_is_busy
from tuitune.problem import TuituneError
from tuitune.recipe import document
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.control import spool
from tuitune.runs.control.amendment import as_assignments, from_assignments
from tuitune.runs.queue import order, slots
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.read.summary import RunView, summarize
from tuitune.runs.store import files, identity, journal, lease
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.store.records.lifecycle import Acknowledged, Ended
from tuitune.runs.store.records.training import Done
from tuitune.runs.supervise.supervisor import REFUSED, supervise


def asked(run: Run, verb: str, **arguments: Any) -> Acknowledged | Done:
    """Ask, and wait for what became of it."""
    nonce = spool.request(run, verb, arguments)
    return wait_for(lambda: spool.outcome(run, nonce))


def at_rest(run: Run, process: subprocess.Popen[bytes]) -> str:
    assert process.wait(20) == 0
    state, _ = derive(run)
    assert state in AT_REST
    return state


@pytest.fixture
def resume(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`launcher.resume` with a stand-in for the engine; it does what the second argument says."""

    def resume(behaviour: str, *arguments: str, changes: dict[str, Any] | None = None) -> None:
        wanted = engine(run, behaviour, *arguments)
        start = launcher.start_supervisor

        def started(run: Run, *, after: int, changes: dict[str, Any]) -> None:
            start(run, after=after, command=supervise_command(run, wanted, after=after, changes=changes))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launcher, "start_supervisor", started)
            launcher.resume(run, changes)

    return resume


def test_a_paused_run_frees_everything_and_goes_on_in_its_next_life(run: Run, tmp_path: Path, resume) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 5)
    trainer = engine_identity(run)
    answer = asked(run, "pause")
    assert (answer.ok, answer.message) == (True, "pausing at the end of this step")
    assert at_rest(run, process) == "paused"
    assert not identity.alive(trainer) and not lease.held(run) and slots.holders() == {}
    (ended,) = events(run, "ended")
    assert ended["reason"].startswith("paused on request after step")
    assert 0 < ended["seconds"] < 20
    (paused,) = events(run, "pause-requested")
    assert paused["step"] > 0
    with pytest.raises(TuituneError, match="it is paused"):
        spool.request(run, "sample")
    before = steps(run)
    resume("train", str(tmp_path / "done"))
    assert derive(run)[0] in ("queued", "starting", "training")
    wait_for(lambda: steps(run) > before + 5)
    (tmp_path / "done").touch()
    wait_for(lambda: derive(run) == ("finished", ""))
    assert [event["life"] for event in events(run, "supervisor")] == [1, 2]
    assert [event["resumes"] for event in events(run, "supervisor")] == [False, True]
    summary = summarize(run)
    assert (summary.life, summary.exact) == (2, True)
    with pytest.raises(TuituneError, match=r"finished; train longer: --set training\.epochs"):
        launcher.resume(run)


def test_a_run_that_has_paused_many_times_is_one_curve(run: Run, resume) -> None:
    process = start_supervisor(run, "train")
    for life in range(1, 5):
        before = steps(run)
        wait_for(lambda before=before: steps(run) > before + 3)
        asked(run, "pause")
        wait_for(lambda: derive(run)[0] == "paused")
        assert summarize(run).life == life
        if life < 4:
            resume("train")
    process.wait(20)
    view = RunView(run)
    view.refresh()
    assert list(view.steps["step"]) == list(range(1, len(view.steps) + 1))
    assert [mark.kind for mark in view.marks].count("resumed") == 3
    assert [mark.kind for mark in view.marks].count("pause") == 4


def test_a_killed_supervisor_gets_its_end_from_the_next_life(run: Run, tmp_path: Path, resume) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 3)
    trainer, killed = engine_identity(run), time.monotonic()
    process.kill()
    process.wait(20)
    wait_for(lambda: not identity.alive(trainer))
    assert time.monotonic() - killed < 5
    assert derive(run)[0] == "crashed"
    assert slots.holders() == {}, "the device is free"
    assert journal.last(run.events_file, Ended) is None, "nobody but the next supervisor writes it"
    (tmp_path / "done").touch()
    resume("train", str(tmp_path / "done"))
    wait_for(lambda: derive(run) == ("finished", ""))
    crashed, finished = events(run, "ended")
    assert crashed["state"] == "crashed"
    assert "its supervisor was killed; the engine reported: stopped" in crashed["reason"]
    order = [event["event"] for event in journal.read_all(run.events_file)]
    assert order[order.index("ended") + 1] == "supervisor"
    assert finished["state"] == "finished"


def test_the_next_life_ends_what_a_former_one_left_running(run: Run, tmp_path: Path) -> None:
    """An engine whose supervisor was killed and that does not end, and a worker of an engine that did."""
    process = start_supervisor(run, "deaf-to-term")
    wait_for(lambda: steps(run) == 1)
    trainer = engine_identity(run)
    process.kill()
    process.wait(20)
    assert derive(run) == ("stopping", "its supervisor is gone; the engine saves and ends")
    with pytest.raises(TuituneError, match="its supervisor is gone"):
        launcher.resume(run)
    hurry = {"kill_escalation.PATIENCE": [0.3, 0.3], "kill_escalation.GROUP_SECONDS": 0.3}
    process = start_supervisor(run, "leaves-orphan", str(tmp_path / "pid"), after=last_event(run), constants=hurry)
    wait_for(lambda: steps(run) > 3)
    assert not identity.alive(trainer)
    orphan = identity.of(int((tmp_path / "pid").read_text()))
    assert orphan is not None
    trainer = engine_identity(run)
    process.kill()
    process.wait(20)
    wait_for(lambda: not identity.alive(trainer))
    assert identity.alive(orphan)
    assert at_rest(run, start_supervisor(run, "finish", after=last_event(run))) == "finished"
    wait_for(lambda: not identity.alive(orphan))


FORGERIES: dict[str, dict[str, Any]] = {
    **{f"pid {pid}": {"pid": pid} for pid in (-1, os.getpgrp())},
    "rebooted": {"boot_id": "another"},
    "reused": {"start_ticks": 1},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_nobody_is_signalled_for_what_a_forged_record_says(run: Run, forgery: str) -> None:
    """The supervisor of the next life has a bystander lead its own process group: both live on."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], process_group=0) as bystander:
        known = identity.of(bystander.pid)
        assert known is not None
        forged = {**known.as_record(), **FORGERIES[forgery]}
        with JournalWriter(run.events_file) as log:
            log.append(event="supervisor", identity=forged)
            log.append(event="engine", identity=forged)
        run.owner_file.write_text(json.dumps(forged))
        assert derive(run)[0] == "crashed"
        hurry = {"kill_escalation.PATIENCE": [0.0, 0.0], "kill_escalation.GROUP_SECONDS": 0.0}
        command = supervise_command(run, engine(run, "finish"), after=2, constants=hurry)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, timeout=30, process_group=bystander.pid)
        assert done.returncode == 0
        assert derive(run) == ("finished", "")
        assert bystander.poll() is None
        bystander.kill()


def test_requests_that_are_left_over_are_refused_by_the_next_life(run: Run, tmp_path: Path) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 1)
    nonce = spool.request(run, "stop")
    assert at_rest(run, process) == "stopped"
    files.write_whole(run.control / f"{nonce}.json", b'{"verb": "stop"}')
    files.write_whole(run.control / "late.json", b'{"verb": "kill", "arguments": {"now": true}}')
    process = start_supervisor(run, "train", str(tmp_path / "done"), after=last_event(run))
    wait_for(lambda: events(run, "acknowledged")[-1]["nonce"] != nonce or len(events(run, "acknowledged")) == 3)
    before = steps(run)
    wait_for(lambda: steps(run) > before + 3)
    files.write_whole(run.control / f"{nonce}.json", b'{"verb": "stop"}')
    wait_for(lambda: len(events(run, "acknowledged")) == 4)
    (tmp_path / "done").touch()
    assert at_rest(run, process) == "finished"
    answers = [(event["nonce"], event["ok"], event["message"]) for event in events(run, "acknowledged")[1:]]
    replayed = (nonce, False, "this request was answered before")
    assert sorted(answers[:2]) == sorted([replayed, ("late", False, "the request was for an earlier life of this run")])
    assert answers[2:] == [replayed]
    assert list(run.control.iterdir()) == []


def test_what_the_engine_does_itself_is_passed_on_and_done(run: Run) -> None:
    process = start_supervisor(run, "train")
    wait_for(lambda: steps(run) > 1)
    done = asked(run, "tune", changes={"training.learning_rate": 1e-5})
    assert isinstance(done, Done) and (done.ok, done.verb) == (True, "tune")
    assert records(run, "tuned")[0]["changes"] == {"training.learning_rate": 1e-5}
    for verb, arguments in (("checkpoint", {}), ("evaluate", {}), ("sample", {"prompt": "say hello\n" * 2000})):
        assert asked(run, verb, **arguments).message == f"{verb} done"
    assert not asked_file(run, {"verb": "edit", "arguments": {"changes": {"run.notes": "x"}}}).ok
    asked(run, "stop")
    assert at_rest(run, process) == "stopped"
    view = RunView(run)
    view.refresh()
    assert {mark.kind for mark in view.marks} == {"tuned", "checkpoint", "evaluate", "sample", "stop"}


def test_an_engine_that_does_not_read_is_told_a_lot_without_hanging_anybody(run: Run, tmp_path: Path) -> None:
    process = start_supervisor(run, "stubborn", str(tmp_path / "done"))
    wait_for(lambda: events(run, "engine"))
    long = {"prompt": "x" * 50_000}
    nonces = [spool.request(run, "sample", long) for _ in range(30)]
    wait_for(lambda: len(events(run, "acknowledged")) == 30)
    answers = [event["ok"] for event in events(run, "acknowledged")]
    assert {event["nonce"] for event in events(run, "acknowledged")} == set(nonces)
    assert answers.count(True) > 20 and answers[-1] is False, "until the backlog is a mebibyte"
    (tmp_path / "done").touch()
    at_rest(run, process)


def test_an_edit_while_it_waits_is_what_runs(run: Run, tmp_path: Path) -> None:
    other = create(Recipe())
    holder = acquire(other, "cpu", False)
    assert isinstance(holder, slots.SlotHolder)
    process = start_supervisor(run, "hungry", "2", constants={"waiting.TICK_SECONDS": 0.05})
    try:
        wait_for(lambda: derive(run)[1])
        assert derive(run) == ("queued", cpu_is_busy("my-run"))
        refused = asked_file(run, {"verb": "edit", "arguments": {"changes": {"training.batch_size": 0}}})
        assert not refused.ok and "training.batch_size" in refused.message
        answer = asked(run, "edit", changes={"training.batch_size": 2, "run.notes": "as edited"})
        assert answer.ok and "training.batch_size: 4 → 2" in answer.message
        assert asked_file(run, {"verb": "evaluate"}).message == "it is queued and not training yet"
        (amended,) = events(run, "amended")
        assert amended["changes"]["training.batch_size"] == {"from": 4, "to": 2}
        assert amended["why"] == "edit"
        assert derive(run)[0] == "queued"
        assert summarize(run).recipe["run"]["notes"] == "as edited"
        assert len(events(run, "waiting")) == 1, "again only when the text changes"
    finally:
        holder.release()
    assert at_rest(run, process) == "finished"
    assert "batches of 2" in run.log_file.read_text()


def asked_file(run: Run, request: dict[str, Any]) -> Acknowledged | Done:
    """As `asked`, by a file that somebody dropped."""
    nonce = f"dropped-{time.monotonic_ns()}"
    files.write_whole(run.control / f"{nonce}.json", json.dumps(request).encode())
    return wait_for(lambda: spool.outcome(run, nonce))


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("stop", "stopped"),
        ("pause", "paused"),
        pytest.param("kill", "stopped", marks=pytest.mark.slow),
        pytest.param("", "stopped", marks=pytest.mark.slow),
    ],
)
def test_a_waiting_run_ends_at_once(run: Run, verb: str, state: str) -> None:
    holder = acquire(create(Recipe()), "cpu", False)
    assert isinstance(holder, slots.SlotHolder)
    with holder:
        process = start_supervisor(run, "finish", constants={"waiting.TICK_SECONDS": 0.05})
        wait_for(lambda: events(run, "waiting"))
        if verb:
            assert asked(run, verb).ok
        else:
            process.terminate()
        assert at_rest(run, process) == state
    assert "while queued" in derive(run)[1]
    assert events(run, "engine") == []
    assert at_rest(run, start_supervisor(run, "finish", after=last_event(run))) == "finished"


def test_a_resume_may_change_the_recipe_and_says_what(run: Run, resume) -> None:
    supervise(run, engine(run, "finish"))
    changes = {"training.max_steps": 2000, "samples.prompts": ["a = 'b'", 'say "hi"\n'], "checkpoints.keep": 5}
    resume("finish", changes=changes)
    wait_for(lambda: len(events(run, "ended")) == 2)
    recipe = document.read(run.recipe_file)
    assert (recipe.training.max_steps, recipe.samples.prompts) == (2000, ["a = 'b'", 'say "hi"\n'])
    assert recipe.checkpoints.keep == 5
    (amended,) = events(run, "amended")
    assert amended["why"] == "resume"
    assert amended["changes"]["training.max_steps"] == {"from": None, "to": 2000}


REFUSED_CHANGES: list[dict[str, Any]] = [
    {"model.id": "bundled:other"},
    {"adapter.rank": 8},
    {"data.train": "bundled:style"},
    {"data.shape": "text"},
    {"data.eval": None},
    {"data.columns": {"text": "a"}},
    {"run.name": "other"},
    {"training.learning_rate": -1.0},
    {"no.such": 1},
]


def test_what_a_resume_cannot_change_is_refused_with_its_key(run: Run) -> None:
    supervise(run, engine(run, "say-stopped"))
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    for changes in REFUSED_CHANGES:
        with pytest.raises(TuituneError, match=next(iter(changes))):
            launcher.resume(run, changes)
        assert before == {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}, changes


def test_a_run_that_is_at_work_or_damaged_is_not_resumed(run: Run, tmp_path: Path) -> None:
    process = start_supervisor(run, "train", str(tmp_path / "done"))
    wait_for(lambda: steps(run) > 1)
    with pytest.raises(TuituneError, match="cannot be resumed: it is training"):
        launcher.resume(run)
    (tmp_path / "done").touch()
    at_rest(run, process)
    run.recipe_file.unlink()
    with pytest.raises(TuituneError, match=r"recipe\.toml"):
        launcher.resume(run, {"training.epochs": 9.0})


def test_more_to_do_is_more_steps(run: Run, resume) -> None:
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="plan", total_steps=30, steps_per_epoch=10)
    supervise(run, engine(run, "finish"))
    for changes in ({"training.epochs": 2.0}, {"training.epochs": 3.0}, {"training.max_steps": 30}, {"run.notes": "x"}):
        with pytest.raises(TuituneError, match="train longer"):
            launcher.resume(run, changes)
    resume("finish", changes={"training.epochs": 3.1})
    wait_for(lambda: len(events(run, "ended")) == 2)


def test_changes_survive_the_command_line() -> None:
    changes: dict[str, Any] = {
        "run.notes": 'quotes " and\nlines = [1]',
        "training.epochs": 1e-4,
        "training.max_steps": None,
        "samples.prompts": ["a", "é\t'"],
        "data.columns": {"prompt": "a b"},
        "data.packing": False,
    }
    assert from_assignments(as_assignments(changes)) == changes


RACE = """
import json, sys
from pathlib import Path
from tuitune.problem import TuituneError
from tuitune.runs import launcher
from tuitune.runs.store.directory import Run
run, command, after = Run(Path(sys.argv[1])), json.loads(sys.argv[2]), int(sys.argv[3])
sys.stdin.readline()
try:
    launcher.start_supervisor(run, after=after, command=command)
    print("won")
except TuituneError as error:
    print(error)
"""


def race(run: Run, starters: int) -> list[str]:
    """What becomes of several who start the next life at the same moment."""
    after = last_event(run)
    command = json.dumps(supervise_command(run, engine(run, "say-stopped"), after=after))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(run.path), command, str(after)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(starters)
    ]
    for starter in started:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    said = [starter.communicate(timeout=60)[0].strip() for starter in started]
    wait_for(lambda: derive(run)[0] in AT_REST, seconds=60)
    return said


def check_race(run: Run, said: list[str], lives: int) -> None:
    refusal = f"run {run.name} ({run.id}) was just started by another process"
    assert sorted(said) == [*[refusal] * (len(said) - 1), "won"]
    assert len(events(run, "supervisor")) == len(events(run, "ended")) == lives


def test_of_several_who_start_a_life_one_wins_and_the_others_are_told(run: Run) -> None:
    for life in range(1, 3):
        check_race(run, race(run, 4), life)


@pytest.mark.slow
def test_of_two_who_start_a_life_two_hundred_times_one_wins(run: Run) -> None:
    for life in range(1, 201):
        check_race(run, race(run, 2), life)


def test_one_that_comes_after_the_run_went_on_is_refused(run: Run) -> None:
    supervise(run, engine(run, "say-stopped"))
    after = last_event(run)
    assert supervise(run, engine(run, "say-stopped"), after=after) == 0
    assert supervise(run, engine(run, "say-stopped"), after=after) == REFUSED
    assert supervise(run, engine(run, "say-stopped")) == REFUSED
    assert len(events(run, "supervisor")) == 2


def test_a_lease_is_free_once_its_holder_is_dead_although_a_child_of_it_lives(run: Run, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time; from pathlib import Path; from tuitune.runs.store import lease; "
        "from tuitune.runs.store.directory import Run\n"
        "with lease.hold(Run(Path(sys.argv[1]))) as mine:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(60)\n"
        "    print(child, flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as holder:
        assert holder.stdout is not None
        child = identity.of(int(holder.stdout.readline()))
        assert child is not None
        assert lease.held(run)
        holder.kill()
        holder.wait()
        try:
            wait_for(lambda: not lease.held(run))
            with lease.hold(run) as mine:
                assert mine
            assert identity.alive(child)
        finally:
            identity.send_signal(child, signal.SIGKILL)


def test_a_damaged_recipe_is_the_reason_of_the_end(run: Run) -> None:
    run.recipe_file.write_text("[training]\nbatch_size = 'many'\n")
    assert supervise(run, engine(run, "finish")) == 0
    state, reason = derive(run)
    assert state == "failed"
    assert "training.batch_size" in reason
    assert order.waiting() == []
