"""`python -m tuitune.data KIND FOLDER` does a task over data; `… page SOURCE` prints a page of rows as JSON lines."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from tuitune.data.tasks import carry_out
from tuitune.log_filter import outlive_readers

TASKS = {
    "scan": "tuitune.data.scan.task",
    "clean": "tuitune.data.preparation.task",
    "make": "tuitune.data.preparation.convert",
}
"""Kinds of tasks, and the module whose `run(report)` does each and returns its result."""


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
        return carry_out(arguments.folder, import_module(TASKS[arguments.kind]).run)
    from tuitune.data.sources.page_process import print_page

    name = os.fsdecode(sys.stdin.buffer.read()) if arguments.source == "-" else arguments.source
    return print_page(name, first=arguments.first, rows=arguments.rows, split=arguments.split)


if __name__ == "__main__":
    code = main()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # A download's threads may still be waiting for the network: they may not hold up a task whose outcome is written.
    os._exit(code)
