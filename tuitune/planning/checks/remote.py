"""What the Hub says about a model that is not on this machine: asked by a process of its own, and remembered."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from tuitune.data.tasks import begin
from tuitune.hardware.model_facts import Experts, Linear, ModelFacts
from tuitune.problem import TuituneError

PATIENCE = 15.0
"""Seconds to wait for the Hub where somebody waits for the answer."""

_FRESH, _FRESH_REFUSAL = 600.0, 30.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Remote:
    """`facts` of a model as the Hub has it, `misfits` of its weights, and the bytes of its `download`.

    Where there are none: why a run would fail on it (`refused`), or why nothing is known (`unknown`).
    """

    facts: ModelFacts | None = None
    misfits: tuple[str, ...] = ()
    download: int | None = None
    refused: str = ""
    unknown: str = ""


_answers: dict[tuple[str, str, str], tuple[float, Remote]] = {}


def known(name: str, revision: str) -> Remote | None:
    """What was found out a while ago; None where nobody asked. Never waits."""
    at, answer = _answers.get(_key(name, revision), (0.0, None))
    if answer is None:
        return None
    return answer if time.monotonic() - at < (_FRESH if answer.facts else _FRESH_REFUSAL) else None


def ask(name: str, revision: str, patience: float = PATIENCE) -> Remote:
    """Ask the Hub unless that was done a while ago, and wait for its answer at most `patience` seconds."""
    if (answer := known(name, revision)) is None:
        answer = _asked(name, revision, patience)
        _answers[_key(name, revision)] = (time.monotonic(), answer)
    return answer


def _key(name: str, revision: str) -> tuple[str, str, str]:
    return name, revision, os.environ.get("HF_ENDPOINT", "")


def _asked(name: str, revision: str, patience: float) -> Remote:
    stamps = [os.environ.get("HF_ENDPOINT", ""), str(int(time.time() // _FRESH))]
    try:
        task = begin("hub", {"id": name, "revision": revision}, stamps, module="tuitune.engine")
    except TuituneError as error:
        return Remote(unknown=str(error))
    deadline = time.monotonic() + patience
    while (progress := task.look()).state == "working" and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    if progress.state == "working":
        return Remote(unknown=f"the Hub did not answer within {patience:.0f} s")
    if progress.result is None:
        kind, _, words = progress.error.partition(": ")
        return Remote(refused=words) if kind == "refused" else Remote(unknown=words or progress.error)
    told, experts = progress.result["facts"], progress.result["facts"]["experts"]
    linears = tuple(Linear(**linear) for linear in told["linears"])
    facts = ModelFacts(**{**told, "linears": linears, "experts": Experts(**experts) if experts else None})
    return Remote(facts, tuple(progress.result["misfits"]), progress.result["download"])
