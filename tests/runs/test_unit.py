"""The supervisor as a unit of the user's manager, with a program in the place of systemd-run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, engine, events, supervise_command, wait_for
from tuitune.runs import launcher
from tuitune.runs.launcher import unit_command
from tuitune.runs.read.state import derive
from tuitune.runs.store.directory import Run

SYSTEMD_RUN = """#!{python}
import json, os, sys
from pathlib import Path
called = {{"argv": sys.argv, "pid": os.getpid(), "runtime": os.environ.get("XDG_RUNTIME_DIR")}}
Path({record!r}).write_text(json.dumps(called))
if {refuses}:
    sys.exit("Failed to connect to bus: No medium found")
os.environ["XDG_RUNTIME_DIR"] = {runtime!r}
command = sys.argv[sys.argv.index("--") + 1:]
os.execvp(command[0], command)
"""


def systemd_run(folder: Path, monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> Path:
    """Put a systemd-run on the PATH that records how it was called; where it recorded that."""
    record = folder / "record.json"
    program = folder / "bin" / "systemd-run"
    program.parent.mkdir()
    runtime = os.environ["XDG_RUNTIME_DIR"]
    program.write_text(SYSTEMD_RUN.format(python=sys.executable, record=str(record), refuses=refuses, runtime=runtime))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return record


def test_the_command_is_a_scope_of_its_own(run: Run) -> None:
    one, two = (unit_command(run, ["python", "-m", "x y"]) for _ in range(2))
    assert one[:5] == ["systemd-run", "--user", "--scope", "--collect", "--quiet"]
    assert one[6:] == ["--", "python", "-m", "x y"]
    assert one[5].startswith(f"--unit=tuitune-{run.id}-")
    assert one[5] != two[5]


def test_systemd_takes_the_command_as_it_is_meant(run: Run) -> None:
    """The real systemd-run reads its arguments before it looks for a manager, of which there may be none here."""
    try:
        done = subprocess.run(unit_command(run, ["true"]), capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("systemd-run is not installed")
    assert done.returncode == 0 or "bus" in done.stderr, done.stderr
    assert "invalid option" not in done.stderr
    assert "unrecognized" not in done.stderr


def test_pid_environment_and_files_stay_as_they_are(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = systemd_run(tmp_path, monkeypatch)
    monkeypatch.setenv("HF_TOKEN", "hf_asecretofmine")
    code = "import os; print(os.getpid(), os.environ['HF_TOKEN'], os.getcwd())"
    started = subprocess.Popen(
        unit_command(run, [sys.executable, "-c", code]), stdout=subprocess.PIPE, text=True, cwd=run.path
    )
    said, _ = started.communicate(timeout=20)
    assert said == f"{started.pid} hf_asecretofmine {run.path}\n"
    assert json.loads(record.read_text())["pid"] == started.pid
    assert "hf_asecretofmine" not in record.read_text()


@pytest.mark.parametrize("refuses", [False, True])
def test_a_run_is_started_as_a_unit_where_that_helps_and_plainly_where_it_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: bool
) -> None:
    from tuitune.hardware.session import Session

    record = systemd_run(tmp_path, monkeypatch, refuses=refuses)
    lasting = Session(login="session", kills=True, lingers=True, manager=True)
    monkeypatch.setattr(launcher, "session", lambda: lasting)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    launcher.start_supervisor(run, command=supervise_command(run, engine(run, "finish")))
    wait_for(lambda: events(run, "ended"))
    assert derive(run) == ("finished", "")
    called = json.loads(record.read_text())
    assert called["argv"][1:5] == ["--user", "--scope", "--collect", "--quiet"]
    assert called["runtime"] == f"/run/user/{os.geteuid()}"
    assert (events(run, "supervisor")[0]["identity"]["pid"] == called["pid"]) is not refuses
