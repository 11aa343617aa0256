"""`python -m tuitune.data KIND FOLDER` does a task over data; `… page SOURCE` prints a page of rows as JSON lines."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name

import orjson

from tuitune.data.sources.names import open_source, resolve
from tuitune.data.task_report import carry_out, limit_memory
from tuitune.log_filter import outlive_readers
from tuitune.problem import TuituneError
from tuitune.rows.numbers import dumps
from tuitune.text import clean, redact

TASKS = {
    "scan": "tuitune.data.scan.task:run",
    "clean": "tuitune.data.preparation.task:clean",
    "make": "tuitune.data.preparation.task:make",
}
"""Kinds of tasks, and what does each: it takes the task's report and returns the result."""

_PAGE_MEMORY = 3 << 30
"""Bytes that a page may take: enough for wide tables, and an end to what would fill the machine."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tuitune.data", description="tuitune's process for data.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in TASKS:
        kinds.add_parser(kind, help="do the task of a folder").add_argument("folder", type=Path, metavar="FOLDER")
    page = kinds.add_parser("page", help="print rows of a data set as JSON lines")
    page.add_argument("source", metavar="SOURCE", help="a data set; - reads its name from standard input")
    page.add_argument("--first", type=int, default=1, metavar="N", help="the first row, from 1 (default: 1)")
    page.add_argument("--rows", type=int, default=200, metavar="K", help="how many rows (default: 200)")
    page.add_argument("--split", default="train", help="the split of a Hub data set (default: train)")
    arguments = parser.parse_args()
    if arguments.kind in TASKS:
        outlive_readers()
        return carry_out(arguments.folder, resolve_name(TASKS[arguments.kind]))
    name = os.fsdecode(sys.stdin.buffer.read()) if arguments.source == "-" else arguments.source
    return print_page(name, first=arguments.first, rows=arguments.rows, split=arguments.split)


def print_page(name: str, *, first: int, rows: int, split: str) -> int:
    """Print the rows. The exit code is 1, with a reason on standard error, where there are none to print."""
    limit_memory(_PAGE_MEMORY)
    try:
        for row in open_source(resolve(name), split=split, limit=rows, first=first):
            sys.stdout.buffer.write(dumps(asdict(row), orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
        return 0
    except BrokenPipeError:
        return 0
    except TuituneError as error:
        reason = str(error)
    except MemoryError:
        reason = f"{name}: a row needs more than {_PAGE_MEMORY >> 30} GiB of memory"
    except Exception as error:
        reason = f"{name}: {type(error).__name__}: {error}"
    print(clean(redact(reason), limit=1000), file=sys.stderr)
    return 1


if __name__ == "__main__":
    code = main()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # A download's threads may still be waiting for the network: they may not hold up a task whose outcome is written.
    os._exit(code)
