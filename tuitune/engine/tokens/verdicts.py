"""Judgements over a tokenizer and its chat template: what they do to the labels, and which setting would mend it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.encode import Encoder, learns_to_stop
from tuitune.engine.tokens.template import ChatTemplate, Messages, RenderProblem
from tuitune.text import clean

Level = Literal["ok", "warning", "error"]

_STEP, _LONGEST = 64, 1_048_576
_TALK: Messages = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "First."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "Second."},
]


@dataclass(frozen=True)
class TemplateVerdict:
    """A judgement: `fix` is settings, by key, that would put it right; None where no setting does."""

    id: str
    level: Level
    text: str
    fix: Mapping[str, Any] | None = None


def judge(encoder: Encoder, stop_ids: set[int], used: Collection[str] = ()) -> list[TemplateVerdict]:
    """Every judgement that needs no rows. `used` names what the rows have that a template may not take: system, tools.

    A template that cannot be rendered at all is one error.
    """
    template = encoder.template
    if template.origin == "none":
        return [
            TemplateVerdict(
                "template", "ok", "the tokenizer has no chat template: text and prompts are used as they are"
            ),
            *_pad(encoder),
        ]
    try:
        template.render(_TALK[:2])
    except (RenderProblem, EngineError) as problem:
        return [TemplateVerdict("template", "error", str(problem))]
    checks: tuple[Callable[[], Iterator[TemplateVerdict]], ...] = (
        lambda: _markers(encoder),
        lambda: _prefix(encoder),
        lambda: _opening(encoder),
        lambda: _stop(encoder, stop_ids),
        lambda: _beginning(encoder),
        lambda: _pad(encoder),
        lambda: _system(template, "system" in used),
        lambda: _tools(template, "tools" in used),
    )
    return [verdict for check in checks for verdict in check()]


def _markers(encoder: Encoder) -> Iterator[TemplateVerdict]:
    template = encoder.template
    if template.marked == "own":
        try:
            encoder.render({"messages": _TALK})
        except RenderProblem as problem:
            yield TemplateVerdict("markers", "error", str(problem))
            return
    yield {
        "own": TemplateVerdict("markers", "ok", "the template marks its answers itself ({% generation %})"),
        "trl": TemplateVerdict(
            "markers", "ok", "the template does not mark its answers; trl's training version of it does"
        ),
        "rendered": TemplateVerdict(
            "markers",
            "ok",
            "the template does not mark its answers; they are found by rendering each conversation up to them",
        ),
    }[template.marked]


def _prefix(encoder: Encoder) -> Iterator[TemplateVerdict]:
    """Whether the earlier part of a conversation stays as it is when the conversation goes on."""
    first, whole = encoder.template.render(_TALK[:2]), encoder.template.render(_TALK)
    if whole.startswith(first):
        yield TemplateVerdict("prefix", "ok", "earlier turns stay as they are when a conversation continues")
    elif encoder.loss_on == "assistant" and not _can_mark(encoder, "assistant"):
        yield TemplateVerdict(
            "prefix",
            "error",
            "earlier answers are rendered differently once a conversation continues, so they cannot be marked",
            {"data.loss_on": "completion" if _can_mark(encoder, "completion") else "all"},
        )
    else:
        yield TemplateVerdict(
            "prefix", "warning", "the template renders earlier turns differently once a conversation continues"
        )


def _can_mark(encoder: Encoder, loss_on: str) -> bool:
    try:
        Encoder(encoder.template, loss_on, encoder.max_length).render({"messages": _TALK})
    except EngineError:
        return False
    return True


def _opening(encoder: Encoder) -> Iterator[TemplateVerdict]:
    """Whether a model is asked with what it is taught with: a template may open reasoning that no row has."""
    asked, taught = encoder.template.render(_TALK[:1], prompt=True), encoder.template.render(_TALK[:2])
    if not taught.startswith(asked):
        yield TemplateVerdict(
            "opening",
            "warning",
            f"the template prompts for an answer with {clean(asked[-30:])}, but answers without reasoning do not start "
            "like that: the model is trained on another opening than it is used with",
        )


def _stop(encoder: Encoder, stop_ids: set[int]) -> Iterator[TemplateVerdict]:
    (row,) = encoder.encode([{"messages": _TALK[:2]}])
    if row.problem:
        return
    names = ", ".join(sorted(encoder.tokenizer.convert_ids_to_tokens(sorted(stop_ids)))) or "none is known"
    if learns_to_stop(row, stop_ids, encoder.tokenizer):
        yield TemplateVerdict("stop-token", "ok", f"the end of answers is learned ({names})")
    else:
        yield TemplateVerdict(
            "stop-token",
            "warning",
            f"no token that ends an answer is learned ({names}): the model would not learn to stop",
        )


def _beginning(encoder: Encoder) -> Iterator[TemplateVerdict]:
    tokenizer = encoder.tokenizer
    if tokenizer.bos_token_id is None:
        return
    bos = tokenizer.bos_token_id
    text = encoder.template.render(_TALK[:2])
    adds, writes = tokenizer("x")["input_ids"][:1] == [bos], text.startswith(str(tokenizer.bos_token))
    if tokenizer(text, add_special_tokens=False)["input_ids"][:2] == [bos, bos]:
        yield TemplateVerdict("bos", "warning", f"the template begins with {tokenizer.bos_token} twice")
    elif adds and writes:
        yield TemplateVerdict(
            "bos", "ok", f"template and tokenizer both begin with {tokenizer.bos_token}: tuitune adds it once"
        )
    elif adds:
        yield TemplateVerdict(
            "bos", "warning", f"the tokenizer begins every text with {tokenizer.bos_token}, the template does not"
        )
    else:
        yield TemplateVerdict(
            "bos", "ok", f"a conversation begins with {tokenizer.bos_token}" if writes else "no token begins a text"
        )


def _pad(encoder: Encoder) -> Iterator[TemplateVerdict]:
    tokenizer = encoder.tokenizer
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id == tokenizer.eos_token_id:
        yield TemplateVerdict(
            "pad-eos",
            "ok",
            f"{tokenizer.eos_token} is both end and pad token: tuitune masks padding by position, so the end is "
            "still learned",
        )


def _system(template: ChatTemplate, used: bool) -> Iterator[TemplateVerdict]:
    if template.takes_system:
        return
    if template.inline:
        yield TemplateVerdict("system", "ok", "the template takes no system turns: they go before the first question")
    else:
        fix = {"data.left_out": "inline"}
        yield TemplateVerdict("system", "warning" if used else "ok", "the template takes no system turns", fix)


def _tools(template: ChatTemplate, used: bool) -> Iterator[TemplateVerdict]:
    if not template.takes_tools:
        yield TemplateVerdict("tools", "warning" if used else "ok", "the template takes no tool calls")
    elif used:
        yield TemplateVerdict("tools", "ok", "the template writes tool calls and their results")


def longer(length: int, now: int, most: int | None) -> Mapping[str, Any] | None:
    """The setting that keeps as much as can be of rows of `length` tokens, of a model made for `most` (None: unknown);
    None where the one in force, `now`, already does.
    """
    wanted = min(-(-length // _STEP) * _STEP, most or _LONGEST)
    return {"data.max_length": wanted} if now < min(length, wanted) else None
