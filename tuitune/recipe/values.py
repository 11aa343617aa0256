"""Values of settings as text: what a form row shows and reads, what a message quotes, what a TOML file holds."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tuitune.text import clean, redact

_SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def number_text(value: float) -> str:
    """A bound in words: `3`, `0.05`, `2e-4`; thousands have a comma."""
    return f"{int(value):,}" if value == int(value) and abs(value) < 1e15 else _float_text(value)


def shown(value: object) -> str:
    """A value as a message quotes it: in quotes where it is text, inert, short, and with secrets hidden."""
    if isinstance(value, str):
        return f"'{clean(redact(value[:4000]), limit=60)}'" if value else "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return f"a list: {clean(redact(', '.join(map(shown, value[:8]))), limit=60)}" if value else "an empty list"
    try:
        return clean(redact(str(value)), limit=60)
    except ValueError:
        return "a number with thousands of digits"


def shown_key(key: object) -> str:
    """A key that somebody wrote, as a message names it: inert, short, and with secrets hidden."""
    return clean(redact(str(key)[:4000]), limit=80)


def from_text(text: str, kind: str, *, words: tuple[str, ...] = (), choices: tuple[Any, ...] = ()) -> Any:
    """Typed text as the value that it most plainly stands for; text itself where it stands for nothing of its kind."""
    word = text.strip()
    if kind == "text":
        return text
    if kind == "choice":
        return next((choice for choice in choices if str(choice) == word), word)
    if word in words:
        return word
    if kind == "switch":
        return _SWITCHES.get(word.lower(), word)
    if kind in ("integer", "cadence"):
        return _number(word, int)
    if kind == "number":
        return _number(word, float)
    if word.startswith("[" if kind == "list" else "{"):
        return toml_value(word, default=word)
    if kind == "list":
        return word.replace(",", " ").split() if words else [line for line in word.splitlines() if line.strip()]
    if kind == "options":
        return toml_value(f"{{ {word} }}", default=None) or _table(word, lambda part: toml_value(part, default=part))
    number = {"shares": float, "counts": int}.get(kind)
    return _table(word, str if number is None else lambda part: _number(part, number))


def to_text(value: object, *, names: bool = False) -> str:
    """A value on one line, so that `from_text` reads it back. `names`: a list of plain names, shown with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else _float_text(value)
    if isinstance(value, list):
        plain = all(map(_plain, value)) if names else len(value) == 1 and _survives(value[0], "[")
        return ", ".join(value) if plain else toml_text(value) if value else ""
    if isinstance(value, dict):
        pairs = {name: part if isinstance(part, str) else to_text(part) for name, part in value.items()}
        plain = all(_plain(part) and "=" not in part for pair in pairs.items() for part in pair)
        return ", ".join(f"{name}={part}" for name, part in pairs.items()) if plain else toml_text(value)
    return str(value)


def options_text(options: Mapping[str, Any]) -> str:
    """A table of options on one line: `r = 8, bias = "none"`, each value as TOML has it."""
    return ", ".join(f"{toml_key(name)} = {toml_text(part)}" for name, part in options.items())


def toml_value(text: str, *, default: Any) -> Any:
    """The one TOML value that `text` is; `default` where it is none."""
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return default
    return found["value"] if len(found) == 1 else default


def toml_text(value: object) -> str:
    """A value of a recipe as a TOML value on one line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = _float_text(value)
        return text if set(text) & set(".en") else f"{text}.0"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_text, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{toml_key(key)} = {toml_text(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(value)


def toml_key(name: str) -> str:
    """A key as TOML writes it: bare where that is allowed, quoted otherwise."""
    return name if name.isascii() and name.replace("-", "_").isidentifier() else toml_text(name)


def _float_text(value: float) -> str:
    """`0.05`, `2e-4`, `1.5e-5`: exact, without zeros that say nothing. `3.0` stays `3.0`."""
    text = repr(value)
    if value and abs(value) < 0.001 and "e" not in text:
        digits = text.lstrip("-0.")
        power = math.floor(math.log10(abs(value)))
        mantissa = digits[0] + (f".{digits[1:]}" if digits[1:] else "")
        text = f"{'-' if value < 0 else ''}{mantissa}e{power}"
        return text if float(text) == value else repr(value)
    return text.replace("e-0", "e-").replace("e+0", "e+")


def _number(word: str, kind: type[int] | type[float]) -> Any:
    compact = word.replace("_", "").replace(",", "") if kind is int else word
    try:
        return kind(compact)
    except ValueError:
        return word


def _table(word: str, value: Callable[[str], Any]) -> Any:
    """`prompt=question, completion=answer` as a table, quoted names as in TOML; the text itself where it is none."""
    if '"' in word:
        return toml_value(f"{{{word}}}", default=word)
    pairs = [pair.partition("=") for pair in word.split(",")] if word else []
    if not all(separator for _, separator, _ in pairs):
        return word
    return {name.strip(): value(part.strip()) for name, _, part in pairs}


def _plain(name: str) -> bool:
    return bool(name) and name.isprintable() and not set(name) & set(" ,\"'[]{}")


def _survives(text: str, opening: str) -> bool:
    return bool(text.strip()) and text == text.strip() and text.splitlines() == [text] and not text.startswith(opening)
