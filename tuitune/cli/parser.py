"""The command line: verbs, their options and their help. Verbs import what they need only when they run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from tuitune import __version__

Verb = Callable[[argparse.Namespace], int]


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. Each leaf sets `verb`: a function from the parsed options to an exit code."""
    parser = _Parser(prog="tuitune", description="The terminal workbench for fine-tuning language models.")
    parser.add_argument("--version", action="version", version=f"tuitune {__version__}")
    parser.set_defaults(verb=_verb("screen", "screen"))
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _add_starting(verbs)
    _add_looking(verbs)
    _add_machine(verbs)
    return parser


def _add_starting(verbs: argparse._SubParsersAction) -> None:
    demo = _add(verbs, "demo", "start:demo", "fine-tune the bundled model on the bundled triage set: about two minutes")
    demo.add_argument(
        "--plain", action="store_true", help="print progress and a summary instead of opening the monitor"
    )

    new = _add(verbs, "new", "start:new", "write a recipe", settings_help=True)
    new.add_argument("--preset", metavar="NAME", help="start from a preset, listed below")
    _add_set(new)
    new.add_argument("-o", "--output", metavar="FILE", required=True, help="the recipe to write; - for standard output")
    new.add_argument("--force", action="store_true", help="write over an existing file")

    check = _add(verbs, "check", "start:check", "errors, advice and memory forecast of a recipe", settings_help=True)
    check.add_argument("recipe", metavar="RECIPE", help="a recipe file")
    _add_set(check)
    _add_json(check)

    train = _add(verbs, "train", "start:train", "start a run and follow it to its end", settings_help=True)
    train.add_argument("recipe", metavar="RECIPE", help="a recipe file")
    _add_set(train)
    train.add_argument("--detach", action="store_true", help="start it, print its id and return")
    _add_json(train)

    stop = _add(verbs, "stop", "act:stop", "end a run at its next step and save its adapter")
    stop.add_argument("run", metavar="RUN", help=_RUN_HELP)
    stop.add_argument("--no-wait", dest="wait", action="store_false", help="ask and return at once")
    _add_json(stop)


def _add_looking(verbs: argparse._SubParsersAction) -> None:
    _add_json(_add(verbs, "runs", "look:runs", "every run, newest first"))
    show = _add(verbs, "show", "look:show", "state, figures and recipe of a run")
    follow = _add(verbs, "follow", "look:follow", "watch a run to its end; exits 1 where it failed")
    plot = _add(verbs, "plot", "look:plot", "draw a metric of a run")
    log = _add(verbs, "log", "look:log", "everything that the run's engine printed")
    for verb in (show, follow, plot, log):
        verb.add_argument("run", metavar="RUN", help=_RUN_HELP)
    for verb in (show, follow):
        _add_json(verb)
    plot.add_argument(
        "--metric",
        default="loss",
        choices=("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes"),
        help="what to draw (default: loss, with the held-out loss)",
    )
    log.add_argument("-n", "--lines", type=_positive, metavar="N", help="only the last N lines")


def _add_machine(verbs: argparse._SubParsersAction) -> None:
    data = _add(verbs, "data", None, "look at data sets")
    inspect = _add(
        data.add_subparsers(metavar="COMMAND", required=True),
        "inspect",
        "data:inspect",
        "shape, counts and problem rows",
    )
    inspect.add_argument("paths", metavar="PATH", nargs="+", help="data files or bundled sets (bundled:triage)")
    _add_json(inspect)
    _add_json(_add(verbs, "models", "machine:models", "base models on this machine"))
    _add_json(_add(verbs, "gpus", "machine:gpus", "GPUs, their free memory and who uses them"))
    _add_json(_add(verbs, "doctor", "machine:doctor", "check this machine: versions, GPU, disk, terminal"))


_RUN_HELP = "a run's id, a unique beginning of it, its directory name, or its name where only one bears it"


def _add(
    verbs: argparse._SubParsersAction, name: str, target: str | None, help: str, *, settings_help: bool = False
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.settings_help = settings_help
    if target:
        module, _, function = target.partition(":")
        parser.set_defaults(verb=_verb(module, function))
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting (repeatable); a TOML value or a bare word",
    )


def _verb(module: str, function: str) -> Verb:
    def run(options: argparse.Namespace) -> int:
        return getattr(import_module(f"tuitune.cli.{module}"), function)(options)

    return run


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text}")
    return number


class _Parser(argparse.ArgumentParser):
    """argparse, with the recipe's settings under the help of the verbs that take a recipe."""

    settings_help = False

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def format_help(self) -> str:
        if not self.settings_help:
            return super().format_help()
        from tuitune.cli.settings_help import settings_help

        return super().format_help() + "\n" + settings_help()

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n{self.format_usage()}")
