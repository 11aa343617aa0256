"""Why a token of a row is masked: whose turn it stands in, or which rule leaves it out."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from tokenizers import Encoding

from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.answers import AnswerFinder
from tuitune.engine.tokens.encode import Canonical, Encoder, Rendered, messages_of
from tuitune.engine.tokens.template import Messages, Spans
from tuitune.rows.turns import is_learned

_TURNS = ("system", "user", "tool", "weight", "earlier", "prompt")
_CODES = {name: number for number, name in enumerate(_TURNS, 1)}
_OPEN = {name: chr(0xF7E0 + code) for name, code in _CODES.items()}
_CLOSE = chr(0xF7E0)
_SIGN = re.compile(f"[{_CLOSE}{''.join(_OPEN.values())}]")
"""Signs of the private use area, set around what turns say and looked for in what the template makes of them."""

Regions = list[tuple[int, int, str]]
"""Ranges of characters and the slug of the turn that they belong to."""


def reasons(
    encoder: Encoder, row: Canonical, rendered: Rendered, encoding: Encoding, learned: Sequence[int]
) -> list[str]:
    """For each token why it is masked, "" where it is `learned`.

    system, user, tool: such a turn says it; prompt: the prompt of a row without a template; weight: an answer of
    weight 0; earlier: an answer before the last one, with `loss_on` completion; end: after the end token of an answer;
    template: the chat template writes it; added: the tokenizer does; apart: in no answer, where the template changes
    what turns say, so that nobody can tell which it is.
    """
    regions = _regions(encoder, row, rendered)
    codes = bytearray(len(rendered.text))
    for first, last, name in regions or ():
        codes[first:last] = bytes([_CODES[name]]) * (last - first)
    elsewhere = "apart" if regions is None else "template"
    found: list[str] = []
    for place, (first, last) in enumerate(encoding.offsets):
        before = found[-1] if found else "template"
        if learned[place]:
            found.append("")
        elif encoding.token_to_chars(place) is None:
            found.append("added")
        elif code := next(filter(None, codes[first:last]), 0):
            found.append(_TURNS[code - 1])
        elif before in ("", "end") and not rendered.text[first:last].strip():
            found.append("end")
        else:
            found.append(elsewhere)
    return found


def _regions(encoder: Encoder, row: Canonical, rendered: Rendered) -> Regions | None:
    """What each turn says that is masked, in the row's text; None where that cannot be told."""
    messages = messages_of(row, encoder.tokenizer)
    if messages is None:
        return [(0, len(row["prompt"]), "prompt")] if "prompt" in row else []
    names = _names(messages, encoder.loss_on)
    try:
        text, answers = _render(encoder, list(map(_signed, messages, names)), row)
    except EngineError:
        return None
    plain, regions = _read(text)
    if plain != rendered.text:
        return None
    answering = [name for turn, name in zip(messages, names, strict=True) if turn["role"] == "assistant"]
    if len(answers) != len(answering):
        return regions
    signs = [found.start() for found in _SIGN.finditer(text)]
    whole = [[edge - bisect_left(signs, edge) for edge in span] for span in answers]
    return [*((first, last, name) for (first, last), name in zip(whole, answering, strict=True) if name), *regions]


def _render(encoder: Encoder, messages: Messages, row: Canonical) -> tuple[str, Spans]:
    """The conversation as text, and where its answers are; none where they cannot all be told."""
    template, tools = encoder.template, row.get("tools") or None
    if template.marked != "rendered":
        return template.render_marked([messages], tools)[0]
    finder = AnswerFinder(template, messages, tools)
    spans: Spans = []
    for place in (place for place, turn in enumerate(messages) if turn["role"] == "assistant"):
        if (span := finder.between(place)) is None:
            return finder.text, []
        spans.append(span)
    return finder.text, spans


def _names(messages: Messages, loss_on: str) -> list[str]:
    """The slug of each turn; "" for an answer that is learned."""
    answers = [place for place, turn in enumerate(messages) if turn["role"] == "assistant"]
    names = [str(turn["role"]) for turn in messages]
    for place in answers:
        earlier = "earlier" if loss_on == "completion" and place < answers[-1] else ""
        names[place] = earlier if is_learned(messages[place]) else "weight"
    return names


def _signed(turn: Canonical, name: str) -> Canonical:
    """A turn with signs around what it says, within its white space, which templates cut off."""
    said = turn.get("content")
    if not name or not isinstance(said, str) or not (core := said.strip()):
        return turn
    start = said.index(core)
    return {**turn, "content": f"{said[:start]}{_OPEN[name]}{core}{_CLOSE}{said[start + len(core) :]}"}


def _read(text: str) -> tuple[str, Regions]:
    """The text without its signs, and what stood between them."""
    regions: Regions = []
    pieces, signs = _SIGN.split(text), _SIGN.findall(text)
    since, name = 0, ""
    for sign, place in zip(signs, accumulate(map(len, pieces)), strict=False):
        if sign == _CLOSE:
            regions += [(since, place, name)] if name else []
            name = ""
        else:
            since, name = place, _TURNS[ord(sign) - ord(_CLOSE) - 1]
    return "".join(pieces), regions
