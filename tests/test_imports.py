"""The light processes stay light: what a static import graph cannot prove."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "datasets", "peft", "trl", "bitsandbytes", "accelerate", "numpy", "pandas", "pyarrow"}
LIGHT = [
    "tuitune.cli.parser",
    "tuitune.cli.start",
    "tuitune.cli.look",
    "tuitune.cli.end",
    "tuitune.cli.requests",
    "tuitune.cli.queue",
    "tuitune.cli.machine",
    "tuitune.cli.data",
    "tuitune.cli.doctor",
    "tuitune.tui.app",
    "tuitune.tui.runs.screen",
    "tuitune.tui.compose.screen",
    "tuitune.tui.monitor.screen",
    "tuitune.runs.supervise.supervisor",
    "tuitune.runs.launcher",
    "tuitune.runs.read.summary",
    "tuitune.planning.preflight",
    "tuitune.data.scan.inspect",
    "tuitune.data.tasks",
    "tuitune.cli.data.inspect",
    "tuitune.hardware.gpus",
    "tuitune.hardware.models",
]


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(' '.join(name.partition('.')[0] for name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    assert not loaded_by(f"import {module}") & HEAVY


def test_the_supervisor_and_the_commands_load_no_textual() -> None:
    assert "textual" not in loaded_by("import tuitune.runs.supervise.supervisor, tuitune.cli.look, tuitune.cli.start")


def test_the_screen_starts_without_the_parser_of_the_command_line() -> None:
    assert "argparse" not in loaded_by("from tuitune.cli import main; main([]); import tuitune.tui.app")


def test_version_needs_nearly_nothing() -> None:
    loaded = loaded_by("from tuitune.cli import main; main(['--version'])")
    assert not loaded & (HEAVY | {"textual", "pydantic", "rich", "psutil"})
