"""Listing 500 runs of 100 000 records each, once each has been read: `tuitune runs` ≤ 3 s, the screen's list ≤ 3 s.

`python benchmarks/list_runs.py` makes such runs in a temporary folder, linked to one long journal, and
prints each figure with its ratio to the budget, beside the time that the first reading of one run takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

RUNS, STEPS = 500, 100_000
BUDGET_SECONDS = 3.0


def make_runs() -> None:
    """The journals are links to one file, so that the folder stays small."""
    from tuitune.recipe.schema import Recipe
    from tuitune.runs.store.directory import create
    from tuitune.runs.store.journal import JournalWriter

    lines = [
        json.dumps({
            "v": 1, "seq": step, "time": 1.7e9 + step, "kind": "step", "step": step, "epoch": step / STEPS,
            "loss": 2.4 - step / STEPS, "learning_rate": 2e-4, "grad_norm": 0.5, "tokens": step * 4096,
            "tokens_per_second": 12_000.0, "step_seconds": 0.33, "memory_bytes": 10**10, "peak_memory_bytes": 10**10,
        })
        for step in range(1, STEPS + 1)
    ]  # fmt: skip
    journal = ("\n".join(lines) + "\n").encode()
    first = None
    for number in range(RUNS):
        run = create(Recipe.model_validate({"run": {"name": f"long-{number}"}}))
        with JournalWriter(run.events_file) as events:
            events.append(event="ended", state="finished", reason="", seconds=1.0)
        if first is None:
            run.metrics_file.write_bytes(journal)
            first = run.metrics_file
        else:
            os.link(first, run.metrics_file)


def listed_on_the_screen() -> float:
    from tuitune.views.run_list import RunList

    began, runs = time.perf_counter(), RunList()
    while not runs.complete:
        runs.poll()
    return time.perf_counter() - began


def listed_by_the_command() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tuitune", "runs"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUITUNE_HOME"] = folder
        make_runs()
        from tuitune.runs.read import glance
        from tuitune.runs.read.summary import RunView
        from tuitune.runs.store.directory import list_runs

        runs = list_runs()
        made_of, view, began = glance.stamps(runs[0]), RunView(runs[0]), time.perf_counter()
        view.refresh()
        glance.keep(runs[0], view, made_of)
        print(f"the first reading of one run of {STEPS:,} records: {time.perf_counter() - began:.2f} s")
        for run in runs[1:]:
            view.run = run
            glance.keep(run, view, glance.stamps(run))
        for title, seconds in (("command", listed_by_the_command()), ("screen", listed_on_the_screen())):
            print(f"  {RUNS} runs, {title:8} {seconds:5.2f} s = {seconds / BUDGET_SECONDS:4.2f} × budget")


if __name__ == "__main__":
    main()
