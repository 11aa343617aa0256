"""What the mask inspector says of a row, as lines of text: figures, where the mask comes from, verdicts, a token."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tuitune.problem import TuituneError
from tuitune.recipe.settings import setting, show_value
from tuitune.text import clean
from tuitune.tui.widgets.bars import joined, labelled
from tuitune.units import counted, percent_text
from tuitune.views.inspector_replies import Opening, Token, TokenizedRow, Verdict

SIGNS = {"ok": ("✓", "$ok"), "warning": ("⚠", "$warn"), "error": ("✗", "$bad")}
KINDS = {
    "lost": "loses every label",
    "cut": "cut at the max length",
    "no-stop": "never learns to stop",
    "long": "longer than most",
    "mostly-masked": "mostly masked",
    "double-bos": "begins with two BOS tokens",
    "control": "has control tokens in its text",
    "left-out": "has content that the template drops",
}
"""Why a row is odd, in words, by the slugs of the token report."""

_TEMPLATES = {
    "tokenizer": "the tokenizer's chat template",
    "file": "the template file",
    "plain": "tuitune's plain template",
    "none": "no template",
}
_MARKED = {
    "own": "answers marked by the template",
    "trl": "answers marked by trl's training template",
    "rendered": "answers found by rendering",
}
_LONGEST_TOKEN = 60


def figures(row: TokenizedRow, width: int) -> Content:
    """How long the row is, how much of it is learned, how much is lost to the max length, and why the rest is masked,
    where that fits in `width`.
    """
    length, masked = len(row.tokens), f"{row.kept - row.trained:,} masked"
    share = percent_text(row.trained / row.kept if row.kept else 0)
    cut = (f"⚠ {length - row.kept:,} cut off at {row.max_length:,}", "$warn")
    trained = f"{row.trained:,} trained ({share}{f' of the {row.kept:,} kept' if length > row.kept else ''})"

    def line(masked: str) -> Content:
        return joined(
            [
                Content.styled(f"{row.side} {length:,} tokens".strip(), "bold"),
                (trained, "$ok") if row.trained else (f"✗ {trained}", "$bad"),
                masked,
                cut if length > row.kept else (f"all kept, limit {row.max_length:,}", "$faint"),
            ]
        )

    whole = line(f"{masked} ({row.masked})" if row.masked else masked)
    return whole if whole.cell_length <= width else line(masked)


def provenance(opening: Opening, width: int) -> Content:
    """The tokenizer, and where its template and its mask come from; as much as fits in `width`."""
    special = [labelled(name, clean(text, limit=30)) for name, text in opening.special.items()]
    marked = _MARKED.get(opening.marked) if opening.template != "none" else None
    return joined(
        [
            clean(opening.name, limit=60),
            clean(_TEMPLATES.get(opening.template, opening.template), limit=40),
            marked,
            *special,
            f"vocabulary {opening.vocabulary:,}",
        ],
        width,
    )


def verdict_lines(verdicts: Sequence[Verdict], *, fixable: bool = True, width: int | None = None) -> list[Content]:
    """Verdicts with the bad ones first and a line each, and all good ones in one; `x` stands at the fix it applies.

    With `width`, as many of the good ones as fit into it, and how many more there are.
    """
    bad = sorted((one for one in verdicts if one.level != "ok"), key=lambda one: one.level != "error")
    first = first_fix(verdicts) if fixable else None
    lines = [Content.assemble(_line(one), _fix(one) if one is first else "") for one in bad]
    good = [_line(one) for one in verdicts if one.level == "ok"]
    return [*lines, *([_fitting(good, width)] if good else [])]


def _fitting(lines: Sequence[Content], width: int | None) -> Content:
    for count in range(len(lines), 0, -1):
        rest = [(f"{len(lines) - count} more", "$faint")] if count < len(lines) else []
        line = joined([*lines[:count], *rest])
        if width is None or line.cell_length <= width:
            return line
    return Content.styled(f"{counted(len(lines), 'check')} passed", "$faint")


def verdicts_text(verdicts: Sequence[Verdict]) -> str:
    """Every verdict with its fix, a paragraph each."""
    parts = []
    for one in sorted(verdicts, key=lambda one: list(reversed(SIGNS)).index(one.level) if one.level in SIGNS else 0):
        fixes = [f"    fix: {key} = {_shown(key, value) or 'nothing'}" for key, value in one.fix.items()]
        parts.append("\n".join([f"{SIGNS.get(one.level, SIGNS['warning'])[0]} {one.text}", *fixes]))
    return "\n\n".join(parts)


def first_fix(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first verdict with a fix, of an error before one of a warning."""
    return next((one for level in ("error", "warning") for one in verdicts if one.level == level and one.fix), None)


def fixed(verdict: Verdict) -> str:
    """What the fix of a verdict sets, as a sentence's end: `data.max_length is 1024`."""
    return ", ".join(f"{key} is {_shown(key, value) or 'empty'}" for key, value in verdict.fix.items())


def token_line(number: int, row: TokenizedRow, opening: Opening | None) -> Content:
    """The token under the cursor: its place, its number in the vocabulary, its text, and why it is masked if it is."""
    token = row.tokens[number]
    cut = f"{token.reason} {row.max_length:,}"
    learned = ("trained", "$ok") if token.learned else (f"masked: {token.reason}", "$faint")
    return joined(
        [
            f"token {number + 1:,} of {len(row.tokens):,}",
            labelled("id", str(token.id)),
            clean(repr(token.text), limit=_LONGEST_TOKEN),
            (_special(token, opening), "$accent") if token.special else None,
            (cut, "$warn") if number >= row.kept else learned,
        ]
    )


def _special(token: Token, opening: Opening | None) -> str:
    roles = [name.upper() for name, text in (opening.special if opening else {}).items() if text == token.text]
    return f"special ({', '.join(roles)})" if roles else "special"


def _line(one: Verdict) -> Content:
    sign, colour = SIGNS.get(one.level, SIGNS["warning"])
    return Content.assemble((f"{sign} ", colour), clean(one.text, limit=400))


def _fix(one: Verdict) -> Content:
    sets = ", ".join(f"{key} = {_shown(key, value) or 'nothing'}" for key, value in one.fix.items())
    return Content.assemble("  ", ("x", "bold $accent"), f" sets {sets}")


def _shown(key: str, value: object) -> str:
    try:
        return clean(show_value(setting(key), value), limit=80)
    except TuituneError:
        return clean(str(value), limit=80)
