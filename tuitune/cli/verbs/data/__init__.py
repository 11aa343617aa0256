"""`tuitune data`: verbs on data sets, and the arguments of those that write rows."""

from __future__ import annotations

from tuitune.cli.arguments import Parser, add_verbs

_VERBS = {
    "data.inspect": "shape, counts, problem rows and advice",
    "data.tokens": "tokenize rows: how long they are, and which tokens are learned",
    "data.clean": "clean a data set and report what each step did",
    "data.convert": "write a data set in another shape",
    "data.split": "split a data set into training and held-out rows, by content",
}


def arguments(parser: Parser) -> None:
    add_verbs(parser, _VERBS, required=True)


def add_source(parser: Parser) -> None:
    parser.add_argument("source", metavar="IN", help="a file, folder, https address, bundled set or Hub data set")
    parser.add_argument("--recipe", metavar="RECIPE", help="take the steps and the shape from this recipe")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.take("--set", "--json")


def add_output(parser: Parser) -> None:
    about = "the file to write, by its ending: .jsonl, .json, .csv, .tsv or .parquet"
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help=about)
