"""`tuitune data`: verbs on data sets."""

from __future__ import annotations

from tuitune.cli.arguments import Parser, add_verbs

_VERBS = {
    "data.inspect": "shape, counts, problem rows and advice",
    "data.tokens": "tokenize rows: how long they are, and which tokens are learned",
    "data.clean": "clean a data set and tell what each step did",
    "data.convert": "write a data set in another shape",
    "data.split": "split a data set into training and held-out rows, by content",
}


def arguments(parser: Parser) -> None:
    add_verbs(parser, _VERBS, required=True)
