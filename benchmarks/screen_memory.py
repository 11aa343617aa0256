"""Memory of the screen process at its start: at most 60 MB, beside a Textual hello-world and with 100 runs in the list.

`python benchmarks/screen_memory.py` reads the resident size two seconds after the first paint, once the list is read.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.first_paint import HELLO
from tests.tui.pty_session import SCREEN, start

BUDGET = 60e6
RUNS, STEPS = 100, 500


def resident_bytes(wanted: bytes, command: tuple[str, ...]) -> float:
    with start(command) as session:
        session.wait_for(wanted, 60)
        settled = time.monotonic() + 2
        while time.monotonic() < settled:
            session.read(0.1)
        pages = int(Path(f"/proc/{session.pid}/statm").read_text().split()[1])
        return float(pages * os.sysconf("SC_PAGE_SIZE"))


def make_runs() -> None:
    from tuitune.recipe.schema import Recipe
    from tuitune.runs.store.directory import create
    from tuitune.runs.store.journal import JournalWriter

    for number in range(RUNS):
        run = create(Recipe.model_validate({"run": {"name": f"run-{number}"}}))
        with JournalWriter(run.metrics_file) as metrics:
            metrics.append(kind="plan", total_steps=STEPS)
            for step in range(1, STEPS + 1):
                metrics.append(kind="step", step=step, loss=2 / step, step_seconds=0.3, tokens=step * 1000)
        with JournalWriter(run.events_file) as events:
            events.append(event="ended", state="finished", reason="")


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(TUITUNE_HOME=home, XDG_CONFIG_HOME=home)
        hello = resident_bytes(b"Hello, world", (sys.executable, "-P", "-c", HELLO))
        empty = resident_bytes(b"No runs yet", SCREEN)
        make_runs()
        full = resident_bytes(b"finished", SCREEN)
    for name, size in (("hello-world", hello), ("tuitune, no run yet", empty), (f"tuitune, {RUNS} runs", full)):
        print(f"{name:<22}{size / 1e6:6.1f} MB   {size / BUDGET:.2f} of the budget")
    return int(max(empty, full) > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
