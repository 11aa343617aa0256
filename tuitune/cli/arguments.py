"""What verbs are declared with: the parser, the options that many verbs share, and types of values."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, NoReturn

from tuitune.cli.completion import assignments, completed, run_names
from tuitune.cli.exit_codes import Exit

_RUN_HELP = "a run's id, a unique beginning of it, its directory name, or its name where only one bears it"


class Parser(argparse.ArgumentParser):
    """argparse, for a verb that is declared in a file of its own: loaded when it is parsed or its help is shown.

    The file has `arguments(parser)` and a function of the verb's name: from the parsed options to an exit code.
    """

    appendix: Callable[[], str] | None = None
    """Makes what stands below the help."""

    file = ""
    """The module of `tuitune.cli.verbs` that is not loaded yet."""

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def load(self) -> None:
        """Declare the verb, unless that is done."""
        if self.file:
            name, self.file = self.file, ""
            module = import_module(f"tuitune.cli.verbs.{name}")
            module.arguments(self)
            if verb := getattr(module, name.rpartition(".")[2], None):
                self.set_defaults(verb=verb)

    def load_all(self) -> None:
        """Declare it with all verbs below it."""
        self.load()
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for verb in action.choices.values():
                    verb.load_all()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.load()
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        self.load()
        text = super().format_help()
        return f"{text}\n{self.appendix()}" if self.appendix else text

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.REFUSED, f"{self.prog}: {message}\n{self.format_usage()}")


def add_verbs(parser: Parser, verbs: Mapping[str, str], **options: Any) -> None:
    """The verbs of `parser`, in this order: the help of each, by its module in `tuitune.cli.verbs`."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, **options)
    for name, about in verbs.items():
        verb = commands.add_parser(name.rpartition(".")[2], help=about, description=f"{about[0].upper()}{about[1:]}.")
        verb.file = name


class Names:
    """The names in `module:attribute` as an option's choices, looked up only when the option or its help is wanted.

    The option needs a metavar: without one argparse lists the choices when it is declared.
    """

    def __init__(self, target: str, *more: str) -> None:
        self._target, self._more = target, more

    def __iter__(self) -> Iterator[str]:
        module, _, name = self._target.partition(":")
        return iter((*self._more, *getattr(import_module(module), name)))

    def __contains__(self, name: object) -> bool:
        return name in list(self)


def add_run(parser: argparse.ArgumentParser) -> None:
    completed(parser.add_argument("run", metavar="RUN", help=_RUN_HELP), run_names)


def add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe file; relative paths in it start at its folder")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def add_detach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="start it, print its id and return")


def add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="ask and return at once")


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal to ask on")


def add_set(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    setting = parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        required=required,
        metavar="KEY=VALUE",
        help="change a setting (repeatable); a TOML value or a bare word",
    )
    completed(setting, assignments)


def positive(text: str) -> int:
    """A whole number of at least 1, as an argument type."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text}")
    return number
