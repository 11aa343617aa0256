"""stop, pause, kill, tune, queue and delete over supervised runs whose engine is a stand-in."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import start
from tests.runs.harness import events, start_supervisor, steps, wait_for
from tests.tui import pty_session
from tuitune.recipe.document import read
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.state import derive
from tuitune.runs.store import identity, lease
from tuitune.runs.store.directory import Run, create, list_runs, read_record
from tuitune.runs.store.identity import Identity, send_signal
from tuitune.runs.store.journal import JournalWriter, read_all


@pytest.fixture
def start_run() -> Iterator[Callable[..., Run]]:
    """Starts a run of a name with a stand-in for its engine; returns it once it trains, or waits. All are killed."""
    started: list[Run] = []

    def begin(name: str, behaviour: str = "train", *, queued: bool = False, **options: Any) -> Run:
        run = create(apply(Recipe(), [f"run.name={name}", "hardware.gpu=cpu"]))
        started.append(run)
        start_supervisor(run, behaviour, **options)
        wait_for(lambda: derive(run)[1] if queued else events(run, "engine") and read_all(run.metrics_file))
        return run

    yield begin
    for run in started:
        known = [read_record(run.owner_file), *(event.get("identity") for event in read_all(run.events_file))]
        for found in filter(None, map(Identity.from_record, known)):
            send_signal(found, signal.SIGKILL)


def test_pause_waits_until_the_run_rests_and_says_how_to_go_on(start_run, cli) -> None:
    run = start_run("faq")
    wait_for(lambda: steps(run))
    answer = cli("pause", "faq")
    assert answer.code == 0
    assert answer.out.startswith("faq: paused on request after step ")
    assert f"tuitune resume {run.id}" in answer.out
    assert derive(run)[0] == "paused"
    followed = cli("follow", "faq", "--json")
    assert (followed.code, json.loads(followed.out)["state"]) == (0, "paused")


def test_what_a_run_at_rest_is_asked_is_refused(start_run, cli) -> None:
    start_run("faq")
    assert cli("stop", "faq").code == 0
    for verb in ("stop", "pause", "checkpoint", "evaluate", "sample"):
        answer = cli(verb, "faq", "--json")
        assert (answer.code, answer.out) == (2, ""), verb
        assert "it is stopped" in answer.err, verb


def test_without_waiting_a_request_is_made_and_no_more(start_run, cli) -> None:
    run = start_run("faq")
    answer = cli("pause", "faq", "--no-wait", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["id"] == run.id
    wait_for(lambda: derive(run)[0] == "paused")


def test_a_request_that_the_run_does_not_live_to_answer_fails(start_run, cli, home: Path) -> None:
    """This stand-in reads no requests, and ends at SIGTERM."""
    run = start_run("faq", "deaf")
    process = start("checkpoint", "faq", "--json", home=home)
    wait_for(lambda: events(run, "acknowledged"))
    assert cli("stop", "faq").code == 0
    out, _ = process.communicate(timeout=20)
    said = json.loads(out)
    assert process.returncode == 1
    assert (said["ok"], said["result"], said["verb"]) == (False, None, "checkpoint")
    assert "stopped" in said["message"]


def test_what_the_engine_does_is_printed_with_its_result(start_run, cli) -> None:
    run = start_run("faq")
    wait_for(lambda: steps(run))
    saved = cli("checkpoint", "faq")
    assert saved.code == 0
    assert "checkpoints/step-" in saved.out
    tuned = cli("tune", "faq", "learning_rate=3e-4", 'samples.prompts=["hello"]')
    assert tuned.code == 0
    for text in ("training.learning_rate  3e-4", "samples.prompts         hello", "in effect               from step "):
        assert text in tuned.out
    asked = cli("sample", "faq", "hello", "--no-wait", "--json")
    assert (asked.code, json.loads(asked.out)["ok"]) == (0, None)
    wait_for(lambda: [record for record in read_all(run.metrics_file) if record.get("verb") == "sample"])


def test_kill_needs_a_yes_where_nobody_can_be_asked(start_run, cli) -> None:
    run = start_run("faq")
    answer = cli("kill", "faq")
    assert answer.code == 2
    assert "--yes" in answer.err
    assert derive(run)[0] == "training"


def test_kill_shows_each_rung_with_its_countdown(start_run, cli) -> None:
    run = start_run("faq")
    answer = cli("kill", "faq", "--yes")
    assert answer.code == 0
    assert "; SIGTERM to all in 5 s" in answer.out
    assert derive(run)[0] in ("stopped", "crashed")
    assert "faq: stopped" in answer.out


def test_each_rung_of_a_kill_is_told(start_run, cli) -> None:
    run = start_run(
        "faq", "deaf-to-term", constants={"kill_escalation.PATIENCE": [0.2, 0.2], "kill_escalation.GROUP_SECONDS": 0.2}
    )
    answer = cli("kill", "faq", "--yes")
    assert answer.code == 0
    assert [event["rung"] for event in events(run, "kill")] == ["ask", "terminate-group", "kill-group"]
    assert [line.partition(" ")[0] for line in answer.out.splitlines()] == ["asked", "sent", "killed", "faq:"]


def test_a_run_that_nothing_ends_is_called_stuck(cli) -> None:
    """Its processes wait for the kernel, which no test can bring about: its supervisor's part is written by hand."""
    run = create(apply(Recipe(), ["run.name=faq"]))
    stuck = {"event": "kill", "rung": "stuck", "seconds": None, "next": None, "message": "they wait for the kernel"}

    def answer() -> None:
        (asked,) = wait_for(lambda: list(run.control.glob("[!.]*.json")))
        with JournalWriter(run.events_file) as journal:
            journal.append(event="acknowledged", nonce=asked.stem, verb="kill", ok=True, message="killing it")
            journal.append(**stuck)

    with lease.hold(run), ThreadPoolExecutor() as supervisor:
        with JournalWriter(run.events_file) as journal:
            journal.append(event="supervisor", life=1)
            journal.append(event="slot", device="cpu", label="CPU")
        answered = supervisor.submit(answer)
        said = cli("kill", "faq", "--yes")
        answered.result()
    assert said.code == 1
    assert said.out.startswith("they wait for the kernel\nfaq is stuck; ")


def test_a_run_without_a_supervisor_is_not_waited_for(cli) -> None:
    run = create(apply(Recipe(), ["run.name=faq"]))
    with subprocess.Popen(["sleep", "60"]) as engine:
        with JournalWriter(run.events_file) as journal:
            journal.append(event="supervisor", life=1)
            journal.append(event="engine", identity=identity.of(engine.pid).as_record(), after=0)
        answer = cli("kill", "faq", "--yes")
        engine.kill()
    assert answer.code == 2
    assert "its supervisor is gone" in answer.err


def test_kill_now_ends_an_engine_that_hears_nothing(start_run, cli) -> None:
    run = start_run("faq", "deaf")
    answer = cli("kill", "faq", "--now", "--yes", "--json")
    assert (answer.code, json.loads(answer.out)["state"]) == (0, "stopped")
    assert [event["rung"] for event in events(run, "kill")] == ["kill-group"]


def test_a_typed_name_confirms_on_a_terminal(start_run) -> None:
    run = start_run("faq")
    with pty_session.start((*pty_session.SCREEN, "kill", "faq")) as session:
        session.wait_for(b"to kill it: ")
        session.send(b"fax\n")
        assert session.wait(20) == 2
    assert "is unchanged" in session.text
    assert derive(run)[0] == "training"
    with pty_session.start((*pty_session.SCREEN, "kill", "faq")) as session:
        session.wait_for(b"to kill it: ")
        session.send(b"faq\n")
        assert session.wait(20) == 0
    assert "asked to save and end" in session.text
    assert derive(run)[0] == "stopped"


def test_delete_asks_and_deletes_what_rests(start_run, cli) -> None:
    run = start_run("faq")
    running = cli("delete", "faq", "--yes")
    assert running.code == 2
    assert "it is training" in running.err
    assert cli("stop", "faq").code == 0
    assert cli("delete", "faq").code == 2
    assert run.path.is_dir()
    answer = cli("delete", "faq", "--yes", "--json")
    assert (answer.code, json.loads(answer.out)["deleted"]) == (0, True)
    assert list_runs() == []


WRONG_TUNES = {
    "adapter.rank=3": ["adapter.rank", "training.learning_rate", "checkpoints.every"],
    "every=5": ["checkpoints.every", "evaluation.every", "samples.every"],
    "learning_rate=5": ["training.learning_rate", "at most 1"],
    "learning_rate": ["KEY=VALUE"],
    "\x1b[31m=5": ["cannot be changed while a run trains"],
}


def test_a_wrong_tune_is_refused_with_what_would_be_right(start_run, cli) -> None:
    run = start_run("faq")
    for change, words in WRONG_TUNES.items():
        answer = cli("tune", "faq", change)
        assert answer.code == 2, change
        assert all(word in answer.err for word in words), answer.err
        assert "\x1b" not in answer.err
        assert not list(run.control.iterdir())


def test_tune_help_lists_what_can_be_tuned(cli) -> None:
    printed = cli("tune", "--help").out
    assert "training.learning_rate" in printed
    assert "adapter.rank" not in printed


def test_the_queue_is_listed_moved_edited_and_left(start_run, cli) -> None:
    first = start_run("first")
    second, third = start_run("second", queued=True), start_run("third", queued=True)

    listed = json.loads(cli("queue", "--json").out)
    assert [(entry["place"], entry["name"]) for entry in listed["waiting"]] == [(1, "second"), (2, "third")]
    assert [(held["label"], held["id"]) for held in listed["holders"]] == [("CPU", first.id)]
    assert "CPU is busy: training first" in listed["waiting"][0]["reason"]
    shown = cli("queue").out
    assert all(text in shown for text in ("second", "third", "PLACE", "CPU", first.id))
    assert "CPU is busy: training first" in cli("runs").out

    for place, reached in [("first", 1), ("down", 2), ("up", 1), ("up", 1), ("last", 2), (1, 1)]:
        assert f"number {reached} of 2" in cli("queue", "move", "third", place).out
    waiting = json.loads(cli("queue", "move", "third", 99, "--json").out)["waiting"]
    assert [entry["id"] for entry in waiting] == [second.id, third.id]

    answer = cli("queue", "edit", "second", "--set", "training.epochs=2", "--set", "adapter.rank=3")
    assert answer.code == 0, answer.err
    assert (read(second.recipe_file).training.epochs, read(second.recipe_file).adapter.rank) == (2, 3)
    assert cli("queue", "edit", "second", "--set", "adapter.rank=0").code == 2

    assert "tuitune resume" in cli("queue", "remove", "second").out
    assert derive(second)[0] == "stopped"
    for refused in (("move", "second", 1), ("remove", "second"), ("edit", "first", "--set", "adapter.rank=2")):
        answer = cli("queue", *refused)
        assert answer.code == 2
        assert "is not in the queue" in answer.err
    assert cli("queue", "move", "third", "sideways").code == 2

    assert cli("stop", "first").code == 0
    wait_for(lambda: derive(third)[0] == "training")
    empty = cli("queue")
    assert "no run is queued" in empty.err
    assert third.id in empty.out


def test_a_follower_sees_what_a_run_waits_for(start_run, cli, home: Path) -> None:
    start_run("first")
    second = start_run("second", queued=True)
    process = start("follow", "second", home=home)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("queued: CPU is busy: training first")
    assert cli("queue", "remove", "second").code == 0
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert derive(second)[0] == "stopped"
    assert out


def test_a_terminal_shows_what_is_waited_for_and_rings_at_the_end(start_run, cli) -> None:
    start_run("first")
    start_run("second", queued=True)
    with pty_session.start((*pty_session.SCREEN, "follow", "second")) as session:
        session.wait_for(b"queued: CPU is busy: training first")
        assert cli("stop", "first").code == 0
        session.wait_for(b"importing torch")
        assert b"\a" not in session.output
        assert cli("pause", "second").code == 0
        assert session.wait(20) == 0
    assert b"\a" in session.output
    assert "tuitune resume" in session.text


def test_a_resume_is_refused_for_a_reason(start_run, cli) -> None:
    run = start_run("faq")
    at_work = cli("resume", "faq")
    assert at_work.code == 2
    assert "it is training" in at_work.err
    assert cli("stop", "faq").code == 0
    tied = cli("resume", "faq", "--set", "adapter.rank=3")
    assert tied.code == 2
    assert "adapter.rank" in tied.err
    assert "new run" in tied.err
    held_out = cli("resume", "faq", "--set", "data.eval=0.3", "--set", "training.epochs=9")
    assert held_out.code == 2
    assert "data.eval" in held_out.err
    assert cli("resume", "faq", "--set", "training.epoch=3").code == 2
    with JournalWriter(run.events_file) as journal:
        journal.append(event="ended", state="finished", reason="")
    finished = cli("resume", "faq")
    assert finished.code == 2
    assert "--set training.epochs" in finished.err
    assert derive(run)[0] == "finished"
