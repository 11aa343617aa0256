"""`python -m tuitune.engine train RUN_DIR [--listen]`, `… TASK FOLDER`, `… inspect` and `… contact`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from tuitune.engine.process.environment import heavy_imports, prepare_environment
from tuitune.engine.process.stop import hold_back
from tuitune.log_filter import outlive_readers

_TASKS = {
    "tokens": "a recipe's data as tokens",
    "hub": "look up a Hub model",
    "rewards": "judge a model's answers",
    "options": "what PEFT's tuners take",
    "tuner": "what a tuner trains on a model",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tuitune.engine", description="tuitune's worker process.")
    tasks = parser.add_subparsers(dest="task", required=True)
    train = tasks.add_parser("train", help="train the run in a run directory")
    train.add_argument("run", type=Path, metavar="RUN_DIR")
    train.add_argument("--listen", action="store_true", help="take requests as JSON lines on standard input")
    for task, what in _TASKS.items():
        of_folder = tasks.add_parser(task, help=f"run the {task} task of a folder: {what}")
        of_folder.add_argument("folder", type=Path, metavar="FOLDER")
    inspect = tasks.add_parser("inspect", help="answer requests for rows as tokens, a JSON line each")
    inspect.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    contact = tasks.add_parser("contact", help="test what a run needs of a device; a JSON line for each check")
    contact.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    arguments = parser.parse_args()
    if arguments.task == "train":
        hold_back()
        outlive_readers()
        from tuitune.engine.worker import carry_out

        return carry_out(arguments.run, listen=arguments.listen)
    if arguments.task != "rewards" and (arguments.task != "contact" or arguments.device == "cpu"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # tokens are made without a GPU, and none is to be woken for them
    prepare_environment()
    if arguments.task == "contact":
        return _contact(arguments.device)
    if arguments.task in _TASKS:
        return _task(arguments.task, arguments.folder)
    if arguments.worker:
        return _inspector()
    from tuitune.engine.jobs.inspector_guard import guard

    return guard(sys.stdin.buffer, sys.stdout.buffer)


def _task(name: str, folder: Path) -> int:
    """The task of a folder; its report is there before anything heavy is imported."""
    from tuitune.data.task_report import TaskReport, carry_out

    outlive_readers()
    if name == "hub":
        from tuitune.engine.jobs.hub_model import run

        return carry_out(folder, run)
    if name == "tokens":
        TaskReport(folder).progress("importing transformers and trl")
        with heavy_imports():
            from tuitune.engine.jobs.token_report import run as count_tokens

        return carry_out(folder, count_tokens)
    if name == "rewards":
        TaskReport(folder).progress("importing transformers and trl")
        with heavy_imports():
            from tuitune.engine.jobs.reward_trial import run as judge

        return carry_out(folder, judge)
    TaskReport(folder).progress("importing peft")
    with heavy_imports():
        from tuitune.engine.jobs.tuners import run_count, run_options

    return carry_out(folder, run_options if name == "options" else run_count)


def _inspector() -> int:
    """The inspector's worker; what a library prints goes to standard error."""
    replies, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps({"phase": "importing transformers and trl"}), file=replies, flush=True)
    with heavy_imports():
        from tuitune.engine.jobs.inspector import serve

    return serve(sys.stdin, replies)


def _contact(device: str) -> int:
    """First contact; what runs and libraries print, native ones too, goes to standard error."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with heavy_imports():
        import torch

        from tuitune.engine.jobs.contact import serve

    return serve(torch.device(device, 0) if device == "cuda" else torch.device(device), replies)


if __name__ == "__main__":
    code = main()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # A download's threads may still be waiting for the network, and native libraries may be slow to unload: neither
    # may hold up, or change the exit code of, a task whose outcome is already written.
    os._exit(code)
