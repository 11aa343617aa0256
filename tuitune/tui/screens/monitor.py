"""Monitor: one run as it happens, or as it was. Rebuilt from its directory; nothing here is needed for the run to go on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial, partialmethod
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from tuitune.problem import TuituneError
from tuitune.runs import control, files
from tuitune.runs.directory import Run
from tuitune.runs.identity import Identity
from tuitune.runs.state import ENDED
from tuitune.runs.summary import RunView
from tuitune.text import clean, redact
from tuitune.tui import clipboard
from tuitune.tui.actions import bindings
from tuitune.tui.charts.axis import AXES
from tuitune.tui.charts.chart import Chart
from tuitune.tui.charts.envelope import Window
from tuitune.tui.charts.frame import ASCII_GLYPHS, UNICODE_GLYPHS
from tuitune.tui.charts.plot import Plot
from tuitune.tui.charts.viewport import Viewport
from tuitune.tui.screens.base import TuituneScreen
from tuitune.tui.widgets.dialogs import Confirm, TextView
from tuitune.tui.widgets.gpu_panel import GpuPanel, machine_line
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.log_view import LogView, event_texts
from tuitune.tui.widgets.log_window import LogWindow
from tuitune.tui.widgets.metric_strip import MetricStrip
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.run_curves import METRICS, WEIGHTS, RunCurves
from tuitune.tui.widgets.run_header import RunHeader
from tuitune.tui.widgets.samples import SamplesView
from tuitune.units import count_text, number_text

INTERVAL = 1.0
RECORDS_AT_ONCE = 2_000
DRAW_WHILE_READING = 0.2
RECIPE_LIMIT = 1 << 20

PANES = (*METRICS, "machine", "samples", "log")
TITLES = {
    "loss": "loss", "learning_rate": "learning rate", "grad_norm": "gradient norm", "tokens_per_second": "tokens/s",
    "machine": "machine", "samples": "samples", "log": "events & log",
}  # fmt: skip
