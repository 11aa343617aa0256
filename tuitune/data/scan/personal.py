"""Hints of personal data and credentials in text. A hint names a row and a kind, never what was found."""

from __future__ import annotations

import re
from collections.abc import Iterator

_EMAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,4}[A-Za-z]{2,24}\b")
_PHONE = re.compile(
    r"""
      (?<![\w+.])\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}(?![\w])  # international
    | (?<![\w.-])(?:\(\d{3}\)\ ?|\d{3}[.-])\d{3}[.-]\d{4}(?![\w-])                           # North American
    """,
    re.VERBOSE,
)
_CARD = re.compile(
    r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\w.-])|(?<![\w.-])3\d{3}[ -]?\d{6}[ -]?\d{5}(?!\w)"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_KEY = re.compile(
    r"""
      \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                          # AWS
    | \b(?:hf_|gh[pousr]_|github_pat_|glpat-|npm_)[A-Za-z0-9_-]{20,}
    | \bsk-[A-Za-z0-9_-]{20,}                                # OpenAI, Anthropic and others
    | \bxox[abprs]-[A-Za-z0-9-]{10,}                         # Slack
    | \bAIza[0-9A-Za-z_-]{35}\b                              # Google
    | -----BEGIN\ (?:[A-Z]+\ )*PRIVATE\ KEY-----
    """,
    re.VERBOSE,
)
_KEY_PARTS = {
    "_": ("hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "npm_"),
    "-": ("glpat-", "sk-", "xox", "PRIVATE KEY"),
    "A": ("AKIA", "ASIA", "AIza"),
}
"""A character → parts of keys that have it: most texts have none of the characters."""

_SEVEN_DIGITS = re.compile(r"\d(?:[ .()-]{0,2}\d){6}")
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def personal_in(text: str) -> Iterator[str]:
    """The kinds of personal data that a text seems to have: email, phone, card, iban, key.

    What all finds of a kind have in common is looked for first: most texts have none of it.
    """
    if "@" in text and _EMAIL.search(text):
        yield "email"
    marked = any(mark in text and any(part in text for part in parts) for mark, parts in _KEY_PARTS.items())
    if marked and _KEY.search(text):
        yield "key"
    if not _has_seven_digits(text):
        return
    if _PHONE.search(text):
        yield "phone"
    if any(map(_is_card, _CARD.findall(text))):
        yield "card"
    if any(map(_is_iban, _IBAN.findall(text))):
        yield "iban"


def _has_seven_digits(text: str) -> bool:
    if text.isascii() and b"0" * 7 not in text.encode().translate(_AS_ZEROS, b" .()-"):
        return False
    return _SEVEN_DIGITS.search(text) is not None


def _is_card(text: str) -> bool:
    """Whether digits could be a payment card's number: of a card's length, and right by its check digit (Luhn)."""
    from stdnum import luhn

    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn.is_valid(digits)


def _is_iban(text: str) -> bool:
    from stdnum import iban

    return iban.is_valid(text)
