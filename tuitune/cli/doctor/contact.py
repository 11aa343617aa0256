"""`tuitune doctor --gpu`: first contact with a card, by an engine process, and a block to paste into a report."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuitune import __version__
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_answer
from tuitune.hardware import fitness, occupancy
from tuitune.hardware.compiler import compiler
from tuitune.hardware.fitness import Build
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.pipes import readable
from tuitune.problem import TuituneError
from tuitune.runs.queue.device_lock import DeviceLock
from tuitune.text import clean, redact
from tuitune.units import bytes_text

CHECK_SECONDS = 300.0
"""How long a check may take, and the engine's start, before it is given up."""

_LAST_WORDS = 4096
_FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/:'\"()]+/)+")


@dataclass
class Contact:
    """What came of it: versions of the libraries by name, and a record of each check in order, told unless `quiet`."""

    quiet: bool
    versions: dict[str, str | None] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        return [check["title"] for check in self.checks if check["state"] != "ok"]

    @property
    def passed(self) -> bool:
        return bool(self.checks) and not self.failed

    def take(self, title: str, state: str, seconds: float | None, text: str) -> None:
        self.checks.append({"title": title, "state": state, "seconds": seconds, "text": text})
        if not self.quiet:
            say(_line(self.checks[-1]))


def contact(options: argparse.Namespace) -> int:
    """Try a card and print what came of it; exits 1 where a check failed. TuituneError where none can be tried."""
    build = fitness.installed()
    card = _card(options.gpu, build)
    found = Contact(quiet=options.json)
    with _leased(card):
        if not options.json:
            note(f"{occupancy.title(card)}: testing what a run needs; takes a few minutes")
        _carry_out(card, found)
    report = _report(card, build, found)
    document = {"passed": found.passed, "versions": found.versions, "checks": found.checks, "report": report}
    say_answer(options.json, document, "", *report)
    return Exit.DONE if found.passed else Exit.FAILED


def engine_command() -> list[str]:
    return [sys.executable, "-P", "-m", "tuitune.engine", "contact"]


def _card(wanted: str, build: Build | None) -> Gpu:
    """The card that is meant, one that can be tried out now. TuituneError says why there is none."""
    sampler = GpuSampler()
    cards = sampler.sample()
    if not cards:
        raise TuituneError(f"no GPU to test: {sampler.reason}")
    meant = occupancy.candidates(cards, wanted, occupancy.visible_devices())
    if not meant:
        there = ", ".join(f"GPU {card.index}" for card in cards)
        raise TuituneError(f"no GPU {clean(wanted, limit=60)} to test; this machine has {there}")
    usable = fitness.usable(meant, build)
    card = next((card for card in usable if not occupancy.is_taken(card)), usable[0])
    if refusal := fitness.refusal(card, build):
        raise TuituneError(f"{occupancy.title(card)} cannot be used: {refusal}")
    if occupancy.is_taken(card):
        users = occupancy.users_text(card) or "other programs"
        raise TuituneError(f"{occupancy.title(card)} is in use by {users}; wait until it is free, or name another GPU")
    return card


@contextmanager
def _leased(card: Gpu) -> Iterator[None]:
    lock = DeviceLock(card.uuid or str(card.index))
    if not lock.acquire():
        holder = lock.holder()
        busy = f"training {clean(holder.name, limit=64)}" if holder else "held by another run"
        raise TuituneError(f"{occupancy.title(card)} is busy: {busy}; wait until it is free, or name another GPU")
    try:
        yield
    finally:
        lock.release()


def _carry_out(card: Gpu, found: Contact) -> None:
    """Have an engine make the checks in a home of its own, which goes with them."""
    with tempfile.TemporaryDirectory(prefix="tuitune-contact-") as home, tempfile.TemporaryFile() as log:
        environment = {"TUITUNE_HOME": home, "CUDA_VISIBLE_DEVICES": card.uuid or str(card.index)}
        process = subprocess.Popen(
            engine_command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **environment},
            process_group=0,
            bufsize=0,
        )
        try:
            title, late = _hear(process, found)
        finally:
            _end(process)
        if process.wait() != 0 and (title or not found.failed):
            text = f"took more than {CHECK_SECONDS:.0f} s" if late else _obituary(process.returncode, log)
            found.take(title or "engine", "failed", None, text)


def _hear(process: subprocess.Popen[bytes], found: Contact) -> tuple[str, bool]:
    """Take what the engine says. The check that it was at when it ended ("": none), and whether that took too long."""
    title, said = "", process.stdout
    assert said is not None
    while readable(said.fileno(), CHECK_SECONDS):
        if not (line := said.readline()):
            process.wait()
            return title, False
        record = json.loads(line)
        if record["kind"] == "versions":
            found.versions = record["versions"]
        elif record["kind"] == "begin":
            title = record["title"]
        else:
            title = ""
            found.take(*(record[name] for name in ("title", "state", "seconds", "text")))
    return title, True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the engine, unless it has ended, and all that it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _obituary(code: int, log: Any) -> str:
    """How the engine's process ended that did not end by itself, with its last words."""
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - _LAST_WORDS))
    lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"its process ended: {how}" + (f"; {lines[-1]}" if lines else "")


def _line(check: dict[str, Any]) -> str:
    seconds = "" if check["seconds"] is None else f"{check['seconds']:.1f} s"
    return f"{check['state']:<6}  {check['title']:<18} {seconds:>8}  {impersonal(check['text'])}"


def _report(card: Gpu, build: Build | None, found: Contact) -> list[str]:
    """The block: machine, versions and results, with nothing that tells whose machine it is."""
    capability = ".".join(map(str, card.capability or ("?",)))
    cuda = ".".join(map(str, card.cuda or ("?",)))
    kind = ", MIG slice" if card.mig else ""
    versions = [f"{name} {release or 'missing'}" for name, release in found.versions.items()]
    architectures = " ".join(build.architectures) if build and build.architectures else "not known"
    cc = compiler()
    verdict = "all checks passed" if found.passed else f"failed: {', '.join(found.failed)}"
    return [
        "----- tuitune doctor --gpu: copy from here -----",
        f"tuitune {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"card: {clean(card.name, limit=60)}{kind}, compute capability {capability}, {bytes_text(card.memory_total)}",
        f"driver: {clean(card.driver or '?', limit=40)}, CUDA {cuda}",
        f"torch: {build.title if build else '?'}; architectures: {architectures}",
        f"compiler: {Path(cc.split()[0]).name if cc else 'none'}",
        f"libraries: {', '.join(versions) or 'not known'}",
        *map(_line, found.checks),
        f"result: {verdict}",
        "----- to here -----",
    ]


def impersonal(text: str) -> str:
    """A message without secrets, folders and the machine's name."""
    shown = _FOLDERS.sub("…/", clean(redact(text)))
    name = platform.node()
    return shown.replace(name, "…") if len(name) > 2 else shown
