"""Charts: one frame at up to a million points, against plotext, and six charts at 1 Hz in a real terminal.

`python benchmarks/charts.py` prints each figure with its ratio to the budget: at most 3 ms a frame; at
most 2 % of a core and 4 kB/s to the terminal for six charts.
"""

from __future__ import annotations

import fcntl
import math
import os
import pty
import random
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.containers import Grid
from tuitune.tui.charts.smoothing import SmoothedSeries

from tuitune.pipes import readable
from tuitune.tui.charts.chart import Chart
from tuitune.tui.charts.envelope import ChartWindow
from tuitune.tui.charts.plot import Plot
from tuitune.tui.charts.pyramid import Pyramid
from tuitune.tui.charts.series import Positions, Series

FRAME_MS, CORE_PERCENT, BYTES_PER_SECOND = 3.0, 2.0, 4000
SIZE = (120, 30)
SIX, WARM_UP_SECONDS, MEASURED_SECONDS = (120, 40), 3.0, 20.0


class Curve:
    """A noisy loss with spikes, raw and smoothed."""

    def __init__(self, points: int, total: int) -> None:
        self.positions, self.raw, self.total = Positions(), Pyramid(), total
        self.smooth = SmoothedSeries(self.raw, 0.9)
        for _ in range(points):
            self.grow()
        while not self.smooth.catch_up():
            continue

    def grow(self) -> None:
        step = len(self.positions)
        spike = 1.5 if step % 997 == 500 else 0.0
        self.positions.append(step, step * 512, step * 0.3)
        self.raw.append(2.4 * math.exp(-4 * step / self.total) + 0.3 + random.gauss(0, 0.08) + spike)

    def lines(self) -> list[Series]:
        ghost = Series(self.positions, self.raw, 1, ghost=True)
        return [ghost, Series(self.positions, self.smooth.series, 1, "train", "a")]


def milliseconds(work: Callable[[], object], times: int) -> float:
    """CPU time of the quickest of several goes: the rest is what else the machine was doing."""
    spent = []
    for _ in range(times):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent) * 1000


def frames() -> None:
    print(f"one frame of {SIZE[0]}×{SIZE[1]}, raw and smoothed curve (budget {FRAME_MS} ms)")
    for points in (1_000, 10_000, 100_000, 1_000_000):
        curve, window = Curve(points, points), ChartWindow("step", 0, points)
        cold = milliseconds(lambda curve=curve, window=window: Plot(curve.lines()).frame(window, *SIZE, 0.0), 25)
        plot = Plot(curve.lines())

        def live(curve: Curve = curve, plot: Plot = plot, window: ChartWindow = window) -> None:
            curve.grow()
            curve.smooth.catch_up()
            plot.frame(window, *SIZE, 0.0)

        warm = milliseconds(live, 25)
        peer = f"plotext {plotext_ms(curve):8.1f} ms" if points <= 100_000 else ""
        first = f"first {cold:5.2f} ms = {cold / FRAME_MS:4.2f} × budget"
        print(f"  {points:>9,} points: {first}, next {warm:5.2f} ms   {peer}")


def plotext_ms(curve: Curve) -> float:
    import plotext

    def draw() -> None:
        plotext.clear_figure()
        plotext.plotsize(*SIZE)
        for line in curve.lines():
            plotext.plot(list(line.positions.by("step")), list(line.values.values), marker="braille")
        plotext.build()

    return milliseconds(draw, 2)


class SixCharts(App[None]):
    """Six live charts of 2 000 points and one more each second."""

    CSS = "Grid { grid-size: 2 3; }"
    ENABLE_COMMAND_PALETTE = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"faint": "#808080"} | {
            f"chart-{ink}": colour for ink, colour in enumerate(["#e0a030", "#56b4e9"] * 2, 1)
        }

    def compose(self) -> ComposeResult:
        self.curves = [Curve(2_000, 3_000) for _ in range(6)]
        with Grid():
            for curve in self.curves:
                yield Chart(Plot(curve.lines()))

    def on_mount(self) -> None:
        self.set_interval(1.0, self.tick)

    def tick(self) -> None:
        for curve, chart in zip(self.curves, self.query(Chart), strict=True):
            curve.grow()
            curve.smooth.catch_up()
            chart.window = ChartWindow("step", 0, 2_200)
            chart.draw()


def six_charts() -> None:
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", SIX[1], SIX[0], 0, 0))
        os.execve(
            sys.executable,
            [sys.executable, __file__, "--six"],
            {**os.environ, "TERM": "xterm-256color", "COLORTERM": ""},
        )
    try:
        read_for(master, WARM_UP_SECONDS)
        before = cpu_seconds(pid)
        written = read_for(master, MEASURED_SECONDS)
        percent = (cpu_seconds(pid) - before) / MEASURED_SECONDS * 100
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)
    rate = written / MEASURED_SECONDS
    print(f"six charts at 1 Hz on {SIX[0]}×{SIX[1]}, 256 colours")
    print(f"  {percent:5.2f} % of a core = {percent / CORE_PERCENT:4.2f} × budget")
    print(f"  {rate:5.0f} B/s to the terminal = {rate / BYTES_PER_SECOND:4.2f} × budget")


def read_for(master: int, seconds: float) -> int:
    """Bytes written to the terminal within `seconds`."""
    count, deadline = 0, time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if readable(master, left):
            count += len(os.read(master, 65_536))
    return count


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if "--six" in sys.argv:
        SixCharts().run()
    else:
        frames()
        six_charts()
