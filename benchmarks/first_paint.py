"""Time from starting `tuitune` to its first paint in a terminal: at most 1.5 × a Textual hello-world, taken in turns.

`python benchmarks/first_paint.py [ROUNDS]` starts both programs ROUNDS times (12 unless told), alternating, so that a
busy machine is as busy for one as for the other. What counts is until the first words of the screen are written.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.tui.pty_session import SCREEN, start

BUDGET = 1.5
HELLO = """
from textual.app import App
from textual.widgets import Static

class Hello(App):
    def compose(self):
        yield Static("Hello, world")

Hello().run()
"""


def first_paint(wanted: bytes, command: tuple[str, ...]) -> tuple[float, float]:
    """Milliseconds until `wanted` was written: by the clock, and of processor time."""
    with start(command) as session:
        clock = session.wait_for(wanted, 60)
        tasks = Path(f"/proc/{session.pid}/task").glob("*/schedstat")
        return clock * 1e3, sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    hello, screen = [], []
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(TUITUNE_HOME=home, XDG_CONFIG_HOME=home)
        for _ in range(rounds + 1):
            hello.append(first_paint(b"Hello, world", (sys.executable, "-P", "-c", HELLO)))
            screen.append(first_paint(b"Runs", SCREEN))
    within = True
    for place, what in enumerate(("clock", "processor")):
        # The first of each compiled bytecode and warmed the file cache.
        theirs, ours = (statistics.median(times[place] for times in taken[1:]) for taken in (hello, screen))
        print(f"{what:<10} hello-world {theirs:4.0f} ms  tuitune {ours:4.0f} ms  ratio {ours / theirs:.2f} of {BUDGET}")
        within &= ours / theirs <= BUDGET
    return int(not within)


if __name__ == "__main__":
    sys.exit(main())
