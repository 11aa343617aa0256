from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from tuitune.hardware.session import Session
from tuitune.planning.advice.survival import survival
from tuitune.planning.forecast.memory import Forecast
from tuitune.recipe.check import problems
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting

HOUR = 3600.0
LOGIN = Session(login="session", kills=True, manager=True)


def told(session: Session, **values: Any) -> list[tuple[str, str, str]]:
    recipe = with_values(Recipe(), {key.replace("__", "."): value for key, value in values.items()})
    found = survival(session, recipe)
    for advice in found:
        assert setting(advice.key)
    return [(advice.id, advice.level, advice.message) for advice in found]


def forecast(total: int, device: Any) -> Forecast:
    return Forecast({"weights": total}, total, (), device)


def test_nothing_is_said_where_nothing_ends_a_run() -> None:
    assert told(Session()) == []
    assert told(Session(login="session", kills=False)) == []
    assert told(Session(login="session", kills=True, lingers=True, manager=True)) == []
    assert told(Session(login="manager", kills=True, lingers=True)) == []


def test_a_logout_that_ends_the_run_is_said_with_what_helps() -> None:
    ((name, level, message),) = told(LOGIN)
    assert (name, level) == ("ends-at-logout", "warning")
    assert "loginctl enable-linger" in message
    ((_, level, message),) = told(Session(login="session", kills=True, lingers=True))
    assert level == "warning"
    assert "does not answer" in message
    ((_, level, message),) = told(Session(login="manager"))
    assert level == "warning"
    assert "loginctl enable-linger" in message
    ((_, level, message),) = told(Session(login="session", kills=None))
    assert level == "info"
    assert "cannot tell" in message


def test_a_container_is_said_and_whether_the_files_go_too() -> None:
    ((name, level, message),) = told(Session(container="Docker"))
    assert (name, level) == ("container", "info")
    assert "tuitune resume" in message
    assert "volume" in told(Session(container="Docker", home_is_lost=True))[0][2]
    assert "\x1b" not in told(Session(container="\x1b[2J"))[0][2]


def test_a_job_that_ends_first_is_said_with_a_moment_to_stop_at() -> None:
    ends = time.time() + 5 * HOUR
    (advice,) = survival(Session(job="4711", job_ends_at=ends), Recipe())
    assert (advice.id, advice.level, advice.key) == ("slurm", "warning", "limits.until")
    assert "Slurm job 4711" in advice.message
    assert "in 5 h 00 m" in advice.message
    assert advice.fix
    mended = with_values(Recipe(), advice.fix)
    assert problems(mended) == []
    assert 0 < ends - datetime.fromisoformat(mended.limits.until).timestamp() < 600
    assert survival(Session(job="4711", job_ends_at=ends), mended) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"limits__hours": 4.0}, False),
        ({"limits__hours": 6.0}, True),
        ({"limits__until": "2020-01-01"}, False),
        ({"limits__until": "9999-01-01"}, True),
        ({"limits__until": "9999-01-01", "limits__hours": 1.0}, False),
        ({"limits__until": "nonsense"}, True),
    ],
)
def test_a_run_that_ends_before_its_job_needs_no_advice(values: dict[str, Any], said: bool) -> None:
    assert bool(told(Session(job="1", job_ends_at=time.time() + 5 * HOUR), **values)) is said


def test_a_job_that_is_nearly_over_has_no_moment_to_stop_at() -> None:
    (advice,) = survival(Session(job="1", job_ends_at=time.time() + 60), Recipe())
    assert advice.fix is None
    ((name, level, message),) = told(Session(job="1"))
    assert (name, level) == ("slurm", "info")
    assert "limits.hours" in message


@pytest.mark.parametrize(
    ("limit", "expected", "said"),
    [
        (None, forecast(10**12, "cpu"), False),
        (4 * 10**9, forecast(5 * 10**9, "cpu"), True),
        (6 * 10**9, forecast(5 * 10**9, "cpu"), False),
        (6 * 10**9, forecast(10**12, "cuda"), False),
        (10**8, forecast(10**12, "cuda"), True),
        (10**8, None, True),
        (10**10, None, False),
    ],
)
def test_a_limit_on_memory_that_the_run_would_break(limit: int | None, expected: Forecast | None, said: bool) -> None:
    found = survival(Session(memory_limit=limit), Recipe(), expected)
    assert [(one.id, one.level) for one in found] == [("memory-limit", "warning")] * said


def test_a_limit_on_processor_time_is_said() -> None:
    ((name, level, message),) = told(Session(cpu_seconds=7200))
    assert (name, level) == ("cpu-time", "warning")
    assert "2 h 00 m of CPU time" in message
