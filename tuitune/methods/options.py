"""The options of a tuner of PEFT: what its config class takes, as an engine process has read it, and what was given."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuitune.text import clean

OptionKind = Literal["switch", "integer", "number", "text", "choice", "list", "table"]

_NOUNS: dict[OptionKind, str] = {
    "switch": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "text": "text",
    "list": "a list such as [1, 2]",
    "table": 'a table such as { "layers.0.self_attn.q_proj" = 4 }',
}
_TYPES: dict[OptionKind, tuple[type, ...]] = {
    "switch": (bool,),
    "integer": (int,),
    "number": (int, float),
    "text": (str,),
    "list": (list,),
    "table": (dict,),
}


@dataclass(frozen=True)
class Option:
    """One option: its name, kind and default as PEFT declares them, and PEFT's help.

    `choices` are those of a choice. `advanced`: what most runs leave alone (seeds, initial values, patterns).
    """

    name: str
    kind: OptionKind
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    advanced: bool = False

    @property
    def expected(self) -> str:
        """What may be written, in words that follow "expected"."""
        if self.kind != "choice":
            return _NOUNS[self.kind]
        *most, last = (str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in self.choices)
        return f"{', '.join(most)} or {last}" if most else last

    def takes(self, value: Any) -> bool:
        """Whether a value is of its kind."""
        if self.kind == "choice":
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        return isinstance(value, _TYPES[self.kind]) and (isinstance(value, bool) == (self.kind == "switch"))


def wrong(known: Iterable[Option], given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options that were given to a tuner that knows these, a sentence each."""
    options = {option.name: option for option in known}
    return [said for name, value in given.items() if (said := _wrong(options, name, value))]


def _wrong(options: Mapping[str, Option], name: str, value: Any) -> str:
    if (option := options.get(name)) is None:
        near = difflib.get_close_matches(name, options, 1)
        guess = f"did you mean {near[0]}?" if near else f"it takes {', '.join(options)}" if options else "it takes none"
        return f"{clean(name, limit=60)!r} is no option of this tuner; {guess}"
    return "" if option.takes(value) else f"{name}: expected {option.expected}, found {clean(str(value), limit=60)}"
