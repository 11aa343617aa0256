"""Arguments of the verbs that write rows: clean, convert, split."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import add_json, add_set


def add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="IN", help="a file, folder, https address, bundled set or Hub data set")
    parser.add_argument("--recipe", metavar="RECIPE", help="take the steps and the shape from this recipe")
    parser.add_argument("--force", action="store_true", help="write over existing files")
    add_set(parser)
    add_json(parser)


def add_output(parser: argparse.ArgumentParser) -> None:
    about = "the file to write, by its ending: .jsonl, .json, .csv, .tsv or .parquet"
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help=about)
