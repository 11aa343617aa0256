"""Processes that contend for devices, and what they said so far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.hardware import fake_nvml
from tests.runs.harness import ROOT, wait_for
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run, create

PROGRAM = str(Path(__file__).with_name("contender.py"))
GIB = 2**30
_NO_DRIVER = {"FAKE_NVML": str(fake_nvml.NO_DRIVER)}


def cpu_is_busy(name: str) -> str:
    """What a run waits for while the run of that name has the CPU."""
    return f"CPU is busy: training {name} (hardware.share = true shares it)"


def new_run(name: str, gpu: str = "auto", *, share: bool = False) -> Run:
    """A run with its recipe, which nobody has started."""
    recipe = Recipe()
    hardware = recipe.hardware.model_copy(update={"gpu": gpu, "share": share})
    named = recipe.run.model_copy(update={"name": name})
    return create(recipe.model_copy(update={"hardware": hardware, "run": named}))


class Contender:
    """A process that waits for a device on behalf of a run, on a machine without a driver unless told otherwise."""

    def __init__(self, run: Run, *flags: str, **environment: str) -> None:
        self.run = run
        self.said: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, str(run.path), *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_NO_DRIVER, "PYTHONPATH": f"{fake_nvml.FOLDER}:{ROOT}", **environment},
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    @property
    def last(self) -> dict[str, Any]:
        return self.said[-1] if self.said else {}

    @property
    def device(self) -> str | None:
        return self.last.get("device")

    def waits(self, place: int | None = None) -> str:
        """What it waits for, once it waits (at that place)."""
        wait_for(lambda: "reason" in self.last and place in (None, self.last["place"]))
        return str(self.last["reason"])

    def holds(self) -> str:
        """The device that it has, once it has one."""
        return wait_for(lambda: self.device) or ""

    def let_go(self) -> None:
        """Give the device up, and end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(20) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def clear_away(self) -> None:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.kill()


def write_cards(file: Path, *used: int, **more: Any) -> dict[str, str]:
    """A machine for other processes whose GPUs have so many GiB in use; the environment that shows it to them."""
    cards = [
        {"name": "NVIDIA H200", "uuid": f"GPU-{number}", "memory": [140 * GIB, gib * GIB]}
        for number, gib in enumerate(used)
    ]
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({"cards": cards, **more}))
    draft.replace(file)
    return {"FAKE_NVML": str(file)}
