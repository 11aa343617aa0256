"""The run directory: where each file of a run lies, and making, listing and finding runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitune import paths
from tuitune.problem import TuituneError
from tuitune.runs.store import files, identity
from tuitune.runs.store.records.line import Check, is_duration, is_moment, is_text

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DIRECTORY = re.compile(rf"([0-9A-HJKMNP-TV-Z]{{26}})-({_NAME.pattern})")
_RECORD_LIMIT = 1 << 20
_CHECKS: dict[str, Check] = {
    "created_at": is_moment,
    "uptime": is_duration,
    **dict.fromkeys(("host", "boot_id", "directory", "device"), is_text),
}


class _Within:
    """The path of what is called `name` in a run's directory."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, run: Run, _: type[Run]) -> Path:
        return run.path / self._name


@dataclass(frozen=True)
class Run:
    """A run: a directory and the names of what lies in it. Knows nothing that is not in its path."""

    path: Path

    @property
    def id(self) -> str:
        """The ULID that the directory's name begins with; the whole name where somebody named it otherwise."""
        return self._part(1)

    @property
    def name(self) -> str:
        return self._part(2)

    def _part(self, number: int) -> str:
        matched = _DIRECTORY.fullmatch(self.path.name)
        return matched[number] if matched else self.path.name

    recipe_file = _Within("recipe.toml")
    run_file = _Within("run.json")
    events_file = _Within("events.jsonl")
    data_file = _Within("data.json")
    metrics_file = _Within("metrics.jsonl")
    samples_file = _Within("samples.jsonl")
    log_file = _Within("log.txt")
    control = _Within("control")
    checkpoints = _Within("checkpoints")
    adapter = _Within("adapter")
    lease_file = _Within("lease.lock")
    owner_file = _Within("owner.json")
    reserve_file = _Within(".reserve")
    glance_file = _Within(".glance.json")


def refuse_odd_name(name: str) -> None:
    """TuituneError where a run cannot be called that."""
    if not _NAME.fullmatch(name):
        raise TuituneError(f"run.name: {name!r} cannot name a directory")


def create(recipe: Recipe, *, info: Mapping[str, Any] | None = None) -> Run:
    """Make the directory of a new run, with the recipe frozen in full and `info` in run.json. Nothing is started.

    Everything is readable by its owner alone. The directory appears whole or not at all;
    OSError where it cannot be made.
    """
    from ulid import ULID

    from tuitune.recipe.document import render

    refuse_odd_name(recipe.run.name)
    run = Run(paths.private_directory(paths.runs_home()) / f"{ULID()}-{recipe.run.name}")
    born = {"created_at": round(time.time(), 3), "boot_id": identity.boot_id(), "uptime": round(_uptime(), 3)}
    record = {"v": 1, "id": run.id, "name": run.name, **born, **(info or {})}
    draft = Run(run.path.with_name(f".new-{run.path.name}"))
    draft.path.mkdir(mode=0o700)
    try:
        draft.control.mkdir(mode=0o700)
        files.write_new(draft.recipe_file, render(recipe, full=True).encode())
        files.write_new(draft.run_file, json.dumps(record, indent=2).encode() + b"\n")
        files.write_new(draft.log_file, b"")
        draft.path.rename(run.path)
    except BaseException:
        shutil.rmtree(draft.path, ignore_errors=True)
        raise
    return run


def list_runs() -> list[Run]:
    """Every run in the runs folder, newest first, damaged ones too; a link, or what has no run's name, is none."""
    home = paths.runs_home()
    try:
        with os.scandir(home) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    names = sorted(filter(_DIRECTORY.fullmatch, found), reverse=True)
    return [Run(home / name) for name in names]


def find(reference: str) -> Run:
    """The run of an id, a unique prefix of an id, a directory name, or a name that only one run bears.

    TuituneError where there is none, or several: it names them.
    """
    runs = list_runs()
    for matches in (
        [run for run in runs if reference in (run.id, run.path.name)],
        [run for run in runs if run.name == reference],
        [run for run in runs if reference and run.id.startswith(reference.upper())],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise TuituneError(f"{reference!r} names {len(matches)} runs: {_candidates(matches)}")
    known = f"; the newest: {_candidates(runs)}" if runs else "; there are none yet"
    raise TuituneError(f"no run is called {reference!r}{known}")


def _candidates(runs: list[Run], shown: int = 5) -> str:
    more = f" and {len(runs) - shown} more" if len(runs) > shown else ""
    return ", ".join(f"{run.id} ({run.name})" for run in runs[:shown]) + more


def read_record(path: Path) -> dict[str, Any]:
    """A small JSON object (run.json, owner.json) without its odd fields; empty where it is missing or damaged."""
    try:
        record = json.loads(files.read_bytes(path, _RECORD_LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    known = record.items() if isinstance(record, dict) else ()
    return {key: value for key, value in known if key not in _CHECKS or _CHECKS[key](value)}


def read_recipe(run: Run) -> Recipe:
    """The run's recipe, as it was last changed; RecipeError where it is damaged, missing or not a plain file."""
    from tuitune.recipe.document import read

    return read(run.recipe_file, links=False)


def created_at(run: Run) -> float | None:
    """When the run was made, seconds since the epoch: from run.json, else from its id, else from the directory."""
    if (moment := read_record(run.run_file).get("created_at")) is not None:
        return float(moment)
    with suppress(OSError, ValueError):
        if _DIRECTORY.fullmatch(run.path.name):
            from ulid import ULID

            return float(ULID.from_str(run.id).timestamp)
        return run.path.lstat().st_mtime
    return None


def age_seconds(run: Run) -> float | None:
    """Seconds since the run was made: by the clock that nobody can set, where the machine was not restarted since."""
    record, born = read_record(run.run_file), created_at(run)
    if "uptime" in record and record.get("boot_id") == identity.boot_id():
        return _uptime() - float(record["uptime"])
    return None if born is None else time.time() - born


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
