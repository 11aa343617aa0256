"""The number of the row: the last one that an answer writes, or what it puts into a box, as a value.

With math-verify installed, expressions are compared as well (`\\frac{1}{2}` and 0.5); without it numbers alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from importlib.util import find_spec

from tuitune.rewards.descriptor import Attempt, Reward, always

_BOX = re.compile(r"\\boxed\{([^{}]*)\}")
_NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?<=\d)(?:/\d+(?![\d.]))?")
_MOST_DIGITS = 60


def number_in(text: str) -> Fraction | None:
    """The number that a text comes to: in its last box, behind its last `####`, else the last that it writes.

    None where there is none, or one of more than 60 characters.
    """
    boxes = _BOX.findall(text)
    told = boxes[-1] if boxes else text.rpartition("####")[2]
    found = _NUMBER.findall(told)
    if not found or len(found[-1]) > _MOST_DIGITS:
        return None
    try:
        return Fraction(found[-1].replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None


def _unfit(expected: str) -> str:
    """An expression without a number is math-verify's to read."""
    return "" if number_in(expected) is not None or _verifier() else "no number in its answer"


def _score(answer: Attempt) -> float:
    wanted, said = number_in(answer.expected), number_in(answer.text)
    if wanted is not None and wanted == said:
        return 1.0
    equal = _verifier()
    return float(equal is not None and equal(answer.expected, answer.text))


@cache
def _verifier() -> Callable[[str, str], bool] | None:
    if find_spec("math_verify") is None:
        return None
    from math_verify import parse, verify

    return lambda expected, said: bool(verify(parse(expected), parse(said)))


NUMERIC = Reward(
    "numeric",
    "right numbers",
    "1 where the last number, or the one in \\boxed{}, has the value of the row's",
    always(_score),
    expects=True,
    unfit=_unfit,
)
