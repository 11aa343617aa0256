"""What the verbs of the command line are declared with: the parser, options that many verbs share, and value types."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

Verb = Callable[[argparse.Namespace], int]

_RUN_HELP = "a run's id, a unique beginning of it, its directory name, or its name where only one bears it"


class Parser(argparse.ArgumentParser):
    """argparse, with an appendix made when the help is shown: `module:function` in this room, or "" for none."""

    appendix = ""

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def format_help(self) -> str:
        text = super().format_help()
        return f"{text}\n{_function(self.appendix)()}" if self.appendix else text

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n{self.format_usage()}")


def add(
    verbs: argparse._SubParsersAction, name: str, target: str | None, help: str, *, appendix: str = ""
) -> argparse.ArgumentParser:
    """A verb with its help; `target` is `module:function` in this room, imported when the verb is called."""
    parser = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.appendix = appendix
    if target:
        parser.set_defaults(verb=verb(target))
    return parser


def verb(target: str) -> Verb:
    """The function that `module:function` names, imported at its first call."""

    def run(options: argparse.Namespace) -> int:
        return _function(target)(options)

    return run


def _function(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    return getattr(import_module(f"tuitune.cli.{module}"), name)


def add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help=_RUN_HELP)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="ask and return at once")


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal to ask on")


def add_set(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        required=required,
        metavar="KEY=VALUE",
        help="change a setting (repeatable); a TOML value or a bare word",
    )


def positive(text: str) -> int:
    """A whole number of at least 1, as an argument type."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text}")
    return number


def place(text: str) -> int | str:
    """A place in the queue, as an argument type: first, last, up, down or a number from 1."""
    if text in ("first", "last", "up", "down"):
        return text
    try:
        return positive(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected first, last, up, down or a number from 1, found {text}") from None


def role(text: str) -> tuple[str, str]:
    """A role and the column that plays it, as an argument type: `prompt=question`."""
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise argparse.ArgumentTypeError(f"expected a role and its column, such as prompt=question, found {text}")
    return name, column
