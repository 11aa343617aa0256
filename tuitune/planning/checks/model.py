"""Whether the model of a recipe can be had, and what is known about it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tuitune.data.sources.bundled import MODELS, PREFIX
from tuitune.hardware.base_models import base_models
from tuitune.hardware.layout import misfits
from tuitune.hardware.model_facts import ModelFacts, read_facts
from tuitune.hardware.models import ADAPTER_CONFIG, cached_snapshot, locate, looks_like_hub_id, missing_parts
from tuitune.hardware.weights import weigh
from tuitune.hub import offline, proxy_problem
from tuitune.methods.lora import CORRECTING
from tuitune.methods.prompts import PREFIX as PREFIX_TUNING
from tuitune.paths import expanded, not_utf8
from tuitune.planning.checks.libraries import gives_scores, trainable_quantization, writes
from tuitune.planning.checks.remote import Remote, known
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe
from tuitune.text import clean

LISTED = "the sizes of the model are the catalogue's: neither its files nor the Hub have told them"
"""What a forecast assumes by facts that are `listed`."""

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
    not; `adapter_beside`: an adapter lies in the model's folder, which is not used;
    `remote`: what the Hub said about a model that is not here. `listed`: the facts are the catalogue's.
    """

    folder: Path | None = None
    facts: ModelFacts | None = None
    download: Literal["whole", "partial"] | None = None
    hub: bool = False
    adapter_beside: bool = False
    remote: Remote | None = None
    listed: bool = False
    errors: list[Problem] = field(default_factory=list)


def check_model(recipe: Recipe, base: Path, ask: Callable[[str, str], Remote | None] = known) -> ModelCheck:
    """Find the model of a recipe, folders being relative to `base`, and look at its files.

    `ask` tells what the Hub says about one that is not here, by its id and revision: by default only what is known
    already, without going online.
    """
    found = _find(recipe, base, ask)
    if found.facts is not None:
        found.errors += _unfit(recipe, found.facts)
    if found.facts is not None and recipe.optimises.scores:
        found.facts = found.facts.scoring
    return found


def needs_remote_code(facts: ModelFacts) -> bool:
    """Whether a model only runs with the Python code that comes with it: transformers has no class for it."""
    return facts.remote_code and not writes(facts.model_type)


def _find(recipe: Recipe, base: Path, ask: Callable[[str, str], Remote | None]) -> ModelCheck:
    name, revision = recipe.model.id, recipe.model.revision
    try:
        folder = locate(name, revision, base=base)
        exists = (base / expanded(name)).exists()
    except (OSError, RuntimeError, ValueError) as error:
        why = clean(str(error), limit=120)
        return _refused(f"{clean(name, limit=80)!r} is not the name of a folder or model: {why}")
    if folder is not None:
        return _look_at(folder, name, hub=not exists and not name.startswith(PREFIX))
    if exists:
        return _refused(f"{clean(name, limit=200)} is a file; name the folder that holds config.json and the weights")
    if name.startswith(PREFIX):
        return _refused(f"no bundled model {clean(name, limit=80)!r}; bundled: {_bundled()}")
    if looks_like_hub_id(name):
        return _from_hub(name, revision, ask)
    return _refused(_nowhere(name, base))


def _look_at(folder: Path, name: str, *, hub: bool) -> ModelCheck:
    shown = clean(name, limit=200)
    if wrong := not_utf8(folder):
        return _refused(f"{shown}: {wrong}")
    adapter = (folder / ADAPTER_CONFIG).is_file()
    if adapter and not (folder / "config.json").is_file():
        return _refused(f"{shown} is an adapter, not a base model; name the model it was trained on")
    if missing := missing_parts(folder):
        lacks = clean("; ".join(missing[:4]), limit=400)
        return _refused(f"{shown} is an incomplete model: {lacks}. Copy the missing files there, or name another model")
    facts = read_facts(folder)
    if strange := misfits(facts, weigh(folder).tensors):
        return _refused(clean(_foreign(shown, strange), limit=900))
    return ModelCheck(folder, facts, hub=hub, adapter_beside=adapter)


def _foreign(name: str, wrong: Sequence[str]) -> str:
    remedy = "Use the config.json saved with these weights, or download the model again"
    return f"the weights of {name} do not match its config.json: {'; '.join(wrong)}. {remedy}"


def _from_hub(name: str, revision: str, ask: Callable[[str, str], Remote | None]) -> ModelCheck:
    """A Hub model that is not here whole: what the Hub says about it, or what a broken-off download left, or else what
    the catalogue knows.
    """
    listed = base_models().find(name)
    known = listed.facts if listed else None
    if reason := _not_downloadable(name, revision):
        return ModelCheck(facts=known, hub=True, listed=known is not None, errors=[Problem(_KEY, reason)])
    snapshot = cached_snapshot(name, revision)
    try:
        facts = read_facts(snapshot / "config.json") if snapshot else None
    except (OSError, ValueError):
        facts = None
    remote = ask(name, revision)
    if remote is not None and (remote.refused or remote.misfits):
        return _refused(clean(remote.refused or _foreign(name, remote.misfits), limit=900))
    if remote is not None and remote.facts is not None:
        facts = remote.facts
    download: Literal["whole", "partial"] = "partial" if snapshot else "whole"
    return ModelCheck(
        None, facts or known, download, hub=True, remote=remote, listed=facts is None and known is not None
    )


def _not_downloadable(name: str, revision: str) -> str:
    """Why a model that is not here cannot be had from the Hub; "" where nothing known speaks against it."""
    if forbids := offline():
        absent = f"{name} (revision {clean(revision, limit=80)}) is not on this machine"
        return f"{absent} and {forbids} forbids the download; unset it, or name a local model"
    if problem := proxy_problem():
        return f"{name} is not on this machine and cannot be downloaded: {problem}"
    return ""


def _nowhere(name: str, base: Path) -> str:
    shown = clean(name, limit=200)
    beside = base / expanded(name)
    try:
        names = [entry.name for entry in beside.parent.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        names = []
    near = difflib.get_close_matches(beside.name, names, n=1)
    guess = f" (did you mean {clean(str(Path(name).parent / near[0]), limit=200)}?)" if near else ""
    remedy = f"name {_bundled()}, a folder with config.json and weights, or a Hub model as owner/name"
    return f"no folder {shown!r}{guess}; {remedy}"


def _unfit(recipe: Recipe, facts: ModelFacts) -> list[Problem]:
    problems = []
    if needs_remote_code(facts) and not recipe.model.trust_remote_code:
        message = (
            "this model needs its own Python code, which could read or change anything you can; "
            "read that code, then set it to true, or choose another model"
        )
        problems.append(Problem("model.trust_remote_code", message))
    else:
        problems += _not_loadable(facts, scores=recipe.optimises.scores)
    problems += _quantized(recipe, facts)
    if recipe.method is PREFIX_TUNING and facts.experts:
        why = "keys and values before a row make a step fail on a mixture of experts"
        problems.append(Problem("adapter.method", f'{why}; set it to "ptuning" or "lora"'))
    longest = max(1, facts.max_positions - recipe.leading) if facts.max_positions else None
    if facts.fixed_positions and longest and recipe.longest > longest:
        problems.append(_too_long(recipe, longest))
    return problems


def _too_long(recipe: Recipe, longest: int) -> Problem:
    """That rows, with the answers that the model writes to them, go beyond its last position."""
    asked, key = recipe.data.max_length, "data.max_length"
    if not recipe.optimises.generates:
        beside = f" beside {recipe.leading} virtual ones" if recipe.leading else ""
        return Problem(key, f"this model takes rows of at most {longest:,} tokens{beside}; set it to {longest} or less")
    opening = f"this model takes at most {longest:,} tokens, prompt and answer together"
    if asked < longest:
        return Problem("objective.answer_length", f"{opening}; set it to {longest - asked} or less, or lower {key}")
    half = longest // 2
    return Problem(key, f"{opening}; set it and objective.answer_length to {half} or less")


def _not_loadable(facts: ModelFacts, *, scores: bool) -> list[Problem]:
    """What transformers' `AutoModelForCausalLM`, and the task of its class, say about the kind of the model; and
    `AutoModelForSequenceClassification` of one that is to give scores, and may do so already.
    """
    already = scores and facts.scores
    if facts.architecture and facts.architecture.endswith(_NOT_WRITERS) and not already:
        message = f"{clean(facts.architecture, limit=60)} does not generate text"
    elif scores and facts.model_type and not gives_scores(facts.model_type):
        kind = clean(facts.model_type, limit=40)
        message = f"the installed transformers has no model of type {kind} with a head that gives scores"
        return [Problem(_KEY, f"{message} (AutoModelForSequenceClassification); choose another model")]
    elif facts.remote_code or (facts.model_type and writes(facts.model_type)):
        return []
    elif facts.model_type is None:
        message = "its config.json names no model_type"
    else:
        kind = clean(facts.model_type, limit=40)
        message = f"the installed transformers has no text model of type {kind} (AutoModelForCausalLM)"
    return [Problem(_KEY, f"{message}; choose a model whose architecture is …ForCausalLM")]


def _quantized(recipe: Recipe, facts: ModelFacts) -> list[Problem]:
    if facts.quantized is None:
        return []
    method, reason = clean(facts.quantized, limit=40), trainable_quantization(facts.quantized)
    already = f"the weights are quantized already ({method}); set quantization.bits = 16"
    why = _not_on(recipe, facts)
    trained = f'quantized weights ({method}) do not go with {recipe.method.title}: {why}; set it to "lora"'
    init = recipe.adapter.init if recipe.method.uses("init") else ""
    decomposed = f'pissa cannot decompose quantized weights ({method}); set it to "olora" or "default"'
    lost = f'{init} needs the weights before quantization, and these are {method}; set it to "default"'
    found = (
        ("adapter.init", init == "pissa", decomposed),
        ("adapter.init", init in CORRECTING, lost),
        ("quantization.bits", recipe.quantization.bits != 16, already),
        ("adapter.method", why, trained),
        (_KEY, reason, f"the weights are quantized ({method}): {reason}"),
    )
    return [Problem(key, message) for key, wrong, message in found if wrong]


def _not_on(recipe: Recipe, facts: ModelFacts) -> str:
    """Why the method does not train on weights that come quantized; "" where it does."""
    support, bits = recipe.method.support, facts.quantized_bits
    return support.stored if bits is None else support.bits.get(bits, "")


def _bundled() -> str:
    return ", ".join(PREFIX + name for name in MODELS)


def _refused(message: str) -> ModelCheck:
    return ModelCheck(errors=[Problem(_KEY, message)])
