"""Whether the model of a recipe can be had, and what is known about it."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tuitune.data.sources.bundled import MODELS, PREFIX
from tuitune.hardware.model_facts import ModelFacts, read_facts
from tuitune.hardware.models import cached_snapshot, locate, looks_like_hub_id, missing_parts
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe
from tuitune.text import clean

_KEY = "model.id"
_NOT_WRITERS = (
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForImageClassification",
)


@dataclass
class ModelCheck:
    """What was found: the model's folder and facts, where they are here, and what keeps it from being trained.

    `download`: how much of it is to come from the Hub, "whole" or "partial"; `hub`: it is a Hub model, here already or
    not.
    """

    folder: Path | None = None
    facts: ModelFacts | None = None
    download: Literal["whole", "partial"] | None = None
    hub: bool = False
    errors: list[Problem] = field(default_factory=list)


def check_model(recipe: Recipe, base: Path) -> ModelCheck:
    """Find the model of a recipe, folders being relative to `base`, and look at its files. Never goes online."""
    found = _find(recipe, base)
    if found.facts is not None:
        found.errors += _unfit(recipe, found.facts)
    return found


def needs_remote_code(facts: ModelFacts) -> bool:
    """Whether a model only runs with the Python code that comes with it: transformers has no class for it."""
    return facts.remote_code and not _known_to_transformers(facts.model_type or "")


def _find(recipe: Recipe, base: Path) -> ModelCheck:
    name, revision = recipe.model.id, recipe.model.revision
    try:
        folder = locate(name, revision, base=base)
        exists = (base / Path(name).expanduser()).exists()
    except (OSError, RuntimeError, ValueError) as error:
        return _refused(f"{clean(name, limit=80)!r} is no name of a folder or model: {clean(str(error), limit=120)}")
    if folder is not None:
        return _look_at(folder, name, hub=not exists and not name.startswith(PREFIX))
    if exists:
        return _refused(f"{clean(name, limit=200)} is a file; name the folder that holds config.json and the weights")
    if name.startswith(PREFIX):
        return _refused(f"no bundled model {clean(name, limit=80)!r}; there is {_bundled()}")
    if looks_like_hub_id(name):
        return _from_hub(name, revision)
    return _refused(_nowhere(name, base))


def _look_at(folder: Path, name: str, *, hub: bool) -> ModelCheck:
    shown = clean(name, limit=200)
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        return _refused(f"{shown} is an adapter, not a base model; name the model that it was trained on")
    if missing := missing_parts(folder):
        lacks = clean("; ".join(missing[:4]), limit=400)
        return _refused(f"{shown} is not a whole model: {lacks}. Copy the missing files there, or name another model")
    return ModelCheck(folder, read_facts(folder), hub=hub)


def _from_hub(name: str, revision: str) -> ModelCheck:
    """A Hub model that is not here whole; what a broken-off download left tells its facts already."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        absent = f"{name} (revision {clean(revision, limit=80)}) is not on this machine"
        return _refused(f"{absent}, and HF_HUB_OFFLINE forbids the download; unset it, or name a local model")
    snapshot = cached_snapshot(name, revision)
    try:
        facts = read_facts(snapshot / "config.json") if snapshot else None
    except (OSError, ValueError):
        facts = None
    return ModelCheck(None, facts, "partial" if snapshot else "whole", hub=True)


def _nowhere(name: str, base: Path) -> str:
    shown = clean(name, limit=200)
    beside = base / Path(name).expanduser()
    try:
        names = [entry.name for entry in beside.parent.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        names = []
    near = difflib.get_close_matches(beside.name, names, n=1)
    guess = f"; there is {clean(str(Path(name).parent / near[0]), limit=200)}" if near else ""
    remedy = f"name {_bundled()}, a folder with config.json and weights, or a Hub model as owner/name"
    return f"no folder {shown!r}{guess}; {remedy}"


def _unfit(recipe: Recipe, facts: ModelFacts) -> list[Problem]:
    problems = []
    if needs_remote_code(facts) and not recipe.model.trust_remote_code:
        message = (
            "this model needs Python code that comes with it, which could read or change anything you can; "
            "read that code, then set model.trust_remote_code = true, or choose another model"
        )
        problems.append(Problem("model.trust_remote_code", message))
    method = clean(facts.quantized or "", limit=40)
    if method and recipe.quantization.bits != 16:
        message = f"the weights are quantized already ({method}); set quantization.bits = 16 to take them as they are"
        problems.append(Problem("quantization.bits", message))
    if method and recipe.adapter.method == "none":
        message = f'quantized weights ({method}) cannot be trained themselves; set adapter.method = "lora"'
        problems.append(Problem("adapter.method", message))
    if facts.architecture and facts.architecture.endswith(_NOT_WRITERS):
        shown = clean(facts.architecture, limit=60)
        problems.append(
            Problem(_KEY, f"{shown} does not write text; choose a model whose architecture is …ForCausalLM")
        )
    return problems


def _known_to_transformers(model_type: str) -> bool:
    """Whether the installed transformers has this model, told by its folders: importing it would take seconds."""
    package = importlib.util.find_spec("transformers")
    if package is None or not package.submodule_search_locations or not re.fullmatch(r"[a-z0-9_-]+", model_type):
        return False
    models = Path(package.submodule_search_locations[0]) / "models"
    return (models / model_type.removesuffix("_text").replace("-", "_")).is_dir()


def _bundled() -> str:
    return ", ".join(PREFIX + name for name in MODELS)


def _refused(message: str) -> ModelCheck:
    return ModelCheck(errors=[Problem(_KEY, message)])
