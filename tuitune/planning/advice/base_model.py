"""Advice on the base model: how to get at it, what it brings along, and what surprises people who fine-tune it."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.hardware.base_models import base_models
from tuitune.hardware.models import ADAPTER_CONFIG
from tuitune.planning.checks.model import needs_remote_code
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.text import clean
from tuitune.units import bytes_text

_KEY = "model.id"


def _catalogue(now: Situation) -> Iterator[Advice]:
    """All that the catalogue says of the recipe's model, as far as nothing better known says it already."""
    model = base_models().find(now.recipe.model.id) if now.model.hub else None
    if model is None:
        return
    away = now.model.folder is None
    answered = now.model.remote is not None and now.model.remote.facts is not None
    if model.gated and away and not answered:
        page = f"https://huggingface.co/{model.name}"
        message = f"this model is gated: accept its terms at {page}, then run `hf auth login` or set HF_TOKEN"
        yield Advice("gated", "info", _KEY, message)
    if model.system_turns is False and away and not now.recipe.data.template:
        yield from _system_turns(now)
    for trap in model.traps:
        yield Advice("known-trap", "info", _KEY, clean(trap, limit=300))


def _system_turns(now: Situation) -> Iterator[Advice]:
    """The engine refuses such rows, but only once it has downloaded the model."""
    count = now.data.system_turns
    if count and now.recipe.data.left_out != "inline":
        rows = "1 of the first rows has one" if count == 1 else f"{count} of the first rows have one"
        message = (
            f"the model's chat template takes no system turn, and {rows}; inline writes it before the first question"
        )
        yield Advice("no-system-turn", "warning", "data.left_out", message, {"data.left_out": "inline"})


def _remote_code(now: Situation) -> Iterator[Advice]:
    if not now.recipe.model.trust_remote_code or now.model.facts is None:
        return
    key = "model.trust_remote_code"
    if needs_remote_code(now.model.facts):
        yield Advice("remote-code", "warning", key, "Python code from the model will run with your rights")
    else:
        yield Advice("remote-code", "info", key, "this model needs no code of its own", {key: False})


def _download(now: Situation) -> Iterator[Advice]:
    if not now.model.download:
        return
    rest, remote = "the rest" if now.model.download == "partial" else "it", now.model.remote
    size = f" ({bytes_text(remote.download)})" if remote and remote.download else ""
    message = f"this model is not on this machine; the run downloads {rest} first{size}"
    if remote and remote.unknown:
        known = "Only the catalogue tells about it" if now.model.listed else "Nothing is known about it"
        message += f". {known}, and the run may fail: {clean(remote.unknown, limit=200)}"
    yield Advice("download", "warning" if remote and remote.unknown else "info", "model.id", message)


def _adapter_beside(now: Situation) -> Iterator[Advice]:
    if now.model.adapter_beside:
        message = (
            f"the model's folder has an adapter ({ADAPTER_CONFIG}), which training ignores. transformers loads both "
            "from there, so move the adapter away before you use the result"
        )
        yield Advice("adapter-beside", "warning", "model.id", message)


def _revision(now: Situation) -> Iterator[Advice]:
    if now.model.folder is not None and not now.model.hub and now.recipe.model.revision != "main":
        message = "a revision has no effect on a local model"
        yield Advice("revision", "info", "model.revision", message, {"model.revision": "main"})


RULES = (_remote_code, _download, _catalogue, _adapter_beside, _revision)
