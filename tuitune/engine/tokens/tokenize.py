"""A recipe's data as tokens: read and cleaned, tokenized and counted; or found in the cache, where all that is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tuitune import __version__
from tuitune.data.preparation.assembled import Assembled, Item, StepReport
from tuitune.data.preparation.prepare import prepare
from tuitune.data.sources.names import content_hash, resolve
from tuitune.data.sources.rows import name_of
from tuitune.engine.tokens import store
from tuitune.engine.tokens.control_tokens import ControlTokens
from tuitune.engine.tokens.encode import Canonical, is_conversation
from tuitune.engine.tokens.encoders import encoder_of
from tuitune.engine.tokens.store import TokenDraft, Tokenized
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.engine.tokens.token_statistics import TokenStatistics
from tuitune.planning.data_plan import sources
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings
from tuitune.rewards import helpers

_CHUNK = 512  # rows tokenized at once
_LIBRARIES = ("transformers", "tokenizers", "trl")
_OF_A_STEP = ("step", "key", "title", "before", "found", "dropped", "changed")
_LABELLING = 7
"""Counts the ways in which rows were labelled: tokens of an earlier one are not taken for those of today."""

_NAMED = 5
_LOST_SHARE = 0.01
_TEMPLATE = "the chat template"
"""What is named in the reasons why a row cannot be used that are the template's."""

Tell = Callable[[str, str, int | None, int | None], None]
"""Takes the slug of a phase, what is being done, rows done (None where the phase begins) and rows in all."""


def tokenize(
    recipe: Recipe,
    template: ChatTemplate,
    stop_ids: set[int],
    tell: Tell,
    *,
    base: Path | None = None,
    held_out: Sequence[str] | None = None,
) -> Tokenized:
    """The recipe's training and held-out rows as tokens. Relative paths start at `base`.

    `held_out` are the marks of the rows that another life of the run held out. TuituneError names what the data is
    refused for. Rows without anything to learn are left out and counted; `refusal` says whether they are too many.
    A model without a chat template gets the plain one where there are conversations.
    """
    tell("reading", f"reading {name_of(recipe.data.train)}", None, None)
    key = cache_key(recipe, template, stop_ids, base)
    found = store.find(key)
    if held_out is not None and (found is None or found.facts["held_out_marks"] != list(held_out)):
        key = _digest([key, list(held_out)])
        found = store.find(key)
    if found is None:
        data = prepare(
            recipe,
            purpose=recipe.optimises,
            base=base,
            held_out=held_out,
            begun=partial(_try_template, recipe, template, stop_ids),
            progress=partial(tell, "reading"),
        )
        found = _written(key, data, recipe, template, stop_ids, tell)
    if found.facts["origin"] == "plain":
        template.take_plain()
    return found


def refusal(facts: dict[str, Any], recipe: Recipe) -> str | None:
    """Why data of such facts must not be trained on; None where it may.

    trl drops rows without anything to learn and says nothing: here more than one in a hundred is an error.
    """
    name, cut = name_of(recipe.data.train), facts["lost_cut"] or facts["too_long"]
    within = f" within data.max_length = {recipe.data.max_length:,}" if cut else ""
    too = f", which drops {facts['cut']:,} that are only cut, too" if facts["cut"] else ""
    ways = ["raise data.max_length", f'set cleaning.too_long = "drop"{too}'] if cut else []
    ways += ["change data.loss_on"] if recipe.optimises.reads("data.loss_on") else []
    advised = ", ".join([*ways, "or drop these rows"])
    rows, refused = facts["rows"], facts["refused"]
    silent = facts["lost_count"] - refused
    if refused and (recipe.cleaning.unusable == "refuse" or refused == rows):
        templated = any(one["refused"] and _TEMPLATE in one["why"] for one in facts["lost"])
        ways = ["use another chat template (data.template)"] if templated else []
        ways += ['set cleaning.unusable = "drop"'] if refused < rows else []
        return (
            f"{name}: {refused:,} of {rows:,} rows cannot be used: {_listing(facts['lost'], refused=True)}. "
            f"{', or '.join(['Fix or remove them', *ways])}"
        )
    if not facts["kept"]:
        listed = f" ({_listing(facts['lost'], refused=False)})" if silent else ""
        return f"{name}: no row has a token to learn{within}; {', or '.join(ways) or 'look at its answers'}{listed}"
    if silent > _LOST_SHARE * rows:
        return (
            f"{name}: {silent:,} of {rows:,} rows have no token to learn{within}; {advised}: "
            f"{_listing(facts['lost'], refused=False)}"
        )
    return None


def _written(
    key: str, data: Assembled, recipe: Recipe, template: ChatTemplate, stop_ids: set[int], tell: Tell
) -> Tokenized:
    _suit(template, (*data.train, *data.held_out))
    encoder = encoder_of(recipe, template, stop_ids)
    tidied = _without_control_tokens(data, template) if recipe.cleaning.control_tokens == "remove" else []

    def encode(name: str, items: Sequence[Item], source: str, which: str) -> dict[str, Any]:
        statistics = TokenStatistics(source, encoder.single, stop_ids, drop_long=recipe.cleaning.too_long == "drop")
        progress = partial(tell, "tokenizing", f"tokenizing {which} rows")
        if items:
            progress(None, None)
        with draft.rows(name, encoder.columns) as write:
            chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
            done = 0
            for chunk, encoded in zip(chunks, encoder.encode_all(map(_canonical, chunks)), strict=True):
                write([row for item, row in zip(chunk, encoded, strict=True) if statistics.takes(item, row)])
                done += len(chunk)
                progress(done, len(items))
        return statistics.facts()

    with TokenDraft(key) as draft:
        facts = encode("train", data.train, recipe.data.train, "training")
        eval_source = recipe.data.eval if isinstance(recipe.data.eval, str) else recipe.data.train
        facts["held_out"] = encode("held_out", data.held_out, eval_source, "held-out")
        facts["held_out_marks"] = data.held_out_marks
        facts["unread"] = data.unread
        facts["origin"] = template.origin
        steps = [*data.steps, *tidied]
        if dropped := facts["too_long"]:  # the cleaning step that only tokens can tell
            title, before = "over-long rows", facts["rows"]
            steps.append(StepReport("too_long", "cleaning.too_long", title, before=before, dropped=dropped))
        facts["cleaning"] = [{name: getattr(step, name) for name in _OF_A_STEP} for step in steps]
        facts["notes"] = list(data.notes)
        return draft.keep(facts, _canonical(data.held_out))


def _try_template(recipe: Recipe, template: ChatTemplate, stop_ids: set[int], first: Sequence[Item]) -> None:
    """EngineError where the template does not tell the answers of the first rows, before the others are read."""
    _suit(template, first)
    next(encoder_of(recipe, template, stop_ids).encode_all([_canonical(first)]))


def _suit(template: ChatTemplate, items: Iterable[Item]) -> None:
    """Have the plain template write conversations where there is none."""
    if template.origin == "none" and any(is_conversation(one.canonical) for one in items):
        template.take_plain()


def _without_control_tokens(data: Assembled, template: ChatTemplate) -> list[StepReport]:
    """The cleaning step that only a tokenizer can do, in place: a row with a text of nothing else is dropped."""
    control = ControlTokens(template.tokenizer)
    key, before = "cleaning.control_tokens", len(data.train)
    step = StepReport("control_tokens", key, "control tokens in texts", before=before)
    nothing = StepReport("control_tokens_only", key, "texts of nothing but control tokens", before=before)
    for side in (data.train, data.held_out):
        kept = []
        for item in side:
            row = control.removed(item.canonical)
            step.changed += side is data.train and row is not None and row is not item.canonical
            if row is not None:
                kept.append(replace(item, canonical=row))
            elif side is data.train:
                nothing.drop(item)
        side[:] = kept
    step.found = step.changed
    return [step, nothing] if nothing.dropped else [step]


def _canonical(items: Sequence[Item]) -> list[Canonical]:
    return [item.canonical for item in items]


def cache_key(recipe: Recipe, template: ChatTemplate, stop_ids: set[int], base: Path | None) -> str:
    """What the tokens depend on: the data's content, what the recipe makes of it, template, tokenizer and libraries."""
    tokenizer = template.tokenizer
    return _digest(
        {
            "content": [content_hash(resolve(name, base=base)) for name in sources(recipe)],
            "settings": {one.key: one.of(recipe) for one in settings() if one.affects("tokens")},
            "template": [tokenizer.chat_template, template.marked],
            "ends": sorted(stop_ids),
            "tokenizer": [hashlib.sha256(_vocabulary(template)).hexdigest(), dict(tokenizer.special_tokens_map)],
            "versions": [
                _LABELLING,
                __version__,
                *(version(name) for name in _LIBRARIES),
                *helpers(recipe.rewards.weights),
            ],
        }
    )


def _vocabulary(template: ChatTemplate) -> bytes:
    """The whole tokenizer as bytes, but for what it was last asked to pad or cut."""
    if not template.tokenizer.is_fast:
        return repr(sorted(template.tokenizer.get_vocab().items())).encode()
    backend = template.tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    return backend.to_str().encode()


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _listing(lost: list[dict[str, Any]], *, refused: bool) -> str:
    """The first rows that are lost, by what is wrong with them."""
    those = [one for one in lost if one["refused"] == refused]
    places: dict[str, list[str]] = {}
    for one in those[:_NAMED]:
        places.setdefault(one["why"], []).append(one["place"])
    if len(those) > _NAMED and len(places) == 1:
        places[those[0]["why"]].append("…")
    others = ", and others" if len(those) > _NAMED and len(places) > 1 else ""
    return "; ".join(f"{', '.join(rows)}: {why}" for why, rows in places.items()) + others
