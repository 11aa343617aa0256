"""Asking before something is lost: the run's name is typed on a terminal, `--yes` says it elsewhere."""

from __future__ import annotations

import sys

from tuitune.cli.output import note
from tuitune.problem import TuituneError
from tuitune.runs.store.directory import Run


def confirm(run: Run, verb: str, consequence: str, *, yes: bool) -> None:
    """Return where `yes` was given or the run's name was typed; TuituneError, and nothing is done, otherwise."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise TuituneError(f"no terminal to confirm on; `tuitune {verb} {run.id} --yes` does not ask")
    note(consequence)
    sys.stderr.write(f"Type the run's name, {run.name}, to {verb} it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != run.name:
        raise TuituneError(f"the name does not match; {run.name} is unchanged")
