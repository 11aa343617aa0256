"""What a person wants to be told of wherever they are: a run that came to rest, a run that raised an error."""

from __future__ import annotations

import time
from collections.abc import Iterable

from textual.notifications import Notification, SeverityLevel

from tuitune.runs.store.directory import Run
from tuitune.text import clean
from tuitune.views.run_line import READING, RunLine

_LONGEST = 400
_SEVERITIES: dict[str, SeverityLevel] = {"failed": "error", "crashed": "error", "finished": "information"}


class RunAlerts:
    """Compares the list of runs with what it was. What was so when it first looked is no news."""

    def __init__(self) -> None:
        self._since = time.time()
        self._known: dict[Run, RunLine] = {}

    def news(self, lines: Iterable[RunLine]) -> list[Notification]:
        """What has happened since the last call, to any run; each in one line that is safe to show."""
        read = [line for line in lines if line.state != READING]
        found = [news for line in read for news in self._of(line)]
        self._known |= {line.run: line for line in read}
        return found

    def _of(self, line: RunLine) -> list[Notification]:
        before = self._known.get(line.run)
        if before is None:
            new = (line.created_at or 0.0) >= self._since
            return [_rest(line)] if new and not line.live else []
        found = []
        if line.alerts > before.alerts:
            found.append(Notification(clean(f"{line.run.name}: {line.alert}", limit=_LONGEST), severity="error"))
        if not line.live and (before.live or line.ended_at != before.ended_at):
            found.append(_rest(line))
        return found


def _rest(line: RunLine) -> Notification:
    state = "is paused" if line.state == "paused" else line.state
    known = line.reason.startswith(line.state)
    words = f"{line.run.name}: {line.reason}" if known else f"{line.run.name} {state}"
    reason = f": {line.reason}" if line.reason and not known else ""
    severity = _SEVERITIES.get(line.state, "warning")
    return Notification(clean(f"{words}{reason}", limit=_LONGEST), severity=severity)
