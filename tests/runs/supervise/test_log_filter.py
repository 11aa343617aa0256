"""Secrets do not get into a run's log, whoever prints them, however they are split; and nothing else is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import tracemalloc
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.harness import events, last_event, supervise_command, wait_for
from tuitune.log_filter import LogFilter
from tuitune.runs.read.log import LINE_LIMIT, log_lines
from tuitune.runs.read.state import last_words
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run
from tuitune.runs.store.identity import Identity
from tuitune.runs.supervise.supervisor import supervise
from tuitune.text import redact, redactor

TOKEN = "hf_" + "Ab1Cd2Ef3G" * 3
VALUE = "pass/word+of mine&more"
LINES = [
    f"ValueError: {TOKEN} is no model",
    f"GET https://hub.example/api?token={quote(VALUE, safe='')}&x=1",
    f"https://user:{VALUE}@hub.example",
    f"{{'password': {VALUE!r}}}",
    "Authorization: Bearer abcdefgh.ijkl",
    "WANDB_API_KEY=" + "0123456789abcdef" * 2 + "01234567",
    "aws_secret_access_key = " + "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00",
    "ASIAIOSFODNN7EXAMPLE",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "10%\r20%\r30%",
    "",
    "-----BEGIN RSA PRIVATE KEY-----",
    "wJalrXUtnFEMI/K7MDENG",
    "-----END RSA PRIVATE KEY-----",
    "a last line",
]
TOLD = "\n".join(LINES)
PARTS = [TOKEN, VALUE, quote(VALUE, safe=""), "abcdefgh.ijkl", "wJalrXUtnFEMI", "FODNN7EXAMPLE", "WANDB_API_KEY=0"]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PASSWORD", VALUE)


def test_known_values_and_patterns_are_blanked_and_commits_are_not() -> None:
    shown = redact(TOLD)
    assert [part for part in PARTS if part in shown] == []
    assert "commit 0123456789abcdef0123456789abcdef01234567" in shown and "a last line" in shown


@given(st.lists(st.integers(0, len(TOLD.encode())), max_size=8), st.booleans())
def test_a_secret_that_comes_in_parts_is_blanked_all_the_same(cuts: list[int], pausing: bool) -> None:
    os.environ["HUB_PASSWORD"] = VALUE
    lines, content, written = LogFilter(redactor()), TOLD.encode(), b""
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(content)], strict=True):
        written += lines.take(content[start:stop])
        if pausing and TOKEN.encode() not in content[:stop][-40:]:
            written += lines.pause()
    written += lines.rest()
    assert TOKEN.encode() not in written
    if not pausing:
        assert written.decode() == redact(TOLD)


def test_a_line_without_an_end_takes_bounded_memory_and_hides_what_is_at_its_seams() -> None:
    lines, written, most = LogFilter(redactor()), b"", 0
    for _ in range(16):
        written += lines.take((f"{TOKEN} " + "x" * 1000 + " ").encode() * 60)
        most = max(most, len(lines._held))
    written += lines.rest()
    assert TOKEN.encode() not in written and most < 1 << 19
    assert written.count(b"x" * 1000) == 960


def test_what_is_no_text_passes_through() -> None:
    lines = LogFilter(redactor())
    assert lines.take(b"\xff\xfe\x00 \x1b[31mred\n") + lines.rest() == b"\xff\xfe\x00 \x1b[31mred\n"


def test_the_last_words_of_an_engine_that_is_killed_are_in_the_log(run: Run) -> None:
    script = f"printf 'model {TOKEN[:12]}'; printf '{TOKEN[12:]} is gone'; kill -9 $$"
    supervise(run, ["/bin/sh", "-c", script])
    assert run.log_file.read_text().endswith("model ••• is gone")
    assert last_words(run) == "model ••• is gone"
    assert TOKEN not in run.events_file.read_text()


def test_an_engine_can_print_after_its_supervisor_was_killed(run: Run, tmp_path: Path) -> None:
    """The kernel asks it to end then; while it saves, its words go through the filter and into the log still."""
    script = (
        f"trap 'for n in 1 2 3; do echo saving {TOKEN} $n; done; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    )
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(supervise_command(run, ["/bin/sh", "-c", script]), stdout=said, stderr=said)
    wait_for(lambda: "ready" in run.log_file.read_text())
    engine = Identity.from_record(events(run, "engine")[-1]["identity"])
    assert engine is not None
    process.kill()
    process.wait()
    wait_for(lambda: not identity.alive(engine))
    wait_for(lambda: "saving ••• 3" in run.log_file.read_text())


def test_a_filter_that_is_killed_is_replaced(run: Run, tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = f"echo ready; while [ ! -e {done} ]; do sleep 0.05; done; echo after {TOKEN}"
    constants = {"watch.TICK_SECONDS": 0.05}
    with (tmp_path / "said").open("wb") as said:
        command = supervise_command(run, ["/bin/sh", "-c", script], constants=constants, after=last_event(run))
        process = subprocess.Popen(command, stdout=said, stderr=said)
    wait_for(lambda: "ready" in run.log_file.read_text())
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    first = next(pid for pid in children.read_text().split() if _filters(int(pid)))
    os.kill(int(first), signal.SIGKILL)
    wait_for(lambda: any(_filters(int(pid)) for pid in children.read_text().split() if pid != first))
    done.touch()
    process.wait(20)
    assert "after •••" in run.log_file.read_text()


def _filters(pid: int) -> bool:
    try:
        return b"log_filter" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


# The log as it is read


def test_the_newest_lines_of_a_log_as_a_terminal_would_have_left_them(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"one\n10%\r20%\r\n\x1b[31mthree\x1b[0m\nhf_abcdefghijklmnopabcdefghijklmnop\nunfinished")
    assert list(log_lines(log)) == ["one", "20%", "three", "•••", "unfinished"]
    assert list(log_lines(log, 2)) == ["•••", "unfinished"]
    assert list(log_lines(log, 100)) == list(log_lines(log))
    log.write_bytes(b"")
    assert list(log_lines(log, 3)) == []


def test_a_line_of_any_length_is_read_in_little_memory(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("wb") as file:
        file.write(b"first\n")
        file.seek(64 << 20)
        file.write(b"\nlast\n")
    tracemalloc.start()
    found = list(log_lines(log, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(line) for line in found] == [LINE_LIMIT, 4] and found[0].endswith("…")
    assert peak < 20 << 20


@pytest.mark.parametrize("plant", ["link", "pipe", "folder"])
def test_what_is_no_log_is_not_read(tmp_path: Path, plant: str) -> None:
    log, other = tmp_path / "log.txt", tmp_path / "other"
    other.write_text("precious")
    {"link": lambda: log.symlink_to(other), "pipe": lambda: os.mkfifo(log), "folder": log.mkdir}[plant]()
    with pytest.raises(OSError, match=r"link|plain file|folder"):
        list(log_lines(log))
