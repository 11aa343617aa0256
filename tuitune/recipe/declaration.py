"""What the recipe's fields are declared with: a field and its explanation, a table, and types that several share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

SLUG = r"^[a-z0-9][a-z0-9._-]{0,63}$"

CONTROL_CHARACTER = "control_character"
"""The type of pydantic's error where a text has one: no name, path or id has, and C libraries end a text at a NUL."""

_Method = TypeVar("_Method", bound=Callable[..., str | None])

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROLS_AND_BREAKS = re.compile(r"[\x00-\x1f\x7f]")

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""A number of steps or rows: its bound is far above any run, far below what overflows in a library."""

Cadence = Count | Literal["epoch", "end"]
"""How often something happens: every n optimizer steps, at the end of every epoch, or once at the end of training."""


def _held_out(value: Any) -> Any:
    """TOML has no null, so "" is none; a fraction in quotes is still a fraction."""
    if value == "":
        return None
    fraction = isinstance(value, str) and re.fullmatch(r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?", value)
    return float(value) if fraction else value


HeldOut = Annotated[Annotated[float, Field(gt=0, le=0.5)] | str | None, BeforeValidator(_held_out)]
"""Rows kept from training: a fraction of the training data, the name of other data, or None."""


Affects = Literal["nothing", "tokens", "tokenizer", "rows", "steps", "training", "device"]
"""What another value of a setting changes in a run.

`tokens`: which rows there are and what of them is learned, so that they are tokenized anew. `tokenizer`: what makes
tokens of text; what is found there decides, not its name. `rows`: how tokens lie in the rows of a batch. `steps`: how
many there are, or how many rows each takes. `training`: what is learned in them. `device`: where. A run that resumes
with any of these changed does so approximately: with `training` always, with the others where something else comes of
it.
"""

Change = Literal["never", "until it trains", "on resume", "while it trains"]
"""How long a run that exists takes another value: never, until it has begun to train, on resume, or while it trains."""

Names = Literal["", "model", "data", "file"]
Picked = Literal["", "model", "data", "method", "options", "modules", "prompts", "device", "rewards"]


class Needs:
    """What another setting must be for this one to have an effect: one of `values`, filled where none are given.

    `said` names them shorter than a list of them does.
    """

    def __init__(self, key: str, *values: Any, said: str = "") -> None:
        self.key, self.values = key, values
        self.said = said or " or ".join(map(str, values))

    def met(self, value: Any) -> bool:
        """Whether `value` of the other setting gives this one an effect: of a table, one of its names."""
        if isinstance(value, dict) and self.values:
            return any(name in value for name in self.values)
        return value in self.values if self.values else bool(value)


@dataclass(frozen=True)
class Entails:
    """What a setting entails: what it `affects`, when a run takes a `change` of it, and what it `needs` to have an
    effect, of several one.

    `names`: its text is the name of a model, of data or of a file, which may be a path. `picked`: a form has a dialog
    for it.
    """

    affects: tuple[Affects, ...]
    change: Change
    needs: tuple[Needs, ...]
    names: Names
    picked: Picked


def setting(
    default: Any,
    title: str,
    *,
    affects: Affects | tuple[Affects, ...],
    change: Change = "on resume",
    needs: Needs | tuple[Needs, ...] = (),
    names: Names = "",
    picked: Picked = "",
    help: str = "",
    unit: str = "",
    expected: str = "",
    advanced: bool = False,
    lines: bool = False,
    always: bool = False,
    also: tuple[str, ...] = (),
    usual: float | None = None,
    step: float | None = None,
    by_tokens: bool = False,
    meanings: Mapping[str, str] | None = None,
    **constraints: Any,
) -> Any:
    """Declare one recipe field; the docstring below it is its help, unless `help` is given.

    The first five after the title are as in `Entails`, `constraints` are pydantic's (`ge`, `le`, `pattern`, …).
    `expected` says what may be written, where the type and the constraints alone do not say it well. `lines`: its texts
    may have line breaks and tabs in them; no other control character is ever allowed. `always`: every recipe file has
    it, at its default too. `also` is what other trainers call it. `usual` is the value that switches it on, and `step`
    by how much it is changed at a time. `by_tokens`: only a tokenizer tells what it does to the rows. `meanings`: a few
    words about each choice, where a list of them is shown.
    """
    factory = {"default_factory": lambda: default.copy()} if isinstance(default, list | dict) else {"default": default}
    affected = affects if isinstance(affects, tuple) else (affects,)
    conditions = needs if isinstance(needs, tuple) else (needs,)
    extra: dict[str, Any] = {
        "entails": Entails(affected, change, conditions, names, picked), "unit": unit, "wanted": expected,
        "advanced": advanced, "lines": lines, "always": always, "also": also, "usual": usual, "step": step,
        "by_tokens": by_tokens, "meanings": meanings or {},
    }  # fmt: skip
    return Field(**factory, title=title, description=help, json_schema_extra=extra, **constraints)


def rule(*names: str) -> Callable[[_Method], _Method]:
    """Declare a method of a section a rule: it gives a message where the section's own settings cannot work together.

    `names` are the settings that it reads, the one to change first.
    """

    def declare(method: _Method) -> _Method:
        method.reads = names  # type: ignore[attr-defined]
        return method

    return declare


class Section(BaseModel):
    """A table of the recipe. Immutable, so that a draft can be kept for undo; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False, strict=True)

    @field_validator("*")
    @classmethod
    def _writable(cls, value: Any, info: ValidationInfo) -> Any:
        extra: Any = cls.model_fields[str(info.field_name)].json_schema_extra or {}
        odd = _CONTROLS if extra.get("lines") else _CONTROLS_AND_BREAKS
        if any(odd.search(text) for text in _texts(value)):
            raise PydanticCustomError(CONTROL_CHARACTER, "a control character")
        return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        yield from (part for part in value if isinstance(part, str))
        yield from _texts([*value.values()]) if isinstance(value, dict) else ()
