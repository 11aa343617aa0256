"""The scan of a data set, as the process of a task."""

from __future__ import annotations

from typing import Any

from tuitune.data.scan.inspect import inspect
from tuitune.data.tasks import Report


def run(report: Report) -> dict[str, Any]:
    wanted = report.wanted
    return inspect(wanted["source"], shape=wanted["shape"], columns=wanted["columns"]).as_json()
