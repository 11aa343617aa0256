"""Verbs that bring a run to rest or remove it: stop, pause, kill, delete."""

from __future__ import annotations

import argparse

from tuitune.cli.asking import ask
from tuitune.cli.confirm import confirm
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.ladder import watch_kill
from tuitune.cli.output import note, say, say_json
from tuitune.problem import TuituneError
from tuitune.runs.control import spool
from tuitune.runs.deletion import delete as remove
from tuitune.runs.read.state import AT_REST, derive, supervised
from tuitune.runs.read.summary import Summary, summarize
from tuitune.runs.store.directory import find


def stop(options: argparse.Namespace) -> int:
    return _end(options, "stop", "stop at its next step and save")


def pause(options: argparse.Namespace) -> int:
    return _end(options, "pause", "save its state at its next step and free its device")


def kill(options: argparse.Namespace) -> int:
    run = find(options.run)
    if (state := derive(run)[0]) in AT_REST:
        raise TuituneError(f"{run.name} cannot be killed: it is {state}")
    if state == "stopping" and not supervised(run):
        raise TuituneError(
            f"{run.name} cannot be killed: its supervisor is gone. Its engine saves and ends by itself; if it does "
            f"not, `tuitune resume {run.id}` ends it first"
        )
    confirm(run, "kill", f"{run.name} loses what it has learned since its last checkpoint.", yes=options.yes)
    gone = watch_kill(run, now=options.now, quiet=options.json)
    summary = summarize(run)
    if options.json:
        say_json(summary.as_json())
    elif gone:
        say(_ended(summary))
    else:
        say(
            f"{run.name} is stuck; its supervisor keeps watching, and `tuitune follow {run.id}` returns when it is gone"
        )
    return 0 if gone else 1


def delete(options: argparse.Namespace) -> int:
    run = find(options.run)
    if (state := derive(run)[0]) not in AT_REST:
        raise TuituneError(f"{run.name} cannot be deleted: it is {state}; `tuitune stop {run.id}` ends it")
    confirm(run, "delete", f"This deletes {run.path} for good, with its checkpoints and adapter.", yes=options.yes)
    remove(run)
    if options.json:
        say_json({"id": run.id, "name": run.name, "directory": str(run.path), "deleted": True})
    else:
        say(f"{run.name} is deleted")
    return 0


def _end(options: argparse.Namespace, verb: str, deed: str) -> int:
    run = find(options.run)
    if not options.wait:
        spool.request(run, verb)
        note(f"asked {run.name} to {deed}")
        if options.json:
            say_json(summarize(run).as_json())
        return 0
    ask(run, verb)
    code = follow_to_rest(run, quiet=True)
    if code == 130:
        return code
    summary = summarize(run)
    if options.json:
        say_json(summary.as_json())
    else:
        say(_ended(summary))
    return code


def _ended(summary: Summary) -> str:
    if summary.state == "paused":
        return f"{summary.name}: {summary.reason or 'paused'}; `tuitune resume {summary.id}` resumes it"
    reached = "" if summary.step is None else f" at step {summary.step:,}"
    return f"{summary.name}: {summary.state}{reached}"
