"""What the engine's inspector says of a tokenizer, and of a row: its tokens, which of them are learned, verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tuitune.text import clean

WHY = {
    "system": "system turn",
    "user": "user turn",
    "tool": "tool's answer",
    "prompt": "prompt",
    "template": "template text",
    "weight": "answer with weight 0",
    "earlier": "before the last answer (loss_on = completion)",
    "end": "after the end token",
    "first": "first token: never predicted",
    "added": "added by the tokenizer",
    "apart": "outside the answers",
    "cut": "cut by max_length",
}
"""Why a token is masked, in words, by the engine's slugs."""


class Token(NamedTuple):
    """A token as text and by its number in the vocabulary; `learned` counts in the loss, `special` is no plain text.

    `why`: the slug of why it is masked, as in `WHY`; "" where it is learned.
    """

    text: str
    id: int
    learned: bool
    special: bool
    why: str = ""

    @property
    def reason(self) -> str:
        """`why` in words."""
        return WHY.get(self.why, clean(self.why, limit=60))


@dataclass(frozen=True)
class Verdict:
    """A judgement: `level` is ok, warning or error, and `fix` settings (key → value) that would put it right."""

    id: str
    level: str
    text: str
    fix: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Opening:
    """The tokenizer of a recipe and the template that renders its rows.

    `special` maps bos, eos and pad to the texts of those tokens. `template` says where the template comes from:
    tokenizer, file, plain or none; `marked`, who marks the answers in it: own (the template itself), trl (its training
    template) or rendered (found by rendering up to each answer).
    """

    name: str
    vocabulary: int
    special: Mapping[str, str]
    template: str
    marked: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class TokenizedRow:
    """A row as the model sees it. Of `tokens` the first `kept` are; the rest is beyond `max_length`.

    Of preferences it is the chosen `side`, and `other` the rejected one. `turns` has for each token the number of the
    turn whose answer it belongs to, 0 for none, where an answer can be learned or not by itself; else nothing.
    """

    tokens: tuple[Token, ...]
    kept: int
    max_length: int
    rendered: str
    verdicts: tuple[Verdict, ...]
    side: str = ""
    other: TokenizedRow | None = None
    turns: tuple[int, ...] = ()

    @property
    def sides(self) -> tuple[TokenizedRow, ...]:
        """Itself, and the other one of a pair."""
        return (self,) if self.other is None else (self, self.other)

    @property
    def learned_turns(self) -> set[int]:
        """The numbers of the turns whose answers are learned."""
        return {turn for turn, token in zip(self.turns, self.tokens, strict=False) if token.learned and turn}

    @property
    def trained(self) -> int:
        """Tokens that count in the loss: none of those cut off."""
        return sum(token.learned for token in self.tokens[: self.kept])

    @property
    def masked(self) -> str:
        """How many of the kept tokens are masked for each reason, the most first: `15 user turn, 6 template text`."""
        counts = Counter(token.reason for token in self.tokens[: self.kept] if token.why)
        return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())


def opening(reply: Mapping[str, Any]) -> Opening:
    """Read the reply to `open`; AttributeError, KeyError, TypeError or ValueError where it is not one."""
    tokenizer = reply["tokenizer"]
    special = {name: tokenizer[name] for name in ("bos", "eos", "pad") if isinstance(tokenizer.get(name), str)}
    return Opening(
        str(tokenizer["name"]),
        int(tokenizer["vocab"]),
        special,
        str(reply["template"]),
        str(reply["marked"]),
        _verdicts(reply),
    )


def tokenized_row(reply: Mapping[str, Any]) -> TokenizedRow:
    """Read the reply to `row`; AttributeError, KeyError, TypeError or ValueError where it is not one."""
    if "sides" in reply:
        chosen, rejected = map(_one_answer, reply["sides"])
        return replace(chosen, other=rejected)
    return _one_answer(reply)


def _one_answer(reply: Mapping[str, Any]) -> TokenizedRow:
    tokens = tuple(
        Token(str(text), int(number), bool(learned), bool(special), str(why))
        for text, number, learned, special, why in reply["tokens"]
    )
    kept = min(int(reply.get("kept", reply["max_length"])), len(tokens))
    side = str(reply.get("side", ""))
    turns = tuple(map(int, reply.get("turns", ())))
    length, rendered = int(reply["max_length"]), str(reply["rendered"])
    return TokenizedRow(tokens, kept, length, rendered, _verdicts(reply), side, turns=turns)


def _verdicts(reply: Mapping[str, Any]) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(str(one["id"]), str(one["level"]), str(one["text"]), dict(one.get("fix") or {}))
        for one in reply.get("verdicts", ())
    )
