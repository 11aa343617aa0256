"""The number of the row: what an answer puts into its last box, else the last that it writes, as a value.

Numbers have a decimal point, and commas between thousands at most. What can be read in several ways (`12,5`, `1 000`,
`3:45`) is no number, and neither is a digit within an expression. Expressions are compared by math-verify, where that
is installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from logging import CRITICAL, getLogger
from typing import Any

from tuitune.rewards.descriptor import Attempt, Reward, RewardSettings, Score

_BRACES = re.compile(r"(?P<box>\\boxed\{)|\\[{}]|(?P<opens>\{)|(?P<closes>\})")
_PLAIN = re.compile(r"([-+]?(?:\d{1,3}(?:,\d{3})+|\d+|(?=\.\d))(?:\.\d+)?(?:[eE][-+]?\d{1,3})?)(?:/(\d+))?")
_SEVERAL_WAYS = re.compile(r"[-+]?\d[\d.,':/]*|\d{4}-\d\d?-\d\d?")
_HELPER = "math_verify"
_MOST_CHARACTERS = 60
_LONGEST_EXPRESSION = 300
_SECONDS = 3
"""Longest time that math-verify has to read an answer, and to compare it."""

_SIGNS = str.maketrans({"−": "-", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\t": " "})
_DRESS = (
    (re.compile(r"\\!|\^\{?\\circ\}?"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\(?:text|textbf|mathbf|mathrm|mbox)\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\[()\[\]$%,;: ]|</?[A-Za-z_]+>"), " "),
)
"""How LaTeX and tags dress a number up."""
_PARTED = re.compile(r"(?<![\d.,'])(\d{1,3}) (?=\d{3}(?!\d))|(?<![\d.,'])(\d+) (?=\d+/\d)")
_OPERATORS = "-+*/^×÷·±"
_WITHIN = re.compile(
    rf"(?:[\d)}}\]]|\b[A-Za-z]) *(?:[{_OPERATORS}] *(?=[\w({{\\.])|\\[A-Za-z]+ *)"  # 3 + 4, 2 \pi
    rf"|\S +[{_OPERATORS}] +(?=[\w({{\\.$])"  # sum - 4
    r"|\d +(?:hundred|thousand|million|billion)\b|\bminus +(?=\d)"
    r"|\d +x +(?=\d)|[\d}] +(?=[xyz]\b)|\([^()A-Za-z]*\)|\{[^{}A-Za-z\"']*\}"  # 3 x 4, 2 x, (1, 2), { 3 }
)
_BETWEEN = re.compile(r"[\s=≈→⇒\u3000-\u9fff\uff00-\uffef]+|(?<!\d):")
_AROUND = "\"'“”‘’«»`*_~#$€£¥()[]!?;:"
_EXPRESSION = re.compile(r"[\\^{}√π]")
_WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]{2,}")


@dataclass(frozen=True)
class Value:
    """What a text comes to: a `number`, or an `expression` that is none; neither where it says `why` not."""

    number: Fraction | None = None
    expression: str = ""
    why: str = ""

    @property
    def latex(self) -> str:
        return f"${self.expression if self.number is None else self.number}$"


def value_of_row(expected: str) -> Value:
    """That of a row's answer: of its last box or behind its last `####`, else of all that it says."""
    return _whole(_told(expected))


def value_of_answer(text: str) -> Value:
    """That of an answer: of its last box, else the last behind its last `####`, else the last that it writes."""
    told = _told(text)
    if _boxed(text) is not None:
        return _whole(told)
    numerals = [piece for piece in _pieces(told) if _has_digit(piece)]
    return _value(numerals[-1]) if numerals else Value(why="no number in it")


def _told(text: str) -> str:
    boxed = _boxed(text)
    return text.rpartition("####")[2] if boxed is None else boxed


def _boxed(text: str) -> str | None:
    """What stands in the last box of a text that is closed."""
    begun: list[int] = []
    last = (-1, -1)
    for brace in _BRACES.finditer(text):
        if brace["box"] or brace["opens"]:
            begun.append(brace.end() if brace["box"] else -1)
        elif brace["closes"] and begun:
            last = max(last, (begun.pop(), brace.start()))
    return text[slice(*last)] if last[0] >= 0 else None


def _whole(text: str) -> Value:
    """The one number that a text has, words beside it aside; else the text as an expression, if it has no words."""
    pieces = _pieces(text)
    numerals = [piece for piece in pieces if _has_digit(piece)]
    if len(numerals) == 1 and not any(_EXPRESSION.search(piece) for piece in pieces if piece not in numerals):
        return _value(numerals[0])
    if not numerals and not _EXPRESSION.search(text):
        return Value(why="no number in its answer")
    if _WORD.search(text):
        return Value(why="its answer has more than a number; write the number behind ####")
    return _expression(_undressed(text).strip(" $\n"))


def _pieces(text: str) -> list[str]:
    """A text parted at white space, expressions kept whole."""
    text = _PARTED.sub(r"\1\2'", _undressed(text))
    kept = _WITHIN.sub(lambda found: found[0].replace(" ", "\0"), text)
    return [piece.replace("\0", " ").strip() for piece in _BETWEEN.split(kept) if piece]


def _undressed(text: str) -> str:
    text = text.translate(_SIGNS)
    for dress, bare in _DRESS:
        text = dress.sub(bare, text)
    return text


def _has_digit(piece: str) -> bool:
    return any(character.isdecimal() for character in piece)


def _value(piece: str) -> Value:
    bare = re.sub("[$€£¥]", "", piece.strip(_AROUND).rstrip(".,;:!?%°" + _AROUND))
    bare = re.sub("^([-+]) +", r"\1", bare if "{" in bare else bare.rstrip("}" + _AROUND))
    if (found := _PLAIN.fullmatch(bare)) and len(bare) <= _MOST_CHARACTERS and int(found[2] or 1):
        return Value(number=Fraction(found[1].replace(",", "")) / int(found[2] or 1))
    if found or _SEVERAL_WAYS.fullmatch(bare):
        return Value(why="its number is not a plain one such as 1234.5 or 1,234")
    return _expression(piece.strip("$.,;:!?"))


def _expression(text: str) -> Value:
    return Value(expression=text) if len(text) <= _LONGEST_EXPRESSION else Value(why="its expression is too long")


def _unfit(expected: str) -> str:
    """An expression is math-verify's to read."""
    found = value_of_row(expected)
    if found.why or found.number is not None:
        return found.why
    if not _verifies():
        return "its answer is an expression, which `pip install math-verify` compares"
    return "" if _parsed(found.latex) else "its answer is no expression that math-verify reads"


def _score(answer: Attempt) -> float:
    wanted, said = value_of_row(answer.expected), value_of_answer(answer.text)
    if wanted.why or said.why:
        return 0.0
    if wanted.number is not None and said.number is not None:
        return float(wanted.number == said.number)
    return float(_verifies() and _equal(wanted.latex, said.latex))


def _equal(wanted: str, said: str) -> bool:
    """Whether math-verify finds two expressions equal, in the time that it has."""
    from math_verify import parse, verify

    return bool(verify(_parsed(wanted), parse(said, parsing_timeout=_SECONDS), timeout_seconds=_SECONDS))


@cache
def _verifies() -> bool:
    """Whether math-verify is installed; it logs what it cannot read, which is no news here."""
    getLogger(_HELPER).setLevel(CRITICAL)
    return find_spec(_HELPER) is not None


@cache
def _parsed(latex: str) -> list[Any]:
    """What math-verify makes of the answer of a row, however long that takes."""
    from math_verify import parse

    return list(parse(latex, parsing_timeout=None))


def _prepare(settings: RewardSettings) -> Score:
    """The first expression takes math-verify seconds."""
    if _verifies():
        _equal("$x$", "$x$")
    return _score


NUMERIC = Reward(
    "numeric",
    "right numbers",
    "1 where the last number, or the one in \\boxed{}, has the value of the row's",
    _prepare,
    expects=True,
    helper=_HELPER,
    unfit=_unfit,
)
