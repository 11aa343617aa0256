"""Going on from a checkpoint: from which one, and whether the run continues exactly as it would have.

Exact means: the same rows in the same order, the same random numbers, the same state of optimizer and schedule. On the
same machine and with the same libraries a run on a CPU then ends with the same adapter, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import xxhash

from tuitune import __version__
from tuitune.engine.load.model import Base
from tuitune.engine.tokens.prepare import Prepared
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings
from tuitune.runs.store import checkpoints, journal
from tuitune.runs.store.checkpoints import Checkpoint, Skipped
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records import number

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes")
_PIECE = 1 << 24
_WITHOUT_EFFECT = {"training.log_every", "training.workers", "training.gradient_checkpointing"}
_SAID_OTHERWISE = {"training.batch_size", "training.accumulation", "training.epochs", "training.max_steps"}


@dataclass(frozen=True)
class Start:
    """Where this process takes the run up: after `checkpoint`, or at the beginning where that is None.

    `skipped` names newer checkpoints that could not be used, and why.
    """

    checkpoint: Checkpoint | None
    skipped: Skipped

    @property
    def step(self) -> int:
        return self.checkpoint.step if self.checkpoint else 0

    @property
    def path(self) -> Path | None:
        return self.checkpoint.path if self.checkpoint else None

    @property
    def manifest(self) -> dict[str, Any] | None:
        return self.checkpoint.manifest if self.checkpoint else None

    @property
    def progress(self) -> dict[str, Any]:
        """What the recorder had put into the checkpoint."""
        return self.manifest["progress"] if self.manifest else {}


@dataclass(frozen=True)
class Past:
    """What earlier processes have recorded of this run and is not done again.

    `again` says whether there was one at all, `measured` what of the base model is recorded ("loss", "answers" and
    "samples"), and `perplexity` is the base model's, None where that is not known.
    """

    again: bool
    measured: set[str]
    perplexity: float | None


def circumstances(recipe: Recipe, base: Base, data: Prepared, on: torch.device, total_steps: int) -> dict[str, Any]:
    """Everything besides its own state that a checkpoint's future depends on; kept in its manifest."""
    cpu = on.type == "cpu"
    return {
        "recipe": {one.key: getattr(getattr(recipe, one.section), one.name) for one in settings() if _matters(one.key)},
        "data": data.fingerprint,
        "base": base.commit or {file.name: file.stat().st_size for file in _weight_files(base)},
        "weights": None if base.commit else _digest(_weight_files(base)),
        "versions": {"tuitune": __version__, **{name: version(name) for name in _LIBRARIES}},
        "device": f"CPU, {torch.backends.cpu.get_cpu_capability()}" if cpu else torch.cuda.get_device_name(on),
        "threads": torch.get_num_threads() if cpu else None,
        "total_steps": total_steps,
    }


def _weight_files(base: Base) -> list[Path]:
    return sorted(base.folder.glob("*.safetensors"))


def _digest(files: Iterable[Path]) -> str:
    """Of the contents of some files, by a hash that is as fast as they are read."""
    found = xxhash.xxh3_128()
    for file in files:
        with file.open("rb") as stream:
            while piece := stream.read(_PIECE):
                found.update(piece)
    return found.hexdigest()


def look(run: Run) -> Start:
    """The newest checkpoint that is whole and healthy, if there is one."""
    return Start(*checkpoints.newest(run))


def differences(start: Start, now: dict[str, Any]) -> list[str]:
    """Why what follows will not be what would have followed, a sentence each; empty where it will be."""
    then = start.manifest
    return [reason for compare in _COMPARISONS for reason in compare(then, now)] if then else []


def _matters(key: str) -> bool:
    section, _, name = key.partition(".")
    whole = section in ("adapter", "quantization", "training", "objective")
    chosen = key in ("run.seed", "data.shuffle") or (section == "model" and name != "trust_remote_code")
    return (whole or chosen) and key not in _WITHOUT_EFFECT


def _recipe(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before = then.get("recipe", {})
    for key, value in now["recipe"].items():
        if key not in _SAID_OTHERWISE and key in before and before[key] != value:
            yield f"{key} was {before[key]} and is {value}"


def _batch(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    (size, times), (new_size, new_times) = (
        [one["recipe"][f"training.{name}"] for name in ("batch_size", "accumulation")] for one in (then, now)
    )
    if size * times != new_size * new_times:
        yield (
            f"a step takes {new_size * new_times} rows instead of {size * times}, so this epoch resumes at another row"
        )
    elif size != new_size:
        yield (
            f"a step takes its rows as {new_size} × {new_times} instead of {size} × {times}: the same rows, with "
            "different rounding and dropout"
        )


def _length(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before, after = then.get("total_steps"), now["total_steps"]
    if before != after and now["recipe"]["training.schedule"] != "constant":
        yield f"the run is {after} steps long instead of {before}, so the learning-rate schedule changes"


def _data(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if then.get("data") != now["data"]:
        yield "the rows or their order have changed since the checkpoint was saved"
    if then.get("base") != now["base"] or then.get("weights") not in (None, now["weights"]):
        yield "the base model's files have changed since the checkpoint was saved"


def _libraries(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before = then.get("versions", {})
    for name, found in now["versions"].items():
        if before.get(name) != found:
            yield f"{name} is {found}, and was {before.get(name)}"


def _machine(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if then.get("device") != now["device"]:
        yield f"it trains on another device: {now['device']} instead of {then.get('device')}"
    elif then.get("threads") != now["threads"]:
        yield f"{now['threads']} threads instead of {then.get('threads')} sum in another order"


_COMPARISONS: tuple[Callable[[dict[str, Any], dict[str, Any]], Iterator[str]], ...] = (
    _recipe,
    _batch,
    _length,
    _data,
    _libraries,
    _machine,
)


def look_back(run: Run) -> Past:
    starts = (one for one in journal.backwards(run.metrics_file, "phase") if one.get("phase") == "importing")
    figures = [one for one in journal.backwards(run.metrics_file, "eval", "answers") if one.get("label") == "base"]
    measured = {"loss" if one["kind"] == "eval" else "answers" for one in figures}
    if any(one.get("label") == "base" for one in journal.backwards(run.samples_file)):
        measured.add("samples")
    return Past(
        again=len(list(islice(starts, 2))) > 1,
        measured=measured,
        perplexity=next((number(one, "perplexity") for one in figures if one["kind"] == "eval"), None),
    )
