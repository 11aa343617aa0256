"""`tuitune rewards`: what answers are worth, before anything is trained by it."""

from __future__ import annotations

from tuitune.cli.arguments import Parser, add_verbs

_VERBS = {
    "rewards.try_": "let the model of a recipe answer a few prompts, and show what its rewards say of the answers",
    "rewards.list_": "the rewards that there are",
}


def arguments(parser: Parser) -> None:
    add_verbs(parser, _VERBS, required=True)
