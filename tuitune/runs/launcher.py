"""Launching a run: its directory, then a supervisor that belongs to no terminal and outlives whoever started it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.runs import files
from tuitune.runs.directory import Run, create, list_runs
from tuitune.runs.provenance import provenance
from tuitune.runs.state import last_words

_HANDSHAKE_SECONDS = 10.0
_ROOT = Path(__file__).resolve().parents[2]


def launch(recipe: Recipe, *, base: Path | None = None) -> Run:
    """Start a run that goes on without this process, and return it once its supervisor is at work.

    Relative paths of model and data files are taken from `base`, the current directory if not given, and frozen as
    absolute ones. Where another run bears the name already, the new one is called `name-2`. TuituneError where the run
    cannot be started; nothing is left behind then.
    """
    recipe = _named_apart(resolve_paths(recipe, (base or Path()).absolute()))
    try:
        run = create(recipe, info=provenance(recipe))
    except OSError as error:
        raise TuituneError(f"the run's directory cannot be made: {error}") from error
    try:
        start_supervisor(run)
    except (OSError, TuituneError) as error:
        shutil.rmtree(run.path, ignore_errors=True)
        raise TuituneError(f"the run cannot be started: {error}") from error
    return run


def _named_apart(recipe: Recipe) -> Recipe:
    """The recipe under a name that no run bears yet, so that the name alone is enough to find it."""
    wanted, taken = recipe.run.name, {run.name for run in list_runs()}
    stem = re.sub(r"-\d+$", "", wanted) if wanted in taken else wanted
    names = (wanted, *(f"{stem[:58]}-{number}" for number in range(2, 100_000)))
    name = next(name for name in names if name not in taken)
    return recipe.model_copy(update={"run": recipe.run.model_copy(update={"name": name})})


def resolve_paths(recipe: Recipe, base: Path) -> Recipe:
    """The recipe with every name of an existing local file or folder made absolute; bundled names and Hub ids stay."""
    model = recipe.model.model_copy(update={"id": _absolute(recipe.model.id, base)})
    data = recipe.data
    eval_source = _absolute(data.eval, base) if isinstance(data.eval, str) else data.eval
    data = data.model_copy(update={"train": _absolute(data.train, base), "eval": eval_source})
    return recipe.model_copy(update={"model": model, "data": data})


def _absolute(name: str, base: Path) -> str:
    if name.startswith("bundled:"):
        return name
    try:
        local = base / Path(name).expanduser()
        return str(local) if local.exists() else name
    except (OSError, RuntimeError):  # too long for a path, or ~somebody unknown
        return name


def start_supervisor(run: Run, command: Sequence[str] | None = None) -> None:
    """Start the run's supervisor (`command`, if given) apart from this process's session, terminal and open files.

    Returns when it has recorded its first event, or is slow about it; TuituneError where it ended before it could.
    """
    log = files.open_regular(run.log_file, os.O_WRONLY | os.O_APPEND)
    try:
        supervisor = subprocess.Popen(
            command or [sys.executable, "-P", "-m", "tuitune.runs.supervisor", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.path,
            env=_environment(),
            umask=0o077,
            start_new_session=True,
        )
    finally:
        os.close(log)
    _await_first_event(run, supervisor)
    threading.Thread(target=supervisor.wait, name=f"reap {run.id}", daemon=True).start()


def _await_first_event(run: Run, supervisor: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _HANDSHAKE_SECONDS
    while not run.events_file.exists() and time.monotonic() < deadline:
        if supervisor.poll() is not None:
            raise TuituneError(f"its supervisor ended at once: {last_words(run) or 'it said nothing'}")
        time.sleep(0.01)


def _environment() -> dict[str, str]:
    """This process's environment; where tuitune is not installed but runs from a checkout, with the way to it."""
    if _ROOT.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    search = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
