"""The real program in a pseudo-terminal: first paint, leaving in good order, terminals that cannot carry a screen."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.tui.conftest import MakeRun
from tests.tui.pty_session import SCREEN, Session, start

PAINTED = b"No runs yet"
HEAVY = ("torch", "transformers", "datasets", "peft", "trl", "numpy", "pandas", "pyarrow", "bitsandbytes", "accelerate")


def settings_of(session: Session) -> list[object]:
    return termios.tcgetattr(session.master)[:4]


def assert_restored(session: Session, before: list[object]) -> None:
    """The normal screen, the cursor, mouse, paste and focus reports off, and line discipline as it was."""
    for on, off in (
        ("?1049h", "?1049l"),
        ("?25l", "?25h"),
        ("?1004h", "?1004l"),
        ("?2004h", "?2004l"),
        ("?1000h", "?1000l"),
    ):
        assert session.text.rfind(f"\x1b[{off}") > session.text.rfind(f"\x1b[{on}"), f"{on} was left on"
    assert settings_of(session) == before


def test_the_screen_appears_and_q_leads_back_to_the_shell() -> None:
    with start() as session:
        before = settings_of(session)
        session.wait_for(PAINTED)
        assert settings_of(session) != before
        asked = time.monotonic()
        session.send(b"q")
        assert session.wait(5) == 0
        assert time.monotonic() - asked < 1
        assert_restored(session, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    with start() as session:
        before = settings_of(session)
        session.wait_for(PAINTED)
        asked = time.monotonic()
        session.signal(number)
        assert session.wait(5) == 128 + number
        assert time.monotonic() - asked < 2
        assert_restored(session, before)


def test_a_terminal_that_stops_reading_does_not_keep_it_from_leaving() -> None:
    """The event loop is stuck in a write: nothing is read while the screen is redrawn again and again."""
    with start(size=(200, 60)) as session:
        session.wait_for(PAINTED)
        session.send(b"?\x1b[B" * 400 + b"?")
        time.sleep(0.5)
        asked = time.monotonic()
        session.signal(signal.SIGTERM)
        while not session.ended() and time.monotonic() - asked < 5:
            time.sleep(0.02)
        assert session.ended(), "it waits for a terminal that does not read"
        assert time.monotonic() - asked < 2.5


def test_a_terminal_that_vanishes_without_a_signal_ends_it() -> None:
    """No controlling terminal, so no SIGHUP: Textual would go on reading from nothing at full speed. And no size."""
    master, slave = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {**known, "TERM": "xterm-256color"}
    process = subprocess.Popen(SCREEN, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
    os.close(slave)
    try:
        output = b""
        while PAINTED not in output:
            output += os.read(master, 65_536)
        os.close(master)
        assert process.wait(timeout=9) == 128 + signal.SIGHUP
    finally:
        process.kill()
        process.wait()


def test_leaving_says_which_runs_go_on(make_run: MakeRun) -> None:
    make_run("first", state="training", steps=5, total=90)
    make_run("second", state="starting", steps=0)
    with start() as session:
        session.wait_for(b"second")
        session.send(b"q")
        assert session.wait(5) == 0
        assert session.text.rstrip().endswith("2 runs keep running; `tuitune` shows them again")
        assert session.text.rfind("\x1b[?1049l") < session.text.rfind("2 runs keep running")


def test_control_c_leaves_when_pressed_twice() -> None:
    with start() as session:
        session.wait_for(PAINTED)
        session.send(b"\x03")
        session.wait_for(b"again quits tuitune")
        assert not session.ended()
        session.send(b"\x03")
        assert session.wait(5) == 0


@pytest.mark.parametrize("kind", ["dumb", "", None])
def test_a_terminal_without_a_cursor_is_told_what_works(kind: str | None) -> None:
    with start(TERM=kind) as session:
        assert session.wait(10) == 2
        assert "tuitune train RECIPE" in session.text
        assert "\x1b" not in session.text


def test_without_a_terminal_the_commands_are_named() -> None:
    result = subprocess.run(SCREEN, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert result.returncode == 2
    assert "tuitune train RECIPE" in result.stderr
    assert result.stdout == ""


def test_no_colour_is_sent_where_none_is_wanted() -> None:
    with start(NO_COLOR="1") as session:
        session.wait_for(PAINTED)
        assert "\x1b[38;2" not in session.text
        assert "\x1b[48;2" not in session.text
        assert "\x1b[38;5" not in session.text


def test_a_terminal_that_is_not_utf8_gets_ascii(make_run: MakeRun) -> None:
    make_run("plain", state="finished")
    with start(PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C", PYTHONCOERCECLOCALE="0") as session:
        session.wait_for(b"finished")
        session.send(b"?")
        session.wait_for(b"Compose a new run")
        assert session.output.isascii()
        assert b"\\u" not in session.output


def test_the_screen_process_loads_nothing_heavy(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("one", state="finished")
    report = tmp_path / "modules"
    code = (
        "import atexit, sys, pathlib\n"
        f"atexit.register(lambda: pathlib.Path({str(report)!r}).write_text(' '.join(sys.modules)))\n"
        "from tuitune.cli import main\nsys.exit(main([]))"
    )
    with start((sys.executable, "-P", "-c", code)) as session:
        session.wait_for(b"finished")
        session.send(b"?")
        session.wait_for(b"Compose a new run")
        session.send(b"\x03\x03")
        assert session.wait(5) == 0
    loaded = {name.partition(".")[0] for name in report.read_text().split()}
    assert not loaded & set(HEAVY)
