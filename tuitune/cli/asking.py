"""Asking a run for something and waiting for its answer, however long that takes, as long as the run is at work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.cli.output import note
from tuitune.problem import TuituneError
from tuitune.runs.control import spool
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records import Record, text
from tuitune.text import clean


def ask(run: Run, verb: str, arguments: Mapping[str, Any] | None = None) -> Record | None:
    """Ask, and return how the run answered: its acknowledgement or, where the engine acts, what came of it.

    None where the run came to rest before it answered. TuituneError where the request cannot be made or is refused.
    """
    nonce = spool.request(run, verb, arguments)
    try:
        answer = spool.await_outcome(run, nonce)
    except KeyboardInterrupt:
        note(f"\nno longer watching; the request to {verb} {run.name} still stands")
        raise
    if answer is not None and answer.get("event") == "acknowledged" and not answer.get("ok"):
        raise TuituneError(f"{run.name} refused to {verb}: {message_of(answer)}")
    return answer


def message_of(answer: Record) -> str:
    """What an answer says, safe to show; "" where it says nothing."""
    return clean(text(answer, "message"), newlines=True)
