from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.runs.harness import engine
from tuitune.problem import TuituneError
from tuitune.runs import control
from tuitune.runs.control import Refusal, Request
from tuitune.runs.directory import Run
from tuitune.runs.supervisor import supervise


def drop(run: Run, name: str, content: bytes) -> Path:
    path = run.control / name
    path.write_bytes(content)
    return path


STOP = json.dumps({"v": 1, "verb": "stop", "arguments": {}}).encode()


def test_a_request_lies_in_the_spool_until_it_is_discarded(run: Run) -> None:
    nonces = [control.request(run, "stop"), control.request(run, "stop", {"why": "enough"})]
    assert control.pending(run) == [Request(nonces[0], "stop"), Request(nonces[1], "stop", {"why": "enough"})]
    (spooled, _) = run.control.iterdir()
    assert stat.S_IMODE(spooled.stat().st_mode) == 0o600
    assert [control.discard(run, nonce) for nonce in nonces] == [True, True]
    assert control.pending(run) == []
    assert not control.discard(run, nonces[0])


def test_requests_that_make_no_sense_are_refused_at_once(run: Run) -> None:
    with pytest.raises(TuituneError, match="known: stop"):
        control.request(run, "rm -rf")
    with pytest.raises(TuituneError, match="limit"):
        control.request(run, "stop", {"why": "x" * 5000})
    assert list(run.control.iterdir()) == []


def test_an_ended_run_cannot_be_asked_for_anything(run: Run) -> None:
    supervise(run, engine(run, "finish"))
    with pytest.raises(TuituneError, match="it is finished"):
        control.request(run, "stop")


def test_a_spool_that_cannot_be_written_is_said(run: Run, tmp_path: Path) -> None:
    run.control.rmdir()
    with pytest.raises(TuituneError, match="cannot be asked to stop"):
        control.request(run, "stop")
    assert control.pending(run) == []


def test_a_spool_behind_a_link_is_not_looked_into(run: Run, tmp_path: Path) -> None:
    drop(run, "a.json", STOP)
    run.control.rename(tmp_path / "elsewhere")
    run.control.symlink_to(tmp_path / "elsewhere")
    assert control.pending(run) == []


FOREIGN = {
    "too big": ("a.json", STOP + b" " * 5000, "longer"),
    "not JSON": ("a.json", b"stop", "not JSON"),
    "deep": ("a.json", b"[" * 4000, "not JSON"),
    "no object": ("a.json", b"[]", "not an object"),
    "odd arguments": ("a.json", b'{"verb": "stop", "arguments": 7}', "not an object"),
    "unknown verb": ("a.json", b'{"verb": "exec"}', "unknown request 'exec'"),
    "odd verb": ("a.json", b'{"verb": ["stop"]}', "unknown request"),
    "no verb": ("a.json", b"{}", "unknown request None"),
    "odd name": ("a b;.json", STOP, "not a nonce"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_files_that_are_no_requests_are_refusals(run: Run, kind: str) -> None:
    name, content, why = FOREIGN[kind]
    drop(run, name, content)
    (found,) = control.pending(run)
    assert isinstance(found, Refusal)
    assert why in found.message


@pytest.mark.parametrize("plant", ["symlink", "fifo", "directory"])
def test_planted_things_are_refusals_and_never_hang(run: Run, tmp_path: Path, plant: str) -> None:
    (tmp_path / "elsewhere").write_bytes(STOP)
    path = run.control / "a.json"
    match plant:
        case "symlink":
            path.symlink_to(tmp_path / "elsewhere")
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    assert [type(found) for found in control.pending(run)] == [Refusal]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_a_file_of_another_user_is_a_refusal(run: Run) -> None:
    os.chown(drop(run, "a.json", STOP), 12345, -1)
    (found,) = control.pending(run)
    assert found == Refusal("a", "not a request: it belongs to user 12345")


def test_drafts_and_other_files_are_left_alone(run: Run) -> None:
    drop(run, ".a.json.12", STOP)
    drop(run, "README", b"hello")
    assert control.pending(run) == []


def test_a_flood_is_taken_in_turns(run: Run) -> None:
    for number in range(200):
        drop(run, f"n{number}.json", STOP)
    assert len(control.pending(run)) == 64
