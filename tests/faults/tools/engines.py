"""The tests' side of the engine server: lives of an engine on a run, their ends, and what the run amounts to after."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.warm.server import MOST_BYTES
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import Record, read_all

SIX_STEPS = {
    "data.max_length": 64, "training.max_steps": 6, "training.batch_size": 2, "training.accumulation": 1,
    "adapter.rank": 4, "checkpoints.every": 2, "checkpoints.keep": 1, "evaluation.perplexity": False,
    "evaluation.every": "end",
}  # fmt: skip
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Life:
    """How one engine process ended: its exit code, or the signal; and the points it passed at which it might die."""

    code: int | None
    signal: int | None
    points: list[str]


class Engines:
    """A child of the process that has imported torch, which forks an engine for every life.

    `folder` is that process's, with a tiny model and forty conversations in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.connect(str(folder / "door"))

    def run(self, **settings: Any) -> Run:
        """A new run of six steps on the tiny model; keywords are recipe keys with `__` for the dot."""
        values = {"model.id": str(self.folder / "tiny"), "data.train": str(self.folder / "chats.jsonl"), **SIX_STEPS}
        values.update({key.replace("__", "."): value for key, value in settings.items()})
        return create(apply(Recipe(), [f"{key}={json.dumps(value)}" for key, value in values.items()]))

    def live(self, run: Run, kill_at: int | None = None) -> Life:
        """One engine on the run, killed at its `kill_at`-th point where that is given."""
        return self.wait(self._ask(do="start", run=str(run.path), kill_at=kill_at)["pid"])

    def hold(self, run: Run) -> int:
        """An engine that is stopped before it does anything; its pid. SIGCONT lets it go."""
        pid: int = self._ask(do="start", run=str(run.path), hold=True)["pid"]
        return pid

    def wait(self, pid: int) -> Life:
        return Life(**self._ask(do="wait", pid=pid))

    def _ask(self, **request: Any) -> dict[str, Any]:
        self._line.send(json.dumps(request).encode())
        answer = self._line.recv(MOST_BYTES)
        assert answer, (self.folder / "server.log").read_text()[-4000:]
        reply: dict[str, Any] = json.loads(answer)
        return reply

    def __enter__(self) -> Engines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()


def adapter_hash(run: Run) -> str:
    """Of the result's weights; "" where there is no result."""
    weights = run.adapter / "adapter_model.safetensors"
    return hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""


def records(run: Run, kind: str) -> list[Record]:
    return [record for record in read_all(run.metrics_file) if record["kind"] == kind]


def curve(run: Run) -> list[tuple[Any, ...]]:
    """Step, loss, learning rate, gradient norm and tokens of every step that counts: a later life's steps supersede."""
    steps: dict[int, tuple[Any, ...]] = {}
    for record in read_all(run.metrics_file):
        if record["kind"] == "resumed":
            steps = {step: figures for step, figures in steps.items() if step <= record["step"]}
        elif record["kind"] == "step":
            names = ("step", "loss", "learning_rate", "grad_norm", "tokens", "epoch")
            steps[record["step"]] = tuple(record[name] for name in names)
    return [steps[step] for step in sorted(steps)]


def log_tail(run: Run) -> str:
    return run.log_file.read_text(errors="replace")[-3000:]
