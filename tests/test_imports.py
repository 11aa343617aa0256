"""The light processes stay light: what a static import graph cannot prove."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tuitune.cli import verbs

HEAVY = {"torch", "transformers", "datasets", "peft", "trl", "bitsandbytes", "accelerate", "numpy", "pandas", "pyarrow"}
LIGHT = [
    "tuitune.cli.parser",
    "tuitune.cli.launching",
    "tuitune.cli.requests",
    "tuitune.cli.task_progress",
    "tuitune.cli.verbs.data.preparation",
    "tuitune.cli.doctor.findings",
    "tuitune.cli.doctor.contact",
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
    "tuitune.hardware.gpus",
    "tuitune.hardware.models",
]


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(' '.join(name.partition('.')[0] for name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines()[-1].split())


def test_light_modules_load_nothing_heavy() -> None:
    """All in one process, which ends at the first that does, with its name and what it has loaded."""
    code = f"""
import importlib, sys
for module in {LIGHT}:
    importlib.import_module(module)
    loaded = {HEAVY} & {{name.partition(".")[0] for name in sys.modules}}
    assert not loaded, f"{{module}} loads {{loaded}}"
"""
    assert not loaded_by(code) & HEAVY


def test_the_supervisor_and_the_commands_load_no_textual() -> None:
    assert "textual" not in loaded_by(
        "import tuitune.runs.supervise.supervisor, tuitune.cli.run_report, tuitune.cli.launching"
    )


def test_the_screen_starts_without_the_parser_of_the_command_line() -> None:
    assert "argparse" not in loaded_by("from tuitune.cli import main; main([]); import tuitune.tui.app")


def test_version_needs_nearly_nothing() -> None:
    loaded = loaded_by("from tuitune.cli import main; main(['--version'])")
    assert not loaded & (HEAVY | {"textual", "pydantic", "rich", "psutil", "argcomplete"})


def test_verbs_are_declared_without_what_takes_long_to_load() -> None:
    named = [path.stem for path in Path(verbs.__path__[0]).rglob("*")]
    loaded = loaded_by(f"from tuitune.cli.parser import build_parser; build_parser().load_named({named})")
    assert not loaded & (HEAVY | {"textual", "pydantic", "rich", "tomlkit", "argcomplete"})
