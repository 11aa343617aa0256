"""`python -m tuitune.engine train RUN_DIR [--listen]` and `… preview SOURCE --rows N`."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from tuitune.engine.stop import hold_back


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tuitune.engine", description="tuitune's worker process.")
    tasks = parser.add_subparsers(dest="task", required=True)
    train = tasks.add_parser("train", help="carry out the run in a run directory")
    train.add_argument("run", type=Path, metavar="RUN_DIR")
    train.add_argument("--listen", action="store_true", help="take requests as JSON lines on standard input")
    preview = tasks.add_parser("preview", help="print the first rows of a parquet file or Hub data set as JSON lines")
    preview.add_argument("source")
    preview.add_argument("--rows", type=int, default=200)
    preview.add_argument("--split", default="train")
    arguments = parser.parse_args()
    if arguments.task == "train":
        hold_back()
        from tuitune.engine.worker import carry_out

        return carry_out(arguments.run, listen=arguments.listen)
    from tuitune.engine.preview import print_rows

    return print_rows(arguments.source, arguments.rows, arguments.split)


if __name__ == "__main__":
    code = main()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # A download's threads may still be waiting for the network, and native libraries may be slow to unload: neither
    # may hold up, or change the exit code of, a task whose outcome is already written.
    os._exit(code)
