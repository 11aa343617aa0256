"""What verbs are declared with: the parser, the arguments that several verbs take, and types of values."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any, NoReturn

from tuitune.cli.completion import Completer, assignments, run_names
from tuitune.cli.exit_codes import Exit

SHARED: dict[str, dict[str, Any]] = {
    "run": {
        "metavar": "RUN",
        "help": "a run's id, an unambiguous prefix of it, its directory name, or its name if unique",
        "completer": run_names,
    },
    "recipe": {"metavar": "RECIPE", "help": "a recipe file; relative paths in it start at its folder"},
    "--json": {"action": "store_true", "help": "one JSON document on standard output"},
    "--detach": {"action": "store_true", "help": "start it, print its id and return"},
    "--no-wait": {"dest": "wait", "action": "store_false", "help": "ask and return at once"},
    "--yes": {"action": "store_true", "help": "do not ask; needed where there is no terminal to ask on"},
    "--set": {
        "dest": "overrides",
        "action": "append",
        "default": [],
        "metavar": "KEY=VALUE",
        "help": "change a setting (repeatable); a TOML value or a bare word",
        "completer": assignments,
    },
}
"""The arguments that verbs of several folders take, by name."""


class Parser(argparse.ArgumentParser):
    """argparse, for a verb that is declared in a file of its own: loaded when it is parsed or its help is shown.

    The file has `arguments(parser)` and a function of the verb's name: from the parsed options to an exit code. A name
    that Python keeps to itself has a line after it there (`import_`).
    """

    appendix: Callable[[], str] | None = None
    """Makes what stands below the help."""

    file = ""
    """The module of `tuitune.cli.verbs` that is not loaded yet."""

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def add_argument(self, *names: str, completer: Completer | None = None, **options: Any) -> argparse.Action:
        action = super().add_argument(*names, **options)
        action.completer = completer  # type: ignore[attr-defined]
        return action

    def take(self, *names: str, **changed: Any) -> None:
        """Declare the arguments of `SHARED` that are named; options that are `changed` hold for all of them."""
        for name in names:
            self.add_argument(name, **SHARED[name], **changed)

    def load(self) -> None:
        """Declare the verb, unless that is done."""
        if self.file:
            name, self.file = self.file, ""
            module = import_module(f"tuitune.cli.verbs.{name}")
            module.arguments(self)
            if verb := getattr(module, name.rpartition(".")[2], None):
                self.set_defaults(verb=verb)

    def load_named(self, words: Collection[str]) -> None:
        """Declare it, with the verbs below it that are among the words of a line."""
        self.load()
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name in action.choices.keys() & words:
                    action.choices[name].load_named(words)

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
        verb = commands.add_parser(
            name.rpartition(".")[2].rstrip("_"), help=about, description=f"{about[0].upper()}{about[1:]}."
        )
        verb.file = name


def positive(text: str) -> int:
    """A whole number of at least 1, as an argument type."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text}")
    return number
