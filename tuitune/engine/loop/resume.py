"""Going on from a checkpoint: from which one, and whether the run continues exactly as it would have.

Exact means: the same rows in the same order, the same random numbers, the same state of optimizer and schedule. On the
same machine and with the same libraries a run on a CPU then ends with the same adapter, bit by bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import xxhash

from tuitune import __version__
from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.load.model import Base
from tuitune.engine.tokens.encode import Canonical
from tuitune.engine.tokens.prepare import Prepared
from tuitune.methods import METHODS
from tuitune.objectives import METRICS
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, settings
from tuitune.runs.store import journal
from tuitune.runs.store.checkpoints import Checkpoint, Skipped
from tuitune.runs.store.directory import Run
from tuitune.runs.store.provenance import reward_files
from tuitune.runs.store.records import Record, number, whole

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes")
_PIECE = 1 << 24
_DESCRIBING = (
    *("config.json", "generation_config.json", "chat_template.*", "*.py"),
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt"),
)
"""The files beside a model's weights that say what it computes, and on which tokens."""

_HELD_OUT_LOSSES = ("early_stopping", "best", "overfitting")
_LOSSES = ("smoothed", "overfitting", "explosion", "divergence", "plateau", "zero")
"""What the recorder and the alerts on health know of losses."""


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
    def planned(self) -> int | None:
        """How many steps the run was to have when that was saved."""
        return whole(self.manifest or {}, "total_steps")

    @property
    def manifest(self) -> dict[str, Any] | None:
        return self.checkpoint.manifest if self.checkpoint else None


@dataclass(frozen=True)
class Past:
    """What earlier processes have recorded of this run: whether there was one (`again`), the newest figures of the base
    model by their kind (eval and answers), and whether its samples are there.
    """

    again: bool
    base: dict[str, Record]
    sampled: bool

    def measured(self, basis: str | None, answers_basis: str) -> set[str]:
        """What of the base model ("loss", "answers", "samples") is not to be measured again: figures on this basis."""
        known = {"loss": ("eval", basis), "answers": ("answers", answers_basis)}
        found = {what for what, (kind, on) in known.items() if kind in self.base and self.base[kind].get("basis") == on}
        return found | ({"samples"} if self.sampled else set())

    @property
    def held_out(self) -> HeldOutLoss | None:
        """The base model's; None where it was not measured, or was no finite number."""
        record = self.base.get("eval", {})
        if (loss := number(record, "loss")) is None:
            return None
        figures = {key: value for key in METRICS if key != "loss" and (value := number(record, key)) is not None}
        counts = (whole(record, "tokens") or 0, whole(record, "rows") or 0)
        return HeldOutLoss(loss, *counts, number(record, "seconds") or 0.0, number(record, "perplexity"), figures)


def circumstances(recipe: Recipe, base: Base, data: Prepared, on: torch.device, total_steps: int) -> dict[str, Any]:
    """Everything besides its own state that a checkpoint's future depends on; kept in its manifest.

    `basis` is what a held-out loss belongs to, tokens, base model as it is loaded and settings of the objective: only
    those on one basis compare.
    """
    cpu = on.type == "cpu"
    weights = sorted(base.folder.glob("*.safetensors"))
    describing = sorted({file for pattern in _DESCRIBING for file in base.folder.glob(pattern) if file.is_file()})
    found: dict[str, Any] = {
        "recipe": {one.key: one.of(recipe) for one in settings() if one.affects("training", "steps")},
        "data": data.fingerprint,
        "base": base.commit or {file.name: file.stat().st_size for file in weights},
        "weights": None if base.commit else _digest(weights),
        "model_files": None if base.commit else {file.name: _digest([file]) for file in describing},
        "versions": {"tuitune": __version__, **{name: version(name) for name in _LIBRARIES}},
        "device": f"CPU, {torch.backends.cpu.get_cpu_capability()}" if cpu else torch.cuda.get_device_name(on),
        "threads": torch.get_num_threads() if cpu else None,
        "total_steps": total_steps,
    }
    if files := {key: one["sha256"] for key, one in reward_files(recipe).items()}:
        found["reward_files"] = files
    judged_by = {key for key in recipe.optimises.settings if key.startswith(("objective.", "rewards."))}
    told = found["recipe"].items()
    loaded = {key: value for key, value in told if key.startswith("quantization.") or key in judged_by}
    held_out = data.held_out_fingerprint
    basis = _hash(
        [held_out, loaded, found["base"], found["weights"], found["model_files"], *([files] if files else [])]
    )
    return {**found, "basis": None if held_out is None else basis}


def basis_of_answers(now: dict[str, Any], rows: Sequence[Canonical], max_new_tokens: int) -> str:
    """As the basis of a held-out loss, for answers to these rows of at most so many tokens."""
    return _hash([now["basis"], rows, max_new_tokens])


def _hash(value: Any) -> str:
    return xxhash.xxh3_128_hexdigest(json.dumps(value, sort_keys=True, default=str).encode())


def _digest(files: Iterable[Path]) -> str:
    """Of the contents of some files, by a hash that is as fast as they are read."""
    found = xxhash.xxh3_128()
    for file in files:
        with file.open("rb") as stream:
            while piece := stream.read(_PIECE):
                found.update(piece)
    return found.hexdigest()


def differences(start: Start, now: dict[str, Any]) -> list[str]:
    """Why what follows will not be what would have followed, a sentence each; empty where it will be."""
    comparisons = (_recipe, _batch, _length, _data, _rewards, _base, _held_out, _libraries, _machine)
    then = start.manifest
    return [reason for compare in comparisons for reason in compare(then, now)] if then else []


def progress(start: Start, now: dict[str, Any]) -> dict[str, Any]:
    """What the recorder had put into the checkpoint, without losses of other tokens or of another base model."""
    then = start.manifest
    if not then:
        return {}
    void = {*(() if _same_basis(then, now) else _HELD_OUT_LOSSES), *(() if _same_tokens(then, now) else _LOSSES)}
    found = {name: part for name, part in then["progress"].items() if name not in void}
    return {**found, "watchdog": {name: part for name, part in found.get("watchdog", {}).items() if name not in void}}


def _same_basis(then: dict[str, Any], now: dict[str, Any]) -> bool:
    return then["basis"] == now["basis"] if "basis" in then else _same_tokens(then, now)


def _same_tokens(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether training goes on with the same tokens, on the same base model."""
    return not [*_data(then, now), *_base(then, now)]


def _recipe(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before = then.get("recipe", {})
    for key, value in now["recipe"].items():
        if setting(key).affects("training") and key in before and before[key] != value:
            yield f"{key} was {before[key]} and is {value}"


def _batch(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    (size, times), (new_size, new_times) = (
        [one["recipe"][f"training.{name}"] for name in ("batch_size", "accumulation")] for one in (then, now)
    )
    rows, new_rows = size * times, new_size * new_times
    if rows != new_rows:
        yield f"a step takes {new_rows} rows instead of {rows}, so this epoch resumes at another row"
    elif size != new_size:
        how = f"{new_size} × {new_times} instead of {size} × {times}"
        yield f"a step takes its rows as {how}: the same rows, with different rounding and dropout"


def _length(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before, after = then.get("total_steps"), now["total_steps"]
    method, constant = METHODS[now["recipe"]["adapter.method"]], now["recipe"]["training.schedule"] == "constant"
    follows = [*([] if constant else ["the learning-rate schedule"]), *filter(None, [method.scheduled])]
    if before != after and follows:
        yield f"the run is {after} steps long instead of {before}, which changes {' and '.join(follows)}"


def _data(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if then.get("data") != now["data"]:
        yield "the rows or their order have changed since the checkpoint was saved"


def _rewards(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    after = now.get("reward_files", {})
    for key, content in then.get("reward_files", {}).items():
        if after.get(key, content) != content:
            yield f"what answers are judged by has changed since the checkpoint was saved: the file of {key}"


def _base(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before, after = then.get("model_files") or now["model_files"] or {}, now["model_files"] or {}
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if then.get("base") != now["base"] or then.get("weights") not in (None, now["weights"]):
        changed.append("weights")
    if changed:
        yield f"the base model's files have changed since the checkpoint was saved ({', '.join(changed)})"


def _held_out(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if now["basis"] is not None and not _same_basis(then, now):
        those = "earlier held-out figures are of other tokens, other rewards or another base model"
        yield f"{those}: they are not compared with later ones"


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


def look_back(run: Run) -> Past:
    starts = (one for one in journal.backwards(run.metrics_file, "phase") if one.get("phase") == "importing")
    base: dict[str, Record] = {}
    for one in journal.backwards(run.metrics_file, "eval", "answers"):
        if one.get("label") == "base":
            base.setdefault(one["kind"], one)
    return Past(
        again=len(list(islice(starts, 2))) > 1,
        base=base,
        sampled=any(one.get("label") == "base" for one in journal.backwards(run.samples_file)),
    )
