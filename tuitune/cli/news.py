"""What happens to a run, a line each, as commands that follow it print it: from its journals, older news first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tuitune.recipe.values import to_text
from tuitune.runs.directory import Run
from tuitune.runs.journal import Reader, Record
from tuitune.text import clean
from tuitune.units import duration_text, number_text


class News:
    """The run's news since the last `poll`; the first gives all that happened from the time `since` on."""

    def __init__(self, run: Run, since: float = 0.0) -> None:
        self._since = since
        self._readers = (Reader(run.events_file), Reader(run.metrics_file))

    def poll(self) -> list[str]:
        records = [record for reader in self._readers for record in reader.poll() if _time(record) >= self._since]
        records.sort(key=_time)
        return [clean(line) for record in records if (line := _line(record))]


def is_alert(line: str) -> bool:
    """Whether a line of news is something that a person should know soon."""
    return line.startswith(("warning: ", "error: "))


def resumed_text(record: Mapping[str, Any]) -> str:
    """From where a life of the run went on, and whether exactly: `from step 40, exactly`."""
    if record.get("checkpoint") is None:
        start = "from the beginning: there is no checkpoint to go on from"
    elif record.get("exact"):
        start = f"from step {record.get('step')}, exactly"
    else:
        reasons = "; ".join(map(str, _list(record.get("reasons")))) or "for a reason that was not recorded"
        start = f"from step {record.get('step')}, approximately: {reasons}"
    skipped = [entry for entry in _list(record.get("skipped")) if isinstance(entry, Mapping)]
    passed = [f"{str(one.get('path')).rpartition('/')[2]}: {one.get('reason')}" for one in skipped]
    return start + (f" (passed over {'; '.join(passed)})" if passed else "")


def _line(record: Record) -> str:
    tell = _TOLD.get(str(record.get("kind", record.get("event"))))
    return tell(record) if tell else ""


def _evaluation(record: Record) -> str:
    loss, perplexity = (number_text(_number(record.get(key))) for key in ("loss", "perplexity"))
    return f"step {_number(record.get('step')) or 0:>6.0f}  held-out loss {loss}  perplexity {perplexity}"


def _resumed(record: Record) -> str:
    return f"goes on {resumed_text(record)}"


def _alert(record: Record) -> str:
    return f"{record.get('level') or 'warning'}: {record.get('message')}"


def _tuned(record: Record) -> str:
    step = _number(record.get("step"))
    return f"from step {0 if step is None else step + 1:.0f} on: {changes_text(record.get('changes'))}"


def _amended(record: Record) -> str:
    changes = record.get("changes")
    after = {key: change.get("to") for key, change in changes.items()} if isinstance(changes, Mapping) else {}
    return f"recipe changed ({record.get('why')}): {changes_text(after)}"


def _retry(record: Record) -> str:
    return f"tried again: {record.get('reason')}"


def _silent(record: Record) -> str:
    return f"warning: nothing heard from the engine for {duration_text(_number(record.get('seconds')))}"


def _heard(record: Record) -> str:
    return "the engine is heard again"


def _unnotified(record: Record) -> str:
    return f"warning: the command of run.notify failed: {record.get('message')}"


_TOLD = {
    "eval": _evaluation,
    "resumed": _resumed,
    "alert": _alert,
    "tuned": _tuned,
    "amended": _amended,
    "retry": _retry,
    "silent": _silent,
    "heard": _heard,
    "notify-failed": _unnotified,
}


def changes_text(changes: Any) -> str:
    """`training.learning_rate = 1e-4, samples.prompts = …`, for values of any kind."""
    if not isinstance(changes, Mapping):
        return "–"
    return ", ".join(f"{key} = {value_text(value)}" for key, value in changes.items())


def value_text(value: Any) -> str:
    """A recipe's value as a person writes it; `none` for no value."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return to_text(value)
    return "none" if value in (None, "") else str(value)


def _time(record: Record) -> float:
    return _number(record.get("time")) or 0.0


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
