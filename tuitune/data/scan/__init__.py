"""Data looked through from end to end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from tuitune.data.scan.report import DataProblem
from tuitune.data.sources.names import resolve, stamp
from tuitune.data.tasks import Task, begin

PROBLEMS = "problems.jsonl"
"""The file of a scan's folder with its problems, one a line, in the order of rows."""


def begin_scan(
    name: str, *, base: Path, split: str = "train", shape: str = "auto", columns: Mapping[str, str] | None = None
) -> Task:
    """The scan of the source called `name`: one that is done or at work, or a new one. Its result is an `Inspection`
    as JSON.

    TuituneError where there is no such source.
    """
    base = base.absolute()
    wanted = {"source": name, "base": str(base), "split": split, "shape": shape, "columns": dict(columns or {})}
    return begin("scan", wanted, [stamp(resolve(name, base=base))])


def problems(
    task: Task, *, first: int = 0, count: int = 200, kind: str = "", text: str = ""
) -> tuple[list[DataProblem], int]:
    """A page of the problems that a scan has found so far, and how many there are: all, or those of a `kind` whose
    field or message has `text` in it, whatever the case.
    """
    page: list[DataProblem] = []
    matching = 0
    sought, kind_text = text.casefold(), orjson.dumps({"kind": kind})[1:-1] if kind else b""
    try:
        file = (task.folder / PROBLEMS).open("rb")
    except OSError:
        return [], 0
    with file:
        for line in file:
            if kind_text not in line or not line.endswith(b"\n"):
                continue
            wanted = first <= matching < first + count
            if sought or wanted:
                record = orjson.loads(line)
                if sought and sought not in f"{record['field']} {record['message']}".casefold():
                    continue
                if wanted:
                    page.append(DataProblem(**record))
            matching += 1
    return page, matching
