"""Opening a run of 100 000 steps in the monitor: first chart ≤ 0.3 s, complete ≤ 1 s, event loop never blocked > 60 ms.

`python benchmarks/open_run.py` makes such a run in a temporary folder, opens it from the list of runs, and prints
each figure with its ratio to the budget, beside the time that reading the same journal at one go takes.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import tempfile
import time

STEPS = 100_000
FIRST_SECONDS, COMPLETE_SECONDS, BLOCKED_SECONDS = 0.3, 1.0, 0.060
ROUNDS = 3


def make_run() -> object:
    from tuitune.recipe.schema import Recipe
    from tuitune.runs.store.directory import create
    from tuitune.runs.store.journal import JournalWriter

    run = create(Recipe.model_validate({"run": {"name": "long"}}))
    began = time.time() - STEPS
    with run.metrics_file.open("w") as file:
        file.write(json.dumps({"v": 1, "seq": 1, "time": began, "kind": "plan", "total_steps": STEPS}) + "\n")
        for step in range(1, STEPS + 1):
            record = {
                "v": 1, "seq": step + 1, "time": began + step, "kind": "step", "step": step, "epoch": step / STEPS,
                "loss": 2.4 * math.exp(-4 * step / STEPS) + 0.3 + 0.1 * math.sin(step * 13),
                "learning_rate": 2e-4 * (1 - step / STEPS),
                "grad_norm": 0.5 + 0.2 * math.sin(step * 78), "tokens": step * 4096,
                "tokens_per_second": 12_000.0 + step % 97,
                "step_seconds": 0.33, "memory_bytes": 10**10, "peak_memory_bytes": 11 * 10**9,
            }  # fmt: skip
            file.write(json.dumps(record) + "\n")
    with JournalWriter(run.events_file) as events:
        events.append(event="ended", state="finished", reason="")
    return run


async def longest_block(stop: asyncio.Event) -> tuple[float, float]:
    """The longest time in seconds for which the event loop did nothing else, and the most CPU time spent in one go."""
    longest = busiest = 0.0
    wall, cpu = time.perf_counter(), time.thread_time()
    while not stop.is_set():
        await asyncio.sleep(0.001)
        now, spent = time.perf_counter(), time.thread_time()
        longest, busiest = max(longest, now - wall - 0.001), max(busiest, spent - cpu)
        wall, cpu = now, spent
    return longest, busiest


async def open_once(run: object) -> tuple[float, ...]:
    from textual.css.query import NoMatches

    from tuitune.tui.app import TuituneApp
    from tuitune.tui.charts.chart import Chart

    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(1.5)
        stop = asyncio.Event()
        watch = asyncio.create_task(longest_block(stop))
        began = time.perf_counter()
        app.open_monitor(run)  # type: ignore[arg-type]
        first = complete = 0.0
        while not complete:
            await asyncio.sleep(0.002)
            try:
                chart = app.screen.query_one("#chart-loss", Chart)
            except NoMatches:
                continue
            if not first and chart.drawn:
                first = time.perf_counter() - began
            if len(chart.plot.lines) and len(chart.plot.lines[-1].values) == STEPS:
                complete = time.perf_counter() - began
        stop.set()
        return first, complete, *await watch


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUITUNE_HOME"], os.environ["XDG_CONFIG_HOME"] = folder, folder
        run = make_run()
        from tuitune.runs.read.summary import RunView

        began = time.perf_counter()
        RunView(run).refresh()  # type: ignore[arg-type]
        print(f"reading the journal of {STEPS:,} steps at one go: {time.perf_counter() - began:.2f} s")
        results = [asyncio.run(open_once(run)) for _ in range(ROUNDS)]
    budgets = (
        ("first chart", FIRST_SECONDS),
        ("complete", COMPLETE_SECONDS),
        ("longest block of the loop", BLOCKED_SECONDS),
        ("the same in CPU time", BLOCKED_SECONDS),
    )
    for index, (title, budget) in enumerate(budgets):
        best = min(result[index] for result in results)
        print(f"  {title:26} {best * 1000:6.0f} ms = {best / budget:4.2f} × budget   (best of {ROUNDS})")


if __name__ == "__main__":
    main()
