"""The scan of a data set, as the process of a task: all cores where the format allows it, memory that stays flat."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from tuitune.data.detect import SAMPLE, recognise
from tuitune.data.scan import PROBLEMS
from tuitune.data.scan.blocks import Block, blocks_of, count_blocks
from tuitune.data.scan.duplicates import repeated
from tuitune.data.scan.inspect import gather, report
from tuitune.data.scan.languages import languages, model
from tuitune.data.scan.sample import ROWS
from tuitune.data.scan.tally import Reading, Tally, count_rows
from tuitune.data.sources.names import fetched, open_source, resolve
from tuitune.data.sources.rows import Row, name_of
from tuitune.data.task_report import TaskReport


def run(task: TaskReport) -> dict[str, Any]:
    """Scan the source that is wanted; the result is an `Inspection` as JSON."""
    wanted = task.wanted
    task.progress("opening")
    source = fetched(resolve(wanted["source"], base=Path(wanted["base"])))
    first = list(islice(open_source(source, split=wanted["split"]), SAMPLE))
    found = recognise(first, wanted["shape"], wanted["columns"])
    blocks = blocks_of(source)
    folders = {path.parent for path in source.paths if source.kind in ("file", "files")}
    folder = folders.pop() if len(folders) == 1 else None
    reading = Reading(found.shape, found.columns, _every(blocks, first), folder)
    if blocks:
        parts, size, unit = count_blocks(blocks, reading), sum(block.end - block.start for block in blocks), "bytes"
    else:
        parts, size, unit = count_rows(open_source(source, split=wanted["split"]), reading), None, "rows"
    done = 0
    task.progress("reading", done, size, unit)
    fingerprints = task.folder / "fingerprints"
    with (
        ThreadPoolExecutor(1) as aside,
        fingerprints.open("wb") as rows_seen,
        (task.folder / PROBLEMS).open("wb") as problems_found,
    ):

        def keep(part: Tally, read: int) -> None:
            nonlocal done
            # Not before: the processes that count are forked from this one, and may not inherit what a thread is at.
            if not rows_seen.tell():
                aside.submit(model)
            part.fingerprints.tofile(rows_seen)
            problems_found.writelines(orjson.dumps(one) + b"\n" for one in part.problems)
            problems_found.flush()
            done += read
            task.progress("reading", done, size, unit)

        total, problems = gather(parts, reading, keep)
        rows_seen.flush()
        task.progress("looking for duplicates and languages", total.rows, total.rows)
        spoken = aside.submit(languages, total.sample.texts)
        duplicates = repeated(fingerprints)
    fingerprints.unlink()
    return report(name_of(source.name), found, total, problems, duplicates, spoken.result()).as_json()


def _every(blocks: list[Block], first: list[Row]) -> int:
    """Which rows are looked at closely, by how many there are likely to be."""
    usual = sum(len(orjson.dumps(row.values, default=str)) for row in first) / len(first)
    return max(1, round(sum(block.end - block.start for block in blocks) / max(usual, 1) / ROWS))
