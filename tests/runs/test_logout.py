"""A real logout on a real systemd: what happens to a run is what was said before it started, in all four cases.

It changes logind's configuration and a user's lingering, so it runs only where that is wanted: as root, in a virtual
machine with systemd, with TUITUNE_LOGOUT_USER naming a user whom root may become over SSH without a password.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.harness import ROOT, wait_for
from tuitune.runs.store import identity
from tuitune.runs.store.identity import Identity

USER = os.environ.get("TUITUNE_LOGOUT_USER", "")
DROP_IN = Path("/etc/systemd/logind.conf.d/99-tuitune-test.conf")

LOGIN = """
import json, sys, time
from pathlib import Path
from tests.runs.harness import engine, engine_identity, supervise_command
from tuitune.hardware.session import session
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import create
from tuitune.runs.launcher import start_supervisor
run = create(Recipe())
start_supervisor(run, command=supervise_command(run, engine(run, "train")))
told = session()
record = {"engine": engine_identity(run).as_record(), "login": told.login, "survives": told.survives_logout}
print(json.dumps(record), flush=True)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/run/systemd/system").is_dir(), reason="systemd does not run this machine"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can configure logind"),
    pytest.mark.skipif(not USER, reason="TUITUNE_LOGOUT_USER names no user to log in as"),
]


@pytest.fixture
def logind() -> Iterator[None]:
    """Puts logind and the user's lingering back."""
    lingered = Path(f"/var/lib/systemd/linger/{USER}").exists()
    yield
    DROP_IN.unlink(missing_ok=True)
    subprocess.run(["systemctl", "restart", "systemd-logind"], check=True)
    linger(lingered)


def linger(wanted: bool) -> None:
    subprocess.run(["loginctl", "enable-linger" if wanted else "disable-linger", USER], check=True)


def configure(kills: bool) -> None:
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text(f"[Login]\nKillUserProcesses={'yes' if kills else 'no'}\nUserStopDelaySec=1\n")
    subprocess.run(["systemctl", "restart", "systemd-logind"], check=True)


def log_in_and_out() -> dict[str, object]:
    """Start a run in a login over SSH; what was told there, once the login has ended."""
    remote = f"cd {ROOT} && TUITUNE_HOME=$HOME/tuitune-test PYTHONPATH={ROOT} exec {sys.executable} -c '{LOGIN}'"
    command = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new", f"{USER}@localhost", remote]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    wait_for(lambda: not sessions_that_are_open(), seconds=60)
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def sessions_that_are_open() -> list[str]:
    """The user's login sessions that are not over; one whose processes were left alone stays as "closing"."""
    listed = subprocess.run(["loginctl", "list-sessions", "--no-legend"], capture_output=True, text=True, check=True)
    mine = [line.split()[0] for line in listed.stdout.splitlines() if line.split()[2] == USER]
    shown = [
        subprocess.run(["loginctl", "show-session", "-p", "State", one], capture_output=True, text=True) for one in mine
    ]
    return [one.stdout for one in shown if "State=active" in one.stdout or "State=online" in one.stdout]


@pytest.mark.parametrize("kills", [True, False])
@pytest.mark.parametrize("lingers", [True, False])
def test_a_logout_does_what_was_said(logind: None, kills: bool, lingers: bool) -> None:
    configure(kills)
    linger(lingers)
    told = log_in_and_out()
    assert told["login"] == "session"
    assert told["survives"] is (lingers or not kills)
    engine = Identity.from_record(told["engine"])
    assert engine is not None
    if told["survives"]:
        patience = time.monotonic() + 15
        wait_for(lambda: not identity.alive(engine) or time.monotonic() > patience, seconds=30)
        assert identity.alive(engine)
        subprocess.run(["kill", str(engine.pid)], check=True)
    wait_for(lambda: not identity.alive(engine), seconds=60)
