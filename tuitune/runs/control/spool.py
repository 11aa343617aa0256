"""The control spool: the one door through which a running run is told something.

A request is a small JSON file, `control/<nonce>.json`, renamed into place: `{"v": 1, "verb": "stop", "arguments": {}}`.
The supervisor takes it up within half a second and answers with an `acknowledged` event that bears the nonce. What the
engine has to do itself (checkpoint, evaluate, sample, tune) is passed on to it, which writes a `done` record with the
nonce once it has done it, or could not.
"""

from __future__ import annotations

import errno
import json
import math
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuitune.problem import TuituneError
from tuitune.runs.control.intake import SIZE_LIMIT, VERBS, misshapen
from tuitune.runs.read.ownership import foreign
from tuitune.runs.read.state import AT_REST, STATES, State, derive
from tuitune.runs.store import files, journal
from tuitune.runs.store.directory import Run, read_recipe
from tuitune.runs.store.records import L
from tuitune.runs.store.records.lifecycle import Acknowledged
from tuitune.runs.store.records.training import Done

ENGINE_VERBS = frozenset({"checkpoint", "evaluate", "sample", "tune"})
"""What the engine does itself, between two steps."""

_LIVE = frozenset(STATES) - AT_REST
FITS: Mapping[str, frozenset[State]] = {
    "stop": _LIVE,
    "pause": _LIVE - {"stopping"},
    "kill": _LIVE,
    "edit": frozenset({"queued"}),
    **dict.fromkeys(ENGINE_VERBS, frozenset({"starting", "training"})),
}
"""The states in which a run can be asked for something, by verb."""

_NEWEST = 16 << 20
_LOOK_SECONDS = 0.1


def request(run: Run, verb: str, arguments: Mapping[str, Any] | None = None) -> str:
    """Ask the run's supervisor for something; the nonce by which `outcome` finds the answer.

    Arguments: kill {"now": bool}, sample {"prompt": str}, tune and edit {"changes": {key: value}}. TuituneError where
    the verb is unknown or does not fit the state, the arguments or changes are wrong, the run is not ours to act on,
    or its directory cannot be written.
    """
    arguments = dict(arguments or {})
    if verb not in VERBS:
        raise TuituneError(f"unknown request {verb!r}; known: {', '.join(sorted(VERBS))}")
    if wrong := misshapen(verb, arguments) or _unfit(run, verb):
        raise TuituneError(f"run {run.name} ({run.id}) cannot be asked to {verb}: {wrong}")
    if verb == "edit":
        from tuitune.runs.control.amendment import prepared

        arguments["changes"] = prepared(run, arguments["changes"])
    elif verb == "tune":
        from tuitune.recipe.tunable import tune

        tune(read_recipe(run), arguments["changes"])
    nonce = secrets.token_hex(16)
    content = json.dumps({"v": 1, "verb": verb, "arguments": arguments}).encode()
    if len(content) > SIZE_LIMIT:
        raise TuituneError(f"a request of {len(content)} bytes; the limit is {SIZE_LIMIT}")
    try:
        if run.control.is_symlink():
            raise OSError(errno.ELOOP, "its control folder is a link")
        files.write_whole(run.control / f"{nonce}.json", content)
    except OSError as error:
        raise TuituneError(f"run {run.name} ({run.id}) cannot be asked to {verb}: {error.strerror}") from error
    return nonce


def outcome(run: Run, nonce: str) -> Acknowledged | Done | None:
    """What became of a request; None while nothing is known of it.

    The `acknowledged` event where it was refused, or where it is the supervisor that carries it out (stop, pause, kill,
    edit); else the engine's `done` record. A run that comes to rest first never answers.
    """
    answer = _bearing(run.events_file, nonce, Acknowledged)
    if answer is None or answer.ok is not True or answer.verb not in ENGINE_VERBS:
        return answer
    return _bearing(run.metrics_file, nonce, Done)


def await_outcome(
    run: Run, nonce: str, *, seconds: float = math.inf, given_up: Callable[[], bool] = lambda: False
) -> Acknowledged | Done | None:
    """The same, waited for; None where the run came to rest, `seconds` have passed, or the caller has `given_up`."""
    deadline = time.monotonic() + seconds
    while (answer := outcome(run, nonce)) is None:
        if derive(run)[0] in AT_REST:
            return outcome(run, nonce)
        if given_up() or time.monotonic() >= deadline:
            return None
        time.sleep(_LOOK_SECONDS)
    return answer


def _unfit(run: Run, verb: str) -> str:
    """Why the run cannot be asked this now; "" where it can."""
    state, reason = derive(run)
    if state in AT_REST:
        return f"it is {state}"
    if theirs := foreign(run):
        return theirs
    if state in FITS[verb]:
        return ""
    fitting = " or ".join(state for state in STATES if state in FITS[verb])
    return f"it is {state}{f' ({reason})' if reason else ''}; this works only while it is {fitting}"


def _bearing(path: Path, nonce: str, kind: type[L]) -> L | None:
    """The newest record of a kind that bears the nonce, among the newest 16 MiB of a journal."""
    found = journal.backwards(path, kind.kind, reach=_NEWEST)
    return next((kind.read(record) for record in found if record.get("nonce") == nonce), None)
