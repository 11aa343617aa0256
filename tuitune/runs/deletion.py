"""Deleting a run that is at rest."""

from __future__ import annotations

import shutil
import stat
from contextlib import nullcontext

from tuitune.problem import TuituneError
from tuitune.runs.queue import waiting_list
from tuitune.runs.read.ownership import foreign
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store import files, lease
from tuitune.runs.store.directory import Run

_TRASH = ".trash-"


def delete(run: Run) -> None:
    """Remove a run and everything in its directory for good. Links in it are removed, what they point to is not.

    TuituneError where the run is at work, belongs elsewhere or cannot be removed. It leaves the list of runs first and
    at once; what an interrupted deletion left over goes with the next.
    """
    called = f"run {run.name} ({run.id})"
    state, _ = derive(run)
    if state not in AT_REST:
        raise TuituneError(f"{called} cannot be deleted: it is {state}; stop it first")
    if theirs := foreign(run):
        raise TuituneError(f"{called} cannot be deleted: {theirs}")
    try:
        if not stat.S_ISDIR(run.path.lstat().st_mode):
            raise TuituneError(f"{called} cannot be deleted: it is not a directory")
        with lease.hold(run) if files.is_regular(run.lease_file) else nullcontext(True) as mine:
            if not mine:
                raise TuituneError(f"{called} cannot be deleted: its supervisor is still running")
            run.path.rename(run.path.with_name(_TRASH + run.path.name))
        waiting_list.leave(run)
        for trash in run.path.parent.glob(f"{_TRASH}*"):
            shutil.rmtree(trash)
    except OSError as error:
        raise TuituneError(f"{called} cannot be deleted: {error}") from error
