"""What happens to a run, a line each, as commands that follow it print it: from its journals, older news first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from typing import Any

from tuitune.recipe.values import to_text
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import Reader, last_seq
from tuitune.runs.store.records import Record, number, parts, table, text, texts, whole
from tuitune.text import clean
from tuitune.units import duration_text, number_text

Past = tuple[int, int]
"""How far a run's journals had come: the numbers of the last event and of the last of its metrics."""


def past(run: Run) -> Past:
    return last_seq(run.events_file), last_seq(run.metrics_file)


class News:
    """The run's news since the last `poll`; the first gives all that was recorded `after` some moment of its past."""

    def __init__(self, run: Run, after: Past = (0, 0)) -> None:
        self._readers = tuple(zip((Reader(run.events_file), Reader(run.metrics_file)), after, strict=True))

    def poll(self) -> list[str]:
        new = [[one for one in reader.poll() if (whole(one, "seq") or 0) > seen] for reader, seen in self._readers]
        return [clean(line) for record in heapq.merge(*new, key=_time) if (line := _line(record))]


def is_alert(line: str) -> bool:
    """Whether a line of news is something that a person should know soon."""
    return line.startswith(("warning: ", "error: "))


def resumed_text(record: Record) -> str:
    """From where a life of the run went on, and whether exactly: `from step 40, exactly`."""
    if "checkpoint" in record and record["checkpoint"] is None:
        start = "from the beginning: there is no checkpoint"
    elif record.get("exact"):
        start = f"from step {step_text(record)}, exactly"
    else:
        reasons = "; ".join(texts(record, "reasons")) or "for a reason that was not recorded"
        start = f"from step {step_text(record)}, approximately: {reasons}"
    passed = [f"{text(one, 'path').rpartition('/')[2]}: {text(one, 'reason')}" for one in parts(record, "skipped")]
    return start + (f" (skipped {'; '.join(passed)})" if passed else "")


def _line(record: Record) -> str:
    tell = _TOLD.get(str(record.get("kind", record.get("event"))))
    return tell(record) if tell else ""


def _evaluation(record: Record) -> str:
    loss, perplexity = (number_text(number(record, key)) for key in ("loss", "perplexity"))
    return f"step {step_text(record):>6}  held-out loss {loss}  perplexity {perplexity}"


def _resumed(record: Record) -> str:
    return f"resumed {resumed_text(record)}"


def _alert(record: Record) -> str:
    return f"{text(record, 'level', 'warning')}: {message_text(record)}"


def _tuned(record: Record) -> str:
    step = whole(record, "step")
    return f"from step {'?' if step is None else f'{step + 1:,}'} on: {changes_text(table(record, 'changes'))}"


def _amended(record: Record) -> str:
    changes = table(record, "changes")
    after = {key: table(changes, key).get("to") for key in changes}
    return f"recipe changed ({text(record, 'why', 'no reason recorded')}): {changes_text(after)}"


def _retry(record: Record) -> str:
    return f"retried: {text(record, 'reason', 'out of memory')}"


def _silent(record: Record) -> str:
    return f"warning: nothing heard from the engine for {duration_text(number(record, 'seconds'))}"


def _heard(record: Record) -> str:
    return "the engine is heard again"


def _unnotified(record: Record) -> str:
    return f"warning: the command of run.notify failed: {message_text(record)}"


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


def step_text(record: Record) -> str:
    """The step that a record is about; `?` where it does not say."""
    step = whole(record, "step")
    return "?" if step is None else f"{step:,}"


def message_text(record: Record) -> str:
    return text(record, "message", "what it was is not recorded")


def changes_text(changes: Mapping[str, Any]) -> str:
    """`training.learning_rate = 1e-4, samples.prompts = …`, for values of any kind."""
    return ", ".join(f"{key} = {value_text(value)}" for key, value in changes.items())


def value_text(value: Any) -> str:
    """A recipe's value as a person writes it; `none` for no value."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return to_text(value)
    return "none" if value in (None, "") else str(value)


def _time(record: Record) -> float:
    return number(record, "time") or 0.0
