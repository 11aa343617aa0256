"""A run's supervisor as a unit of the user's systemd manager, which outlives the login session where it lingers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence

from tuitune.runs.store.directory import Run


def unit_command(run: Run, argv: Sequence[str]) -> list[str]:
    """`argv` in a scope of its own under the user's manager, as a command.

    A scope, not a service: systemd-run itself turns into `argv`, so that pid, environment, directory and open files
    stay as they are, and no secret of the environment is written to a unit or shows on a command line. Where the
    manager does not answer the command ends at once and `argv` is not started.
    """
    unit = f"--unit=tuitune-{run.id}-{secrets.token_hex(3)}"
    return ["systemd-run", "--user", "--scope", "--collect", "--quiet", unit, "--", *argv]


def unit_environment() -> dict[str, str]:
    """What that command needs, beside this process's environment, to find the user's manager."""
    return {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"}
