"""An engine's life under strace: what it wrote and in which order, with system calls that fail where told to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.faults.tools import order
from tests.faults.tools.engines import Engines, Life
from tests.faults.tools.tracing import Call, below, calls, traced
from tuitune.runs.store.directory import Run


@dataclass(frozen=True)
class Traced:
    """A run whose engine was traced to its end."""

    run: Run
    life: Life
    calls: list[Call]
    verdict: order.Verdict


def trace(engines: Engines, run: Run, output: Path, *options: str) -> Traced:
    """One engine on the run, traced from its first record on."""
    pid = engines.hold(run)
    with traced(pid, output, *options):
        life = engines.wait(pid)
    found = below(calls(output), run.path)
    return Traced(run, life, found, order.judge(found, run.path))


def moments(found: list[Call], names: tuple[str, ...]) -> list[Call]:
    """The calls of these names that wrote something, by the thread that trains; any can be made to fail."""
    trainer = found[0].thread
    writing = [call for call in found if call.name != "openat" or "O_CREAT" in call.arguments]
    return [call for call in writing if call.name in names and call.thread == trainer and call.done]
