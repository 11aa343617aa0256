"""The command line: its verbs, in the order of `tuitune --help`. Each is a file of its own."""

from __future__ import annotations

from tuitune import __version__
from tuitune.cli.arguments import Parser, add_verbs
from tuitune.cli.exit_codes import exit_codes_help

VERBS = {
    "start.demo": "fine-tune the bundled model on the bundled triage set: about two minutes",
    "recipe.new": "write a recipe",
    "recipe.import_": "read a configuration of Axolotl, LLaMA-Factory or PEFT into a recipe",
    "recipe.check": "errors, advice and memory forecast of a recipe",
    "recipe.forecast": "the memory that a recipe needs, and which cards have it",
    "recipe.methods": "how weights can be adapted, and what each method goes with",
    "rewards": "what the answers of a model are worth, before it is trained by that",
    "start.train": "start a run and follow it to its end",
    "start.resume": "resume a paused, stopped or crashed run from its newest intact checkpoint",
    "look.runs": "every run, newest first",
    "look.show": "state, figures and recipe of a run",
    "look.follow": "watch a run to its end; exits 1 where it failed",
    "look.plot": "draw a metric of a run",
    "look.log": "everything a run's engine printed",
    "control.stop": "end a run at its next step and save its adapter",
    "control.pause": "save a run's state at its next step and free the device, to resume later",
    "control.kill": "end a run that does not stop: ask it, then SIGTERM, then SIGKILL",
    "control.delete": "delete a run that is not running, with its checkpoints and adapter",
    "control.checkpoint": "save a checkpoint of a run now",
    "control.evaluate": "evaluate a run on its held-out rows now",
    "control.sample": "generate answers now, to the recipe's prompts or to one of your own",
    "control.tune": "change the learning rate, cadences, prompts or limits of a run while it trains",
    "queue": "queued runs, and which runs hold the devices",
    "data": "look at data sets and prepare them",
    "machine.models": "base models: those on this machine and those of the catalogue",
    "machine.gpus": "GPUs, their free memory and who uses them; the catalogue of cards",
    "machine.doctor": "check this machine: versions, GPU, disk, terminal",
    "machine.completion": "print the script for shell completion of commands, settings and runs",
}
"""The help of every verb, by its module in `tuitune.cli.verbs`, which is loaded when the verb is used."""


def build_parser() -> Parser:
    """The whole command line. Its `verb` is a function from the options to an exit code; None: the screen."""
    parser = Parser(prog="tuitune", description="The terminal workbench for fine-tuning language models.")
    parser.add_argument("--version", action="version", version=f"tuitune {__version__}")
    parser.appendix = exit_codes_help
    parser.set_defaults(verb=None)
    add_verbs(parser, VERBS)
    return parser
