"""The command line: every verb with its options and help. Verbs import what they need only when they run."""

from __future__ import annotations

import argparse

from tuitune import __version__
from tuitune.cli.arguments import (
    Parser,
    add,
    add_json,
    add_run,
    add_set,
    add_wait,
    add_yes,
    place,
    positive,
    role,
    verb,
)

_SETTINGS = "settings_help:settings_help"
_TUNABLE = "settings_help:tunable_help"
_WRITTEN = ("messages", "prompt-completion", "text", "preference", "unpaired-preference")
_SHAPES = (
    *("auto", "alpaca", "messages", "sharegpt", "tools", "prompt-completion", "columns", "text"),
    *("preference", "unpaired-preference"),
)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. Each leaf sets `verb`: a function from the parsed options to an exit code."""
    parser = Parser(prog="tuitune", description="The terminal workbench for fine-tuning language models.")
    parser.add_argument("--version", action="version", version=f"tuitune {__version__}")
    parser.set_defaults(verb=verb("screen:screen"))
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    _add_starting(verbs)
    _add_looking(verbs)
    _add_ending(verbs)
    _add_asking(verbs)
    _add_queue(verbs)
    _add_data(verbs)
    _add_machine(verbs)
    return parser


def _add_starting(verbs: argparse._SubParsersAction) -> None:
    demo = add(verbs, "demo", "start:demo", "fine-tune the bundled model on the bundled triage set: about two minutes")
    demo.add_argument(
        "--plain", action="store_true", help="print progress and a summary instead of opening the monitor"
    )

    new = add(verbs, "new", "start:new", "write a recipe", appendix=_SETTINGS)
    new.add_argument("--preset", metavar="NAME", help="start from a preset, listed below")
    add_set(new)
    new.add_argument("-o", "--output", metavar="FILE", required=True, help="the recipe to write; - for standard output")
    new.add_argument("--force", action="store_true", help="write over an existing file")

    check = add(verbs, "check", "start:check", "errors, advice and memory forecast of a recipe", appendix=_SETTINGS)
    check.add_argument("recipe", metavar="RECIPE", help="a recipe file; relative paths in it start at its folder")
    add_set(check)
    add_json(check)

    train = add(verbs, "train", "start:train", "start a run and follow it to its end", appendix=_SETTINGS)
    train.add_argument("recipe", metavar="RECIPE", help="a recipe file; relative paths in it start at its folder")
    add_set(train)
    train.add_argument("--detach", action="store_true", help="start it, print its id and return")
    add_json(train)

    going_on = "resume a paused, stopped or crashed run from its newest intact checkpoint"
    resume = add(verbs, "resume", "start:resume", going_on, appendix=_SETTINGS)
    add_run(resume)
    add_set(resume)
    resume.add_argument("--detach", action="store_true", help="start it, print its id and return")
    add_json(resume)


def _add_looking(verbs: argparse._SubParsersAction) -> None:
    add_json(add(verbs, "runs", "look:runs", "every run, newest first"))
    show = add(verbs, "show", "look:show", "state, figures and recipe of a run")
    follow = add(verbs, "follow", "look:follow", "watch a run to its end; exits 1 where it failed")
    plot = add(verbs, "plot", "look:plot", "draw a metric of a run")
    log = add(verbs, "log", "look:log", "everything a run's engine printed")
    for parser in (show, follow, plot, log):
        add_run(parser)
    for parser in (show, follow):
        add_json(parser)
    plot.add_argument(
        "--metric",
        default="loss",
        choices=("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes"),
        help="what to draw (default: loss, with the held-out loss)",
    )
    log.add_argument("-n", "--lines", type=positive, metavar="N", help="only the last N lines")


def _add_ending(verbs: argparse._SubParsersAction) -> None:
    stop = add(verbs, "stop", "end:stop", "end a run at its next step and save its adapter")
    pause = add(verbs, "pause", "end:pause", "save a run's state at its next step and free the device, to resume later")
    for parser in (stop, pause):
        add_run(parser)
        add_wait(parser)
        add_json(parser)

    kill = add(verbs, "kill", "end:kill", "end a run that does not stop: ask it, then SIGTERM, then SIGKILL")
    add_run(kill)
    kill.add_argument("--now", action="store_true", help="kill its processes at once; what was not saved is lost")
    add_yes(kill)
    add_json(kill)

    delete = add(verbs, "delete", "end:delete", "delete a run that is not running, with its checkpoints and adapter")
    add_run(delete)
    add_yes(delete)
    add_json(delete)


def _add_asking(verbs: argparse._SubParsersAction) -> None:
    checkpoint = add(verbs, "checkpoint", "requests:checkpoint", "save a checkpoint of a run now")
    evaluate = add(verbs, "evaluate", "requests:evaluate", "evaluate a run on its held-out rows now")
    sample = add(
        verbs, "sample", "requests:sample", "generate answers now, to the recipe's prompts or to one of your own"
    )
    changing = "change the learning rate, cadences, prompts or limits of a run while it trains"
    tune = add(verbs, "tune", "requests:tune", changing, appendix=_TUNABLE)
    for parser in (checkpoint, evaluate, sample, tune):
        add_run(parser)
        add_wait(parser)
        add_json(parser)
    sample.add_argument("prompt", metavar="PROMPT", nargs="?", help="the prompt to answer, instead of the recipe's")
    tune.add_argument(
        "changes",
        metavar="KEY=VALUE",
        nargs="+",
        help="such as learning_rate=1e-4 or checkpoints.every=50; the keys are listed below",
    )


def _add_queue(verbs: argparse._SubParsersAction) -> None:
    queue = add(verbs, "queue", "queue:show", "queued runs, and which runs hold the devices")
    add_json(queue)
    actions = queue.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    move = add(actions, "move", "queue:move", "move a queued run")
    edit = add(actions, "edit", "queue:edit", "change settings of a queued run before it starts", appendix=_SETTINGS)
    remove = add(actions, "remove", "queue:remove", "take a run out of the queue; it is kept and can be resumed")
    for parser in (move, edit, remove):
        add_run(parser)
    move.add_argument("place", metavar="PLACE", type=place, help="first, last, up, down, or a number from 1")
    add_set(edit, required=True)
    for parser in (move, edit, remove):
        add_json(parser)


def _add_data(verbs: argparse._SubParsersAction) -> None:
    data = add(verbs, "data", None, "look at data sets and prepare them")
    commands = data.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    inspect = add(commands, "inspect", "data.inspect:inspect", "shape, counts, problem rows and advice")
    inspect.add_argument(
        "paths", metavar="PATH", nargs="+", help="files, folders, https addresses, bundled sets or Hub data sets"
    )
    inspect.add_argument("--shape", choices=_SHAPES, default="auto", help="how rows are read (default: auto)")
    inspect.add_argument(
        "--columns",
        metavar="ROLE=COLUMN",
        type=role,
        nargs="+",
        action="extend",
        default=[],
        help="which column plays which role, such as prompt=question completion=answer",
    )
    inspect.add_argument(
        "--objective",
        choices=("sft", "dpo", "kto"),
        default="sft",
        help="what the rows are trained with (default: sft)",
    )
    inspect.add_argument("--split", default="train", help="the split of a Hub data set (default: train)")
    inspect.add_argument("--model", metavar="M", help="count tokens with this model's tokenizer")
    add_json(inspect)

    tokens = add(
        commands, "tokens", "data.tokens:tokens", "tokenize rows: how long they are, and which tokens are learned"
    )
    tokens.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        help="a file, folder, https address, bundled set or Hub data set (default: the recipe's)",
    )
    tokens.add_argument("--recipe", metavar="RECIPE", help="take model, template and settings from this recipe")
    tokens.add_argument("--model", metavar="M", help="the model whose tokenizer is used (default: bundled:nano)")
    tokens.add_argument("--row", metavar="N", type=positive, help="show this row alone, token by token")
    add_set(tokens)
    add_json(tokens)

    clean = add(commands, "clean", "data.clean:clean", "clean a data set and tell what each step did")
    clean.description = (
        f"{clean.description}\n\nWithout --recipe it drops unusable, empty and repeated rows and tidies white "
        "space\n(a recipe has these steps off by default); --set changes them."
    )
    clean.add_argument("--report", metavar="FILE", help="write what each step did, with examples, to this JSON file")
    convert = add(commands, "convert", "data.convert:convert", "write a data set in another shape")
    convert.add_argument("--to", choices=_WRITTEN, default="messages", help="the shape (default: messages)")
    split = add(commands, "split", "data.split:split", "split a data set into training and held-out rows, by content")
    split.add_argument("--eval", metavar="SHARE", type=float, help="share held out (default: the recipe's, or 0.05)")
    split.add_argument("--seed", metavar="N", type=int, help="seed that picks the rows (default: the recipe's, or 42)")
    for parser in (clean, convert, split):
        parser.add_argument("source", metavar="IN", help="a file, folder, https address, bundled set or Hub data set")
        parser.add_argument("--recipe", metavar="RECIPE", help="take the steps and the shape from this recipe")
        parser.add_argument("--force", action="store_true", help="write over existing files")
        add_set(parser)
        add_json(parser)
    for parser in (clean, convert):
        output = "the file to write, by its ending: .jsonl, .json, .csv, .tsv or .parquet"
        parser.add_argument("-o", "--output", metavar="OUT", required=True, help=output)
    split.add_argument(
        "-o", "--output", metavar="DIR", required=True, help="the folder for train.jsonl and heldout.jsonl"
    )


def _add_machine(verbs: argparse._SubParsersAction) -> None:
    add_json(add(verbs, "models", "machine:models", "base models on this machine"))
    add_json(add(verbs, "gpus", "machine:gpus", "GPUs, their free memory and who uses them"))
    doctor = add(verbs, "doctor", "machine:doctor", "check this machine: versions, GPU, disk, terminal")
    first_contact = "test a GPU in a few minutes and print a block to paste into a report"
    doctor.add_argument("--gpu", nargs="?", const="auto", metavar="GPU", help=f"{first_contact}: a number or UUID")
    add_json(doctor)
