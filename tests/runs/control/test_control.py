from __future__ import annotations

import json
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.runs.harness import engine
from tuitune.problem import TuituneError
from tuitune.runs.control import intake, spool
from tuitune.runs.control.intake import Refusal, Request
from tuitune.runs.read.ownership import foreign
from tuitune.runs.store import identity, lease
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.store.records.training import Done
from tuitune.runs.supervise.supervisor import supervise


def drop(run: Run, name: str, content: bytes) -> Path:
    path = run.control / name
    path.write_bytes(content)
    return path


STOP = json.dumps({"v": 1, "verb": "stop", "arguments": {}}).encode()


def test_a_request_lies_in_the_spool_until_it_is_discarded(run: Run) -> None:
    nonces = [spool.request(run, "stop"), spool.request(run, "kill", {"now": True})]
    assert intake.pending(run) == [Request(nonces[0], "stop"), Request(nonces[1], "kill", {"now": True})]
    assert intake.pending(run, answered=nonces[:1]) == [Request(nonces[1], "kill", {"now": True})]
    (spooled, _) = run.control.iterdir()
    assert stat.S_IMODE(spooled.stat().st_mode) == 0o600
    assert [intake.discard(run, nonce) for nonce in nonces] == [True, True]
    assert intake.pending(run) == []
    assert not intake.discard(run, nonces[0])


def test_requests_that_make_no_sense_are_refused_at_once(run: Run) -> None:
    with pytest.raises(TuituneError, match="known: checkpoint, edit, evaluate"):
        spool.request(run, "rm -rf")
    with pytest.raises(TuituneError, match="limit"):
        spool.request(run, "edit", {"changes": {"samples.prompts": ["x" * 70_000]}})
    assert list(run.control.iterdir()) == []


def test_an_ended_run_cannot_be_asked_for_anything(run: Run) -> None:
    supervise(run, engine(run, "finish"))
    with pytest.raises(TuituneError, match="it is finished"):
        spool.request(run, "stop")


def test_a_spool_that_cannot_be_written_is_said(run: Run, tmp_path: Path) -> None:
    run.control.rmdir()
    with pytest.raises(TuituneError, match="cannot be asked to stop"):
        spool.request(run, "stop")
    assert intake.pending(run) == []


def test_a_spool_behind_a_link_is_not_looked_into(run: Run, tmp_path: Path) -> None:
    drop(run, "a.json", STOP)
    run.control.rename(tmp_path / "elsewhere")
    run.control.symlink_to(tmp_path / "elsewhere")
    assert intake.pending(run) == []


FOREIGN = {
    "too big": ("a.json", STOP + b" " * spool.SIZE_LIMIT, "longer"),
    "not JSON": ("a.json", b"stop", "not JSON"),
    "deep": ("a.json", b"[" * 60_000, "not JSON"),
    "deep arguments": ("a.json", b'{"verb": "sample", "arguments": {"prompt": ' + b"[" * 60_000, "not JSON"),
    "no object": ("a.json", b"[]", "not an object"),
    "odd arguments": ("a.json", b'{"verb": "stop", "arguments": 7}', "not an object"),
    "unknown verb": ("a.json", b'{"verb": "exec"}', "unknown request 'exec'"),
    "odd verb": ("a.json", b'{"verb": ["stop"]}', "unknown request"),
    "no verb": ("a.json", b"{}", "unknown request None"),
    "odd name": ("a b;.json", STOP, "not a nonce"),
    "too many arguments": ("a.json", b'{"verb": "stop", "arguments": {"path": "/"}}', "it takes none"),
    "other arguments": (
        "a.json",
        b'{"verb": "kill", "arguments": {"pid": 1}}',
        "kill has no argument 'pid'; it takes now",
    ),
    "odd argument": ("a.json", b'{"verb": "kill", "arguments": {"now": 1}}', "of a wrong type"),
    "missing argument": ("a.json", b'{"verb": "tune"}', "tune needs changes"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_files_that_are_no_requests_are_refusals(run: Run, kind: str) -> None:
    name, content, why = FOREIGN[kind]
    drop(run, name, content)
    (found,) = intake.pending(run)
    assert isinstance(found, Refusal)
    assert why in found.message


@pytest.mark.parametrize("plant", ["symlink", "hardlink", "fifo", "directory"])
def test_planted_things_are_refusals_and_never_hang(run: Run, tmp_path: Path, plant: str) -> None:
    (tmp_path / "elsewhere").write_bytes(STOP)
    path = run.control / "a.json"
    match plant:
        case "symlink":
            path.symlink_to(tmp_path / "elsewhere")
        case "hardlink":
            path.hardlink_to(tmp_path / "elsewhere")
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    assert [type(found) for found in intake.pending(run)] == [Refusal]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_a_file_of_another_user_is_a_refusal(run: Run) -> None:
    os.chown(drop(run, "a.json", STOP), 12345, -1)
    (found,) = intake.pending(run)
    assert found == Refusal("a", "not a request: it belongs to user 12345")


def test_drafts_and_other_files_are_left_alone(run: Run) -> None:
    drop(run, ".a.json.12", STOP)
    drop(run, "README", b"hello")
    assert intake.pending(run) == []


def test_how_old_a_request_says_it_is_does_not_matter(run: Run) -> None:
    """A clock that jumped, or a file system whose clock is another: only the order follows it."""
    for name, moment in (("past", 0), ("future", 2**33), ("now", time.time())):
        os.utime(drop(run, f"{name}.json", STOP), (moment, moment))
    assert [found.nonce for found in intake.pending(run)] == ["past", "now", "future"]
    assert all(isinstance(found, Request) for found in intake.pending(run))


def test_what_cannot_be_removed_does_not_block_the_door(run: Run) -> None:
    for number in range(100):
        (run.control / f"n{number}.json").mkdir()
        os.utime(run.control / f"n{number}.json", (0, 0))
    drop(run, "mine.json", STOP)
    first = {found.nonce for found in intake.pending(run)}
    assert "mine" in {found.nonce for found in intake.pending(run, answered=first)}


def live(run: Run, *names: str, **fields: object) -> None:
    """Makes this process the run's supervisor, which has written these events."""
    run.owner_file.write_text(json.dumps(identity.current().as_record()))
    with JournalWriter(run.events_file) as events:
        for name in names:
            events.append(event=name, **fields)


def test_each_verb_fits_some_states(run: Run) -> None:
    arguments = {"tune": {"changes": {"training.learning_rate": 1e-4}}, "edit": {"changes": {"run.notes": "x"}}}

    def possible() -> set[str]:
        allowed = set()
        for verb in spool.VERBS:
            with suppress(TuituneError):
                spool.request(run, verb, arguments.get(verb))
                allowed.add(verb)
        return allowed

    live(run, "supervisor")
    assert possible() == {"stop", "pause", "kill", "edit"}
    live(run, "slot", "engine")
    assert possible() == {"stop", "pause", "kill", *spool.ENGINE_VERBS}
    live(run, "stop-requested")
    assert possible() == {"stop", "kill"}
    with pytest.raises(TuituneError, match="it is stopping; this works only while it is starting or training"):
        spool.request(run, "sample")
    live(run, "ended", state="paused")
    assert possible() == set()


def test_changes_are_checked_before_they_are_asked_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for changes in ({"training.learning_rate": 7}, {"run.name": "other"}, {"no.such": 1}):
        with pytest.raises(TuituneError):
            spool.request(run, "edit", {"changes": changes})
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}')
    monkeypatch.chdir(tmp_path)
    spool.request(run, "edit", {"changes": {"data.train": "rows.jsonl", "data.eval": None}})
    (found,) = intake.pending(run)
    assert found.arguments == {"changes": {"data.train": str(tmp_path / "rows.jsonl"), "data.eval": None}}
    live(run, "supervisor", "slot", "engine")
    for changes in ({"training.learning_rate": -1}, {"model.id": "bundled:other"}, {"training.epochs": 9.0}):
        with pytest.raises(TuituneError):
            spool.request(run, "tune", {"changes": changes})


def test_a_run_of_another_machine_is_only_looked_at(run: Run) -> None:
    elsewhere = {**identity.current().as_record(), "host": "elsewhere", "boot_id": "another"}
    live(run, "supervisor", "slot", "engine")
    run.owner_file.write_text(json.dumps(elsewhere))
    with lease.hold(run) as mine, pytest.raises(TuituneError, match="it runs on elsewhere: do it there"):
        assert mine
        spool.request(run, "stop")
    assert "elsewhere" in foreign(run)
    live(run, "ended", state="finished")
    run.owner_file.write_text(json.dumps(elsewhere))
    assert foreign(run) == "", "it has ended there, so nobody is at work on it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory of another user")
def test_a_run_of_another_user_is_only_looked_at(run: Run) -> None:
    os.chown(run.path, 12345, -1)
    with pytest.raises(TuituneError, match="it belongs to user 12345"):
        spool.request(run, "stop")
    assert foreign(run)


def test_the_outcome_is_the_answer_of_whoever_carries_it_out(run: Run) -> None:
    live(run, "supervisor", "slot", "engine")
    stop, refused, tune = "stop-nonce", "refused-nonce", "tune-nonce"
    assert spool.outcome(run, stop) is None
    for nonce, verb, ok in ((stop, "stop", True), (refused, "sample", False), (tune, "tune", True)):
        live(run, "acknowledged", nonce=nonce, verb=verb, ok=ok, message="m")
    answers = [spool.outcome(run, nonce) for nonce in (stop, refused, tune)]
    assert [answer and answer.ok for answer in answers] == [True, False, None]
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="tuned", nonce=tune, step=3)
        metrics.append(kind="done", nonce=tune, verb="tune", ok=True, message="the learning rate is 1e-4", step=3)
    done = spool.outcome(run, tune)
    assert isinstance(done, Done) and done.message == "the learning rate is 1e-4"


def test_a_flood_is_taken_in_turns(run: Run) -> None:
    for number in range(200):
        drop(run, f"n{number}.json", STOP)
    assert len(intake.pending(run)) == 64
