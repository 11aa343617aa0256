"""The user's own command for notifications: real commands, well-behaved and not."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.runs.harness import wait_for
from tuitune.runs.store.directory import Run
from tuitune.runs.supervise import notify as notify_module
from tuitune.runs.supervise.notify import Notification

FACTS = {"event": "ended", "state": "failed", "reason": "disk full", "step": 7, "loss": None}

Script = Callable[[str], Path]


def notify(run: Run, command: str, facts: dict[str, Any]) -> str:
    """Run the command for one event and wait for it; "" or what went wrong."""
    return Notification(run, command, facts).wait()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Makes a program of a few lines of shell."""

    def make(text: str) -> Path:
        path = tmp_path / "my notify.sh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        return path

    return make


def test_the_command_gets_the_facts_twice(run: Run, script: Script, tmp_path: Path) -> None:
    program = script('cat > "$1"; env | grep ^TUITUNE_ > "$2"; pwd >> "$2"')
    said, seen = tmp_path / "said", tmp_path / "seen"
    assert notify(run, f"'{program}' {said} '{seen}'", FACTS) == ""
    facts: dict[str, Any] = json.loads(said.read_text())
    assert facts == {"run": run.id, "name": "my-run", "directory": str(run.path), **FACTS}
    variables = dict(line.split("=", 1) for line in seen.read_text().splitlines()[:-1])
    assert variables == {
        "TUITUNE_EVENT": "ended",
        "TUITUNE_RUN": run.id,
        "TUITUNE_NAME": "my-run",
        "TUITUNE_STATE": "failed",
        "TUITUNE_REASON": "disk full",
        "TUITUNE_DIRECTORY": str(run.path),
        "TUITUNE_HOME": os.environ["TUITUNE_HOME"],
    }
    assert seen.read_text().splitlines()[-1] == str(run.path)


@pytest.mark.parametrize(
    "word", ["$(touch owned)", "`touch owned`", "; touch owned", "&& touch owned", "\n touch owned"]
)
def test_nothing_that_is_told_reaches_a_shell(run: Run, script: Script, word: str, tmp_path: Path) -> None:
    facts = {"event": word, "state": word, "reason": f"{word}\0\ud800 \x1b]0;x\x07"}
    assert notify(run, f"'{script('cat > /dev/null')}' '{word}'", facts) == ""
    assert notify(run, f"/bin/echo {word}", facts) == ""
    assert not list(tmp_path.rglob("owned"))


def test_what_cannot_be_started_is_said(run: Run, tmp_path: Path) -> None:
    assert "No such file or directory: 'no-such-program'" in notify(run, "no-such-program --now", FACTS)
    (tmp_path / "data").touch(mode=0o600)
    assert "Permission denied" in notify(run, str(tmp_path / "data"), FACTS)
    assert "No closing quotation" in notify(run, "echo 'unclosed", FACTS)
    assert "it is empty" in notify(run, "  ", FACTS)
    assert "null byte" in notify(run, "a\0b", FACTS)
    for message in (notify(run, "\x1b[2J", FACTS), notify(run, "x" * 5000, FACTS)):
        assert message.startswith("the notify command could not be started: ")
        assert "\x1b" not in message
        assert len(message) < 300


def test_a_command_that_fails_is_said_with_its_last_words(
    run: Run, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = script(
        "echo out; echo 'first' >&2; printf 'no \\033[31mroute hf_abcdefghijklmnopabcdefghijklmnop\\n\\n' >&2; exit 7"
    )
    assert notify(run, f"'{program}'", FACTS) == "the notify command failed with exit code 7: no ␛[31mroute •••"
    assert notify(run, f"'{script('kill -9 $$')}'", FACTS) == "the notify command was killed by signal 9"
    assert notify(run, "false", FACTS) == "the notify command failed with exit code 1"


def test_a_command_that_is_noisy_is_heard_out(run: Run) -> None:
    code = (
        "import sys; sys.stdout.write('o' * 3_000_000); sys.stderr.write('e' * 3_000_000 + '\\nthe end'); sys.exit(1)"
    )
    message = notify(run, f'{sys.executable} -c "{code}"', FACTS)
    assert message == "the notify command failed with exit code 1: the end"


def test_a_command_that_does_not_read_its_input_is_fine(run: Run) -> None:
    assert notify(run, "true", {"reason": "x" * 1_000_000}) == ""


def test_a_command_that_hangs_is_killed_with_its_children(
    run: Run, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_module, "LIMIT_SECONDS", 0.5)
    program = script("trap '' TERM; sleep 600 & echo $! > \"$1\"; wait")
    begun = time.monotonic()
    message = notify(run, f"'{program}' {tmp_path / 'child'}", FACTS)
    assert message == "the notify command was killed: it took longer than 0.5 s"
    assert time.monotonic() - begun < 5
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_looking_at_one_takes_no_time(run: Run, script: Script, tmp_path: Path) -> None:
    done = tmp_path / "done"
    program = script(f"while [ ! -e '{done}' ]; do echo waiting >&2; done")
    began = time.monotonic()
    notification = Notification(run, f"'{program}'", FACTS)
    for _ in range(20):
        assert notification.poll() is None
    assert time.monotonic() - began < 5
    done.touch()
    assert notification.wait() == ""
    assert notification.poll() == ""


def test_what_the_command_leaves_at_work_is_not_waited_for(run: Run, script: Script, tmp_path: Path) -> None:
    program = script('sleep 600 & echo $! > "$1"')
    assert notify(run, f"'{program}' {tmp_path / 'child'}", FACTS) == ""
    left = psutil.Process(int((tmp_path / "child").read_text()))
    assert left.is_running()
    left.kill()


def test_it_belongs_to_no_terminal_and_inherits_no_files(run: Run, script: Script, tmp_path: Path) -> None:
    secret = tmp_path / "private-file"
    with secret.open("w") as file:
        os.set_inheritable(file.fileno(), False)
        assert (
            notify(run, f"'{script('ls -l /proc/self/fd > $1; ps -o pid=,sid= $$ >> $1')}' {tmp_path / 'seen'}", FACTS)
            == ""
        )
    seen = (tmp_path / "seen").read_text()
    assert "private-file" not in seen
    pid, session = seen.splitlines()[-1].split()
    assert pid == session
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
