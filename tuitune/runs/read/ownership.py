"""Whose a run is: one that another machine works on, or that belongs to another user, can be looked at and no more."""

from __future__ import annotations

import os
import pwd

from tuitune.runs.read.state import read_life
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, read_record
from tuitune.runs.store.records import newest
from tuitune.runs.store.records.lifecycle import Ended


def foreign(run: Run) -> str:
    """Why this process may not act on the run, as a sentence with what to do instead; "" where it may."""
    try:
        owner = run.path.stat().st_uid
    except OSError:
        return ""
    if owner != os.geteuid():
        return f"it belongs to {_user(owner)}; only that user can do that"
    record = read_record(run.owner_file)
    host, boot = record.get("host"), record.get("boot_id")
    elsewhere = host is not None and host != identity.host() and boot != identity.boot_id()
    if not elsewhere or newest(read_life(run), Ended):
        return ""
    return f"it runs on {host}: do it there (if that machine is gone for good, remove {run.owner_file})"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
