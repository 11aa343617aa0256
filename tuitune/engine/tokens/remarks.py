"""What there is to say of a tokenizer, its chat template and rows: what they do to the labels, and what mends it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.omissions import EARLIER_REASONS, NO_REASONS, REASONS, SYSTEM, UNTHOUGHT, WORDING, slug
from tuitune.engine.tokens.template import ChatTemplate, Messages, RenderProblem
from tuitune.recipe.schema import Recipe
from tuitune.recipe.values import toml_text
from tuitune.text import clean

Level = Literal["ok", "warning", "error"]

UNREAD = "unread"
"""The remark on what rows say and nobody reads."""

_NAMED = 5
_STEP, _LONGEST = 64, 1_048_576
_TALK: Messages = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "First."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "Second."},
]
_MARKED = {
    "own": "the template marks its answers itself ({% generation %})",
    "trl": "the template does not mark its answers; trl's training version of it does",
    "rendered": "the template does not mark its answers; they are found by rendering each conversation up to them",
}


_DOES = {WORDING: "changes", NO_REASONS: "begins answers without reasoning with"}
"""What a template does to what a row says, where it does not drop it."""

_MEANS = {
    UNTHOUGHT: "; tuitune data convert --per-answer makes a row of each, to learn them all with their reasoning",
    NO_REASONS: ": the model learns not to think. Add reasoning, or use the model with thinking off",
}
_MANY = 0.1
"""The share of over-long rows from which that they are dropped is worth a warning."""

_INLINE = {"data.left_out": "inline"}
_LAST_ALONE = {"data.loss_on": "completion"}


@dataclass(frozen=True)
class Remark:
    """`fix` is settings, by key, that would put it right; None where no setting does."""

    id: str
    level: Level
    text: str
    fix: Mapping[str, Any] | None = None

    @property
    def said(self) -> str:
        """The text with its way out."""
        settings = ", ".join(f"{key} = {toml_text(value)}" for key, value in (self.fix or {}).items())
        return f"{self.text}; set {settings}" if settings else self.text


def judge(encoder: Encoder, stop_ids: set[int], used: Collection[str] = ()) -> list[Remark]:
    """Every judgement that needs no rows; `used` is what rows have that a template may not take: system, tools."""
    template = encoder.template
    if template.origin == "none":
        text = "the tokenizer has no chat template: text and prompts are used as they are"
        return [Remark("template", "ok", text), *_pad(encoder)]
    try:
        template.render(_TALK[:2])
    except EngineError as problem:
        return [Remark("template", "error", str(problem))]
    return [
        *_markers(encoder),
        *_prefix(encoder),
        *_opening(encoder),
        *_stop(encoder, stop_ids),
        *_beginning(encoder),
        *_pad(encoder),
        *_system(template, "system" in used),
        *_tools(template, "tools" in used),
    ]


def of_rows(facts: dict[str, Any]) -> Iterator[Remark]:
    """What is to be said of rows that are trained on, before they are: the first of them named, and the way out."""
    for what, rows in facts["left_out"].items():
        yield omission(what, "the chat template", f": {_rows_of(rows)}")
    for what, rows in list(facts["control"].items())[:_NAMED]:
        yield control(what, f"control tokens in the text of rows: {what}, {_rows_of(rows)}")
    for rows in facts["weighted"].values():
        yield Remark("weights", "warning", f"answer weights other than 0 and 1 count as 1: {_rows_of(rows)}")
    if unread := facts["unread"]:
        names = ", ".join(clean(name, limit=60) for name in unread[:_NAMED]) + (", …" if len(unread) > _NAMED else "")
        yield Remark(UNREAD, "warning", f"not read and so not learned: {names}")


def of_loss(facts: dict[str, Any], recipe: Recipe, most: int | None = None) -> Iterator[Remark]:
    """What is to be said of over-long rows that are dropped, and of held-out ones of which none is left, for a model
    made for `most` tokens.
    """
    length, held_out = recipe.data.max_length, facts["held_out"]
    if count := facts["too_long"]:
        rows = facts["rows"]
        left = f"{facts['kept']:,} left to train on; the longest has {facts['longest']:,} tokens"
        text = f"{_dropped(count, rows, 'row', length)}: {left}"
        many = count > _MANY * rows
        yield Remark("too-long", "warning" if many else "ok", text, longer(facts["longest"], length, most))
    if recipe.data.eval is not None and not held_out["kept"]:
        count, rows = held_out["too_long"], held_out["rows"]
        cause = f": {_dropped(count, rows, 'held-out row', length)}" if count else ""
        fix = longer(held_out["longest"], length, most) if count else None
        text = f"no held-out row is left, so nothing is evaluated{cause}"
        yield Remark("no-held-out-left", "warning", text, fix)
    elif count := held_out["too_long"]:
        text = _dropped(count, held_out["rows"], "held-out row", length)
        yield Remark("too-long-held-out", "ok", f"{text}: {held_out['kept']:,} left to evaluate on")


def _dropped(count: int, rows: int, noun: str, length: int) -> str:
    """How many of so many rows are too long to be kept."""
    some = f"{count:,} of {rows:,} {noun}s {'is' if count == 1 else 'are'}"
    return f'{some} longer than {length:,} tokens and dropped (cleaning.too_long = "drop")'


def omission(what: str, template: str, where: str = "") -> Remark:
    """On what of a row, or of rows, its chat template leaves out."""
    text = f"{template} {_DOES.get(what, 'drops')} {what}{where}{_MEANS.get(what, '')}"
    fix = {SYSTEM: _INLINE, REASONS: _INLINE, UNTHOUGHT: _LAST_ALONE}.get(what)
    return Remark(f"left-out-{slug(what)}", "ok" if what == EARLIER_REASONS else "warning", text, fix)


def control(what: str, text: str) -> Remark:
    """On a control token in the text of a row, or of rows."""
    return Remark(f"control-{slug(what)}", "warning", text, {"cleaning.control_tokens": "remove"})


def longer(length: int, now: int, most: int | None) -> Mapping[str, Any] | None:
    """The setting that keeps rows of `length` tokens, up to the model's `most` where known; None where `now` does."""
    wanted = min(-(-length // _STEP) * _STEP, most or _LONGEST)
    return {"data.max_length": wanted} if now < min(length, wanted) else None


def _rows_of(rows: dict[str, Any]) -> str:
    count, places = rows["count"], rows["places"]
    more = ", …" if count > len(places) else ""
    return f"in {count:,} {'row' if count == 1 else 'rows'} ({', '.join(places)}{more})"


def _markers(encoder: Encoder) -> Iterator[Remark]:
    marked = encoder.template.marked
    try:
        if marked == "own":
            encoder.render({"messages": _TALK})
        yield Remark("markers", "ok", _MARKED[marked])
    except RenderProblem as problem:
        yield Remark("markers", "error", str(problem))


def _prefix(encoder: Encoder) -> Iterator[Remark]:
    """Whether the earlier part of a conversation stays as it is when the conversation goes on."""
    first, whole = encoder.template.render(_TALK[:2]), encoder.template.render(_TALK)
    if whole.startswith(first):
        yield Remark("prefix", "ok", "earlier turns stay as they are when a conversation continues")
    elif encoder.loss_on == "assistant" and not _can_mark(encoder, "assistant"):
        text = "earlier answers are rendered differently once a conversation continues, so they cannot be marked"
        fix = {"data.loss_on": "completion" if _can_mark(encoder, "completion") else "all"}
        yield Remark("prefix", "error", text, fix)
    else:
        yield Remark(
            "prefix", "warning", "the template renders earlier turns differently once a conversation continues"
        )


def _can_mark(encoder: Encoder, loss_on: str) -> bool:
    try:
        Encoder(encoder.template, loss_on, encoder.max_length).render({"messages": _TALK})
    except EngineError:
        return False
    return True


def _opening(encoder: Encoder) -> Iterator[Remark]:
    """Whether a model is asked with what it is taught with: a template may open reasoning that no row has."""
    asked, taught = encoder.template.render(_TALK[:1], prompt=True), encoder.template.render(_TALK[:2])
    if not taught.startswith(asked):
        text = (
            f"the template prompts for an answer with {clean(asked[-30:])}, but answers without reasoning do not start "
            "like that: the model is trained on another opening than it is used with"
        )
        yield Remark("opening", "warning", text)


def _stop(encoder: Encoder, stop_ids: set[int]) -> Iterator[Remark]:
    (row,) = encoder.encode([{"messages": _TALK[:2]}])
    names = ", ".join(sorted(encoder.tokenizer.convert_ids_to_tokens(sorted(stop_ids)))) or "none is known"
    if not row.problem and row.stops(stop_ids, encoder.tokenizer):
        yield Remark("stop-token", "ok", f"the end of answers is learned ({names})")
    elif not row.problem:
        text = f"no token that ends an answer is learned ({names}): the model would not learn to stop"
        yield Remark("stop-token", "warning", text)


def _beginning(encoder: Encoder) -> Iterator[Remark]:
    tokenizer, bos = encoder.tokenizer, encoder.tokenizer.bos_token
    if tokenizer.bos_token_id is None:
        return
    text = encoder.template.render(_TALK[:2])
    adds, writes = tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id], text.startswith(str(bos))
    if tokenizer(text, add_special_tokens=False)["input_ids"][:2] == [tokenizer.bos_token_id] * 2:
        yield Remark("bos", "warning", f"the template begins with {bos} twice")
    elif adds and writes:
        yield Remark("bos", "ok", f"template and tokenizer both begin with {bos}: tuitune adds it once")
    elif adds:
        yield Remark("bos", "warning", f"the tokenizer begins every text with {bos}, the template does not")
    else:
        yield Remark("bos", "ok", f"a conversation begins with {bos}" if writes else "no token begins a text")


def _pad(encoder: Encoder) -> Iterator[Remark]:
    tokenizer = encoder.tokenizer
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id == tokenizer.eos_token_id:
        text = "is both end and pad token: tuitune masks padding by position, so the end is still learned"
        yield Remark("pad-eos", "ok", f"{tokenizer.eos_token} {text}")


def _system(template: ChatTemplate, used: bool) -> Iterator[Remark]:
    if not template.takes_system and template.inline:
        yield Remark("system", "ok", "the template takes no system turns: they go before the first question")
    elif not template.takes_system:
        fix = {"data.left_out": "inline"}
        yield Remark("system", "warning" if used else "ok", "the template takes no system turns", fix)


def _tools(template: ChatTemplate, used: bool) -> Iterator[Remark]:
    if not template.takes_tools:
        yield Remark("tools", "warning" if used else "ok", "the template takes no tool calls")
    elif used:
        yield Remark("tools", "ok", "the template writes tool calls and their results")
