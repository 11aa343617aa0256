"""How the composers word things: sentences with choices in them, articles and lists."""

import random
import re

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


def spin(rng: random.Random, text: str, **slots: object) -> str:
    """Choose one of each "[this|that]" (innermost first), then fill each "{slot}"."""
    while found := _CHOICE.search(text):
        text = text[: found.start()] + rng.choice(found[1].split("|")) + text[found.end() :]
    return text.format(**slots)


def capital(text: str) -> str:
    """The text with its first letter in upper case and the rest as it was."""
    return text[:1].upper() + text[1:]


def a(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def series(words: list[str]) -> str:
    """The words as English lists them: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
