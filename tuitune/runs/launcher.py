"""Launching and resuming a run: a supervisor that belongs to no terminal and outlives whoever started it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuitune.hardware.session import session
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.runs.control.amendment import amended, as_assignments, prepared
from tuitune.runs.located import resolve_paths
from tuitune.runs.read.length import idle, total_steps
from tuitune.runs.read.ownership import foreign
from tuitune.runs.read.state import AT_REST, derive, last_words
from tuitune.runs.store import files, journal, lease
from tuitune.runs.store.directory import Run, create, list_runs, read_recipe, refuse_odd_name
from tuitune.runs.store.provenance import provenance
from tuitune.runs.store.records.lifecycle import Supervisor
from tuitune.runs.store.records.training import Plan
from tuitune.runs.supervise.supervisor import REFUSED, UNABLE

_HANDSHAKE_SECONDS = 10.0
_NAMING_SECONDS = 20.0
_ROOT = Path(__file__).resolve().parents[2]


def launch(recipe: Recipe, *, base: Path | None = None) -> Run:
    """Start a run that goes on without this process, and return it once its supervisor is at work.

    Relative paths of model and data files are taken from `base`, the current directory if not given, and frozen as
    absolute ones. Where another run bears the name already, the new one is called `name-2`. TuituneError where the run
    cannot be started; nothing is left behind then.
    """
    refuse_odd_name(recipe.run.name)
    recipe = resolve_paths(recipe, (base or Path()).absolute())
    info = provenance(recipe)
    try:
        with lease.alone("names.lock", _NAMING_SECONDS, "another process is naming a run and hangs; try again"):
            run = create(_named_apart(recipe), info=info)
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


def resume(run: Run, changes: Mapping[str, Any] | None = None) -> None:
    """Start the next life of a run at rest, from its newest good checkpoint, with `changes` {key: value} to its recipe.

    Returns once its supervisor is at work. TuituneError, with nothing started or changed, where the run is not at rest,
    is not ours, has nothing left to train, cannot take the changes, or where somebody else is resuming it.
    """
    called = f"run {run.name} ({run.id}) cannot be resumed"
    after = journal.last_seq(run.events_file)
    state, reason = derive(run)
    if state not in AT_REST:
        raise TuituneError(f"{called}: it is {state}{f' ({reason})' if reason else ''}")
    if theirs := foreign(run):
        raise TuituneError(f"{called}: {theirs}")
    changes = prepared(run, changes or {})
    if state == "finished" and not _more_to_do(run, changes):
        raise TuituneError(f"{called}: it is finished; {_way_on(run, changes)}")
    try:
        start_supervisor(run, after=after, changes=changes)
    except OSError as error:
        raise TuituneError(f"{called}: {error.strerror or error}") from error


def _more_to_do(run: Run, changes: Mapping[str, Any]) -> bool:
    """Whether the recipe with `changes` trains for longer than the run's did."""
    before, after = read_recipe(run).training, amended(run, changes).training
    wanted = total_steps(run, after)
    done = (journal.last(run.metrics_file, Plan) or Plan()).total_steps or before.max_steps
    if wanted is None or done is None:
        return (after.epochs, after.max_steps) != (before.epochs, before.max_steps)
    return wanted > done


def _way_on(run: Run, changes: Mapping[str, Any]) -> str:
    """What would give a finished run more to do than `changes` do, in words."""
    training = amended(run, changes).training
    if training.max_steps is None:
        return f"train longer: --set training.epochs=… (now {training.epochs:g})"
    advice = f"train longer: --set training.max_steps=… (now {training.max_steps})"
    return "; ".join(filter(None, (idle(changes, training), advice)))


def start_supervisor(
    run: Run, *, after: int = 0, changes: Mapping[str, Any] | None = None, command: Sequence[str] | None = None
) -> None:
    """Start a life of the run: its supervisor (`command`, if given) apart from this process's session, terminal and
    open files, and from the login where that would end it.

    `after` is the number of the run's last event, which the supervisor checks: of several started after the same event
    one takes the run. Returns when it has recorded its first event, or is slow about it; TuituneError where it ended
    before it could.
    """
    command = command or [
        *(sys.executable, "-P", "-m", "tuitune.runs.supervise.supervisor", str(run.path), "--after", str(after)),
        *(part for assignment in as_assignments(changes or {}) for part in ("--set", assignment)),
    ]
    supervisor = _as_unit(run, command, after) or _spawn(run, command, {})
    if (code := _ended_before_it_began(run, supervisor, after)) is not None:
        if code == REFUSED:
            raise TuituneError(f"run {run.name} ({run.id}) was just started by another process")
        raise TuituneError(f"its supervisor ended at once: {last_words(run) or 'no output'}")
    threading.Thread(target=supervisor.wait, name=f"reap {run.id}", daemon=True).start()


def _as_unit(run: Run, command: Sequence[str], after: int) -> subprocess.Popen[bytes] | None:
    """The supervisor as a unit of the user's manager, which outlives the login; None where not needed or possible."""
    if not session().wants_unit:
        return None
    try:
        manager = {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"}
        supervisor = _spawn(run, unit_command(run, command), manager)
    except OSError:
        return None
    return supervisor if _ended_before_it_began(run, supervisor, after) in (None, REFUSED, UNABLE) else None


def unit_command(run: Run, argv: Sequence[str]) -> list[str]:
    """`argv` in a scope of its own under the user's manager, as a command.

    A scope, not a service: systemd-run itself turns into `argv`, so that pid, environment, directory and open files
    stay as they are, and no secret of the environment is written to a unit or shows on a command line. Where the
    manager does not answer the command ends at once and `argv` is not started.
    """
    unit = f"--unit=tuitune-{run.id}-{secrets.token_hex(3)}"
    return ["systemd-run", "--user", "--scope", "--collect", "--quiet", unit, "--", *argv]


def _spawn(run: Run, command: Sequence[str], extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with files.opened(run.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.path,
            env={**_environment(), **extra},
            umask=0o077,
            start_new_session=True,
        )


def _ended_before_it_began(run: Run, supervisor: subprocess.Popen[bytes], after: int) -> int | None:
    """Wait for the supervisor's first event; the exit code of one that ended without it, else None."""
    deadline = time.monotonic() + _HANDSHAKE_SECONDS
    while time.monotonic() < deadline:
        code = supervisor.poll()
        begun = journal.last(run.events_file, Supervisor) or Supervisor()
        if (begun.identity or {}).get("pid") == supervisor.pid and (begun.seq or 0) > after:
            return None
        if code is not None:
            return code
        time.sleep(0.01)
    return None


def _environment() -> dict[str, str]:
    """This process's environment; where tuitune is not installed but runs from a checkout, with the way to it."""
    if _ROOT.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    search = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
