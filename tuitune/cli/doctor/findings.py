"""The doctor: what on this machine would keep a run, or the screen, from working well."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tuitune import paths
from tuitune.cli.doctor import Finding
from tuitune.cli.doctor.gpu_findings import gpu_findings
from tuitune.hardware.base_models import base_models
from tuitune.hardware.cards import cards
from tuitune.hardware.models import hub_cache
from tuitune.hardware.session import session
from tuitune.planning.advice.survival import survival
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.runs.queue.device_lock import DeviceLock
from tuitune.units import bytes_text

FLOORS = {
    "torch": (2, 10),
    "transformers": (5, 20),
    "trl": (1, 16),
    "peft": (0, 21),
    "bitsandbytes": (0, 50),
    "datasets": (5, 2),
    "accelerate": (1, 15),
    "textual": (8, 2),
}
"""The oldest version of each library that tuitune was tested with."""

LOW_DISK_BYTES = 10e9


def examine() -> list[Finding]:
    """Look at versions, torch and its GPU, disk and home folder, catalogues, what would end a run, the Hub token, the
    terminal.
    """
    return [
        *_versions(),
        *gpu_findings(),
        *_home(),
        *_catalogues(),
        _leases(),
        *_survival(),
        _token(),
        *_terminal(),
    ]


def _catalogues() -> Iterator[Finding]:
    """The user's models and cards: what of them is left out."""
    for name, catalogue in (("models", base_models()), ("cards", cards())):
        yield from (Finding("warning", f"catalogue of {name}", str(problem)) for problem in catalogue.problems)
        yield Finding("ok", f"catalogue of {name}", f"{len(catalogue.entries)} {name}")


def _versions() -> Iterator[Finding]:
    yield Finding("ok", "python", f"{platform.python_version()} at {sys.executable}")
    for package, floor in FLOORS.items():
        try:
            installed = version(package)
        except PackageNotFoundError:
            yield Finding("error", package, "not installed; `pip install tuitune` installs it")
            continue
        numbers = tuple(int(part) for part in installed.split("+")[0].split(".")[:2] if part.isdigit())
        if numbers >= floor:
            yield Finding("ok", package, installed)
        else:
            yield Finding("error", package, f"{installed}; tuitune needs {floor[0]}.{floor[1]} or newer")


def _home() -> Iterator[Finding]:
    home = paths.data_home()
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("error", "home folder", f"{existing} is not writable; set TUITUNE_HOME to a folder that is")
        return
    free = shutil.disk_usage(existing).free
    text = f"{home}, {bytes_text(free)} free"
    if free > LOW_DISK_BYTES:
        yield Finding("ok", "home folder", text)
    else:
        yield Finding("warning", "home folder", f"{text}: checkpoints may fill it")


def _leases() -> Finding:
    """Whether a run could keep a device to itself here; the processor's lease is tried, if no run holds it."""
    lock = DeviceLock("cpu")
    try:
        free = lock.acquire()
    except TuituneError as refusal:
        return Finding("error", "device leases", str(refusal))
    lock.release()
    return Finding("ok", "device leases", "available" if free else "available; a run holds the CPU's")


def _survival() -> Iterator[Finding]:
    advice = survival(session(paths.data_home()), Recipe())
    for one in advice:
        yield Finding("warning", one.id.replace("-", " "), one.message)
    if not advice:
        yield Finding("ok", "runs", "keep running when this terminal, SSH or tmux closes, until the machine restarts")


def _token() -> Finding:
    chosen = os.environ.get("HF_HOME")
    stored = (Path(chosen) if chosen else hub_cache().parent) / "token"
    if os.environ.get("HF_TOKEN") or stored.is_file():
        return Finding("ok", "Hub token", "found (its value is never written to a run)")
    return Finding("warning", "Hub token", "none: gated models such as Llama need HF_TOKEN or `hf auth login`")


def _terminal() -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or locale.getpreferredencoding()).lower()
    if "utf" in encoding:
        yield Finding("ok", "encoding", encoding)
    else:
        yield Finding("warning", "encoding", f"{encoding}: charts are drawn in ASCII; LANG=C.UTF-8 gives braille")
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        what = f"TERM is {term or 'not set'}: the screen cannot open here; the commands work"
        yield Finding("warning", "terminal", what)
    else:
        depth = "truecolor" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256 colours"
        yield Finding("ok", "terminal", f"{term}, {depth}")
    if os.environ.get("TMUX"):
        yield from _tmux()


def _tmux() -> Iterator[Finding]:
    try:
        asked = ["tmux", "show-options", "-gsv", "escape-time"]
        delay = int(subprocess.run(asked, capture_output=True, text=True, timeout=5).stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        yield Finding("warning", "tmux", "did not answer")
        return
    if delay > 50:
        yield Finding("warning", "tmux", f"Esc lags {delay} ms; `set -sg escape-time 10` in ~/.tmux.conf fixes it")
    else:
        yield Finding("ok", "tmux", f"escape-time {delay} ms")
