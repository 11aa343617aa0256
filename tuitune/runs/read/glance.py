"""What lists show of a run, kept beside its journals, so that hundreds of long runs are listed in the time of a few.

The file `.glance.json` holds figures alone: the state of a run is derived each time. It says which journals it was made
from (inode, size, time of the last change), and where one of them is another by now, it is made anew from them. So it
can be removed at any time.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any

import orjson

from tuitune import __version__
from tuitune.runs.read.ownership import foreign
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.read.summary import RunView, Summary, adapter_of
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run

_LIMIT = 1 << 18
_WORTH_KEEPING = 1 << 13
"""Bytes of journals below which a run is read as fast as a file about it."""

_POINTS = 16


@dataclass(frozen=True)
class Glance:
    """A run's figures, and what lists show beside them: the phase it is in, the training loss so far averaged into at
    most sixteen points (none where it says nothing), the time spent in words, how many errors it has raised, and the
    message of the last.
    """

    summary: Summary
    phase: str
    losses: tuple[float, ...]
    spent: str
    alerts: int
    alert: str

    @classmethod
    def of(cls, view: RunView) -> Glance:
        errors = [alert for alert in view.alerts if alert.level == "error"]
        return cls(
            summary=view.summary,
            phase=view.phase.text if view.phase else "",
            losses=_curve(view.steps["loss"] if view.leading[0].key == "loss" else ()),
            spent=view.time_spent(None if view.summary.state in AT_REST else time.time()),
            alerts=len(errors),
            alert=errors[-1].message if errors else "",
        )


def look(run: Run) -> Glance:
    """A run at a glance, as it is now; its journals are read only where no kept one fits them."""
    if (kept := kept_of(run)) is not None:
        return kept
    made_of, view = stamps(run), RunView(run)
    view.refresh()
    return keep(run, view, made_of)


def kept_of(run: Run) -> Glance | None:
    """What was kept of a run at rest, with its state of now; None where nothing is, or its files have changed since."""
    try:
        record = orjson.loads(files.read_bytes(run.glance_file, _LIMIT))
        body = record["glance"]
        if record["made_of"] != stamps(run) or record["digest"] != _digest(record["made_of"], body):
            return None
        summary = Summary(**body.pop("summary"))
        glance = Glance(**{**body, "summary": summary, "losses": tuple(body["losses"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    state, reason = derive(run)
    if state != summary.state or state not in AT_REST:
        return None
    now = replace(summary, directory=str(run.path), reason=reason, adapter=adapter_of(run))
    return replace(glance, summary=now)


def keep(run: Run, view: RunView, made_of: Sequence[Sequence[int]]) -> Glance:
    """What `view` has read of a run, kept for later where it is at rest and ours; `made_of`: `stamps` before that."""
    glance = Glance.of(view)
    large = sum(size for _, size, _ in made_of) >= _WORTH_KEEPING
    if large and view.complete and glance.summary.state in AT_REST and not foreign(run):
        body = asdict(glance)
        record = {"made_of": made_of, "glance": body, "digest": _digest(made_of, body)}
        with suppress(OSError, ValueError):
            files.write_whole(run.glance_file, json.dumps(record, allow_nan=False).encode())
    return glance


def stamps(run: Run) -> list[list[int]]:
    """Of each file that a glance is made of, what changes whenever it does."""
    made_of = (run.events_file, run.metrics_file, run.samples_file, run.recipe_file, run.run_file)
    return list(map(files.stamp, made_of))


def _digest(made_of: Any, body: Any) -> str:
    """Of the content and of the version that wrote it, which alone knows what its fields mean."""
    names = [field.name for field in (*fields(Summary), *fields(Glance))]
    content = json.dumps([__version__, names, made_of, body], sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def _curve(values: Sequence[float]) -> tuple[float, ...]:
    finite = [value for value in values if math.isfinite(value)]
    count = min(_POINTS, len(finite))
    edges = [index * len(finite) // count for index in range(count + 1)] if count else []
    return tuple(sum(finite[start:end]) / (end - start) for start, end in pairwise(edges))
