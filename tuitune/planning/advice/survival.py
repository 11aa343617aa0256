"""What would end a run that its owner does not want ended, said before it starts, each with its remedy."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from tuitune.hardware.session import Session
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.planning.forecast.memory import CONTEXT, Forecast
from tuitune.recipe.schema import Recipe
from tuitune.text import clean
from tuitune.units import bytes_text, clock_text, duration_text

_KEY = "hardware.gpu"
"""Where no setting of the recipe is to blame, the advice stands beside the one that says where it runs."""

_SAVING_SECONDS = 300
"""Before the end of a job: time to finish a step, measure the held-out rows and save."""

_LINGER = "run `loginctl enable-linger` once"


def survival(session: Session, recipe: Recipe, expected: Forecast | None = None) -> list[Advice]:
    """Advice on what would end the run of `recipe` started in this `session`; nothing where nothing would."""
    rules = (_logout(session), _container(session), _job(session, recipe), _memory(session, expected), _time(session))
    return [advice for rule in rules for advice in rule]


def _logout(session: Session) -> Iterator[Advice]:
    if session.survives_logout:
        return
    level: Literal["warning", "info"] = "warning"
    if session.login == "manager":
        message = f"the run would end at your last logout, like everything here: {_LINGER} to keep it"
    elif session.survives_logout is None:
        level = "info"
        message = f"tuitune cannot tell whether this machine ends your programs at logout: {_LINGER} to be sure"
    elif session.lingers:
        message = (
            "this machine ends your programs at logout (KillUserProcesses), and systemd's user manager, which could "
            "keep the run, does not answer: start it from an SSH login"
        )
    else:
        message = (
            f"this machine ends your programs at logout (KillUserProcesses), even in tmux: {_LINGER} to keep the run"
        )
    yield Advice("ends-at-logout", level, _KEY, message)


def _container(session: Session) -> Iterator[Advice]:
    if not session.container:
        return
    message = f"this is a container ({clean(session.container, limit=40)}): the run ends when it is stopped"
    if session.home_is_lost:
        message += ", and its files are lost; put TUITUNE_HOME on a volume"
    else:
        message += "; `tuitune resume` starts from the last checkpoint"
    yield Advice("container", "info", _KEY, message)


def _job(session: Session, recipe: Recipe) -> Iterator[Advice]:
    """A job that ends before the recipe's own limits do ends the run in the middle of a step."""
    if not session.job:
        return
    job, ends = f"Slurm job {clean(session.job, limit=40)}", session.job_ends_at
    if ends is None:
        message = f"{job} ends the run when its time is up; set limits.hours below the time left"
        yield Advice("slurm", "info", "limits.hours", message)
        return
    left = ends - time.time()
    own = time.time() + 3600 * recipe.limits.hours if recipe.limits.hours else math.inf
    if min(own, recipe.limits.ends_at) <= ends:
        return
    until = datetime.fromtimestamp(ends - _SAVING_SECONDS).isoformat(timespec="minutes")
    message = f"{job} ends the run at {clock_text(ends)}, in {duration_text(left)}; stop and save before that"
    fix = {"limits.until": until} if left > 2 * _SAVING_SECONDS else None
    yield Advice("slurm", "warning", "limits.until", message, fix)


def _memory(session: Session, expected: Forecast | None) -> Iterator[Advice]:
    """The kernel kills what grows beyond a limit. Of a run on a GPU only its libraries' main memory is forecast."""
    limit = session.memory_limit
    if limit is None:
        return
    needed = expected.total if expected and expected.device == "cpu" else CONTEXT["cpu"]
    if needed > limit:
        message = (
            f"the kernel would kill the run: it needs about {bytes_text(needed)} of main memory, and this login, job "
            f"or container may use {bytes_text(limit)}; ask for more"
        )
        yield Advice("memory-limit", "warning", _KEY, message)


def _time(session: Session) -> Iterator[Advice]:
    if session.cpu_seconds is not None:
        message = (
            f"the kernel would kill the run after {duration_text(session.cpu_seconds)} of CPU time (ulimit -t), "
            "as on a login node; start it where there is no such limit"
        )
        yield Advice("cpu-time", "warning", _KEY, message)


def _survival(now: Situation) -> Iterator[Advice]:
    yield from survival(now.session, now.recipe, now.forecast)


RULES = (_survival,)
