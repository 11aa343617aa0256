"""The settings of a recipe as plain facts, read from the schema: what forms, help and messages are made of."""

from __future__ import annotations

import ast
import difflib
import inspect
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tuitune.problem import Problem, TuituneError
from tuitune.recipe import values
from tuitune.recipe.declaration import CONTROL_CHARACTER, Affects, Entails, Needs, Section
from tuitune.recipe.schema import Recipe
from tuitune.recipe.support import idle

Kind = Literal[
    "choice", "switch", "integer", "number", "text", "list", "table", "shares", "counts", "options", "cadence"
]  # fmt: skip

_NOUNS: dict[str, str] = {
    "switch": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "text": "text",
    "table": "a table of names",
    "shares": "a table of numbers",
    "counts": "a table of whole numbers",
    "options": "a table such as { r = 8 }",
}


@dataclass(frozen=True)
class Setting:
    """One field of the recipe. `words` are allowed beside a list or a number of steps ("all-linear", "epoch").

    `minimum` and `maximum` are inclusive unless `above` or `below` says otherwise; None is unbounded. `longest` is in
    characters, `filled` says that text must not be empty; `said` and `wanted` are the schema's own words for `help` and
    `expected`. The rest is as in `tuitune.recipe.declaration.setting`.
    """

    key: str
    section: str
    name: str
    title: str
    said: str
    default: Any = field(hash=False)
    kind: Kind
    entails: Entails
    choices: tuple[Any, ...] = ()
    words: tuple[str, ...] = ()
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: bool = False
    below: bool = False
    longest: int | None = None
    filled: bool = False
    unit: str = ""
    wanted: str = ""
    advanced: bool = False
    lines: bool = False
    always: bool = False
    also: tuple[str, ...] = ()
    usual: float | None = None
    step: float | None = None
    by_tokens: bool = False
    meanings: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def help(self) -> str:
        """What it means, in a sentence or two: the docstring below its field."""
        return self.said or _docstrings(sections()[self.section])[self.name]

    def of(self, recipe: Recipe) -> Any:
        """Its value in a recipe."""
        return getattr(getattr(recipe, self.section), self.name)

    def affects(self, *what: Affects) -> bool:
        """Whether another value of it changes any of these in a run."""
        return any(one in self.entails.affects for one in what)

    @property
    def is_tunable(self) -> bool:
        """Whether a run takes another value of it while it trains."""
        return self.entails.change == "while it trains"

    @property
    def bounds(self) -> str:
        """The allowed range in words (`from 1 to 4096`), or "" where there is none."""
        low, high = (None if end is None else values.number_text(end) for end in (self.minimum, self.maximum))
        if low is not None and high is not None and not self.above:
            return f"from {low} to {'below ' if self.below else ''}{high}"
        least = None if low is None else f"above {low}" if self.above else f"{low} or more"
        most = None if high is None else f"below {high}" if self.below else f"at most {high}"
        return " and ".join(filter(None, (least, most)))

    @property
    def expected(self) -> str:
        """What may be written here, in words that follow "expected"."""
        if self.wanted:
            return self.wanted
        if self.kind == "choice":
            return _either(self.choices)
        if self.kind == "cadence":
            return _either((f"a number of steps {self.bounds}", *self.words))
        if self.kind == "list":
            example = '["q_proj", "v_proj"]' if self.words else '["…"]'
            return _either((f"a list such as {example}", *self.words))
        length = f" of at most {self.longest:,} characters" if self.longest else ""
        filled = " that is not empty" if self.filled else ""
        text = " ".join(filter(None, (f"{_NOUNS[self.kind]}{length}{filled}", self.bounds)))
        return f"{text}, or nothing" if self.optional else text


@cache
def settings() -> tuple[Setting, ...]:
    """Every setting in the order of the schema."""
    return tuple(
        _setting(section, name, info)
        for section, model in sections().items()
        for name, info in model.model_fields.items()
    )


@cache
def _docstrings(section: type[Section]) -> dict[str, str]:
    """Field → the docstring below it. Read where help is shown: pydantic's `use_attribute_docstrings` would read them
    at every start, which takes 40 ms.
    """
    module = ast.parse(inspect.getsource(sys.modules[section.__module__]))
    [body] = [one.body for one in module.body if isinstance(one, ast.ClassDef) and one.name == section.__name__]
    return {
        ast.unparse(field.target): " ".join(ast.literal_eval(below.value).split())
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr)
    }


@cache
def _by_key() -> dict[str, Setting]:
    return {setting.key: setting for setting in settings()}


def setting(key: str) -> Setting:
    """The setting called `key` (`adapter.rank`); TuituneError with the closest known key where there is none."""
    found = _by_key().get(key)
    if found is None:
        raise TuituneError(Problem(values.shown_key(key), unknown(key)))
    return found


@cache
def sections() -> dict[str, type[Section]]:
    return {name: info.annotation for name, info in Recipe.model_fields.items()}  # type: ignore[misc]


def section_titles() -> dict[str, str]:
    """Section → its title, in order."""
    return {name: (model.__doc__ or name).strip() for name, model in sections().items()}


def unknown(key: str) -> str:
    """The message about a key that no setting has, with the closest one that exists."""
    close = suggestion(key)
    return f"unknown key; did you mean '{close}'?" if close else "unknown key"


def suggestion(key: str) -> str | None:
    """The known key or section that `key` most likely stands for."""
    section, _, name = key.rpartition(".")
    if other := next((known.key for known in settings() if name in known.also), None):
        return other
    same = [known.key for known in settings() if known.name == name]
    if same and section not in sections():
        close = difflib.get_close_matches(key, same, 1, 0.0)
        return close[0]
    siblings = [known.key for known in settings() if known.section == section]
    everything = [*sections(), *_by_key()] if not section else [*_by_key()]
    for pool, cutoff in ((siblings, 0.75), (same, 0.0), (everything, 0.6)):
        if close := difflib.get_close_matches(key, pool, 1, cutoff):
            return close[0]
    return None


def without_effect(recipe: Recipe) -> dict[str, str]:
    """Key → why its value has no effect as the recipe stands."""
    needed = {
        one.key: _needed(needs)
        for one in settings()
        if (needs := one.entails.needs) and not any(need.met(setting(need.key).of(recipe)) for need in needs)
    }
    return {**idle(recipe.method), **needed}


def _needed(conditions: tuple[Needs, ...]) -> str:
    """What one of them asks for, in words: `needs bits = 4`, `needs prompts or answers evaluated`."""
    if conditions[0].values == (None,):
        return f"{setting(conditions[0].key).title} overrides it"
    said = [" = ".join([setting(one.key).title, *filter(None, [one.said])]) for one in conditions]
    return f"needs {' or '.join(said)}"


def checked(setting: Setting, value: object) -> Any:
    """`value` as the schema holds it; ValueError("expected …, found …") where type, choice or range is wrong."""
    try:
        section = sections()[setting.section].model_validate({setting.name: value})
    except ValidationError as error:
        controls = any(one["type"] == CONTROL_CHARACTER for one in error.errors(include_context=False))
        without = " without control characters" if controls else ""
        meant = _closest(setting, value)
        raise ValueError(f"expected {setting.expected}{without}, found {values.shown(value)}{meant}") from None
    except (RecursionError, OverflowError):
        raise ValueError(f"expected {setting.expected}, found {values.shown(value)}") from None
    return getattr(section, setting.name)


def _closest(setting: Setting, value: object) -> str:
    """The choice that is most likely meant, as a question; "" where none is near."""
    known = [str(choice) for choice in (*setting.choices, *setting.words)]
    close = difflib.get_close_matches(value.strip().lower(), known, 1) if isinstance(value, str) else []
    return f"; did you mean '{close[0]}'?" if close else ""


def parse_value(setting: Setting, text: str) -> Any:
    """What a person typed in a form row, as a value of the recipe. ValueError says what was expected."""
    if setting.optional and not text.strip():
        return None
    return checked(setting, values.from_text(text, setting.kind, words=setting.words, choices=setting.choices))


def show_value(setting: Setting, value: object) -> str:
    """A value as a form row shows it; `parse_value` reads it back. None is ""."""
    if setting.kind == "options" and isinstance(value, dict):
        return values.options_text(value)
    return values.to_text(value, names=bool(setting.words))


def _either(options: tuple[Any, ...]) -> str:
    *most, last = map(str, options)
    return f"{', '.join(most)} or {last}" if most else last


def _setting(section: str, name: str, info: FieldInfo) -> Setting:
    extra: dict[str, Any] = dict(info.json_schema_extra)  # type: ignore[arg-type]
    parts, metadata = _parts(info.annotation)
    metadata = [*info.metadata, *metadata]
    literals = [value for part in parts if get_origin(part) is Literal for value in get_args(part)]
    kind = _kind(parts)
    low, above = _bound(metadata, "ge", "gt") if kind != "text" else (None, False)
    high, below = _bound(metadata, "le", "lt") if kind != "text" else (None, False)
    return Setting(
        key=f"{section}.{name}",
        section=section,
        name=name,
        title=info.title or name,
        said=info.description or "",
        default=info.get_default(call_default_factory=True),
        kind=kind,
        choices=tuple(literals) if kind == "choice" else (),
        words=tuple(literals) if kind in ("list", "cadence") else (),
        optional=type(None) in parts,
        minimum=low,
        maximum=high,
        above=above,
        below=below,
        longest=_constraint(metadata, "max_length"),
        filled=bool(_constraint(metadata, "min_length")),
        **extra,
    )


def _parts(annotation: Any) -> tuple[list[Any], list[Any]]:
    """The alternatives of a type without Annotated and Union, and the constraints found on them."""
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        parts, metadata = _parts(inner)
        return parts, [*metadata, *(part for note in notes for part in getattr(note, "metadata", ()))]
    if get_origin(annotation) in (Union, types.UnionType):
        found = [_parts(part) for part in get_args(annotation)]
        return [part for parts, _ in found for part in parts], [note for _, metadata in found for note in metadata]
    return [annotation], []


def _kind(parts: list[Any]) -> Kind:
    origins = {get_origin(part) or part for part in parts} - {type(None)}
    if Literal in origins:
        return "cadence" if int in origins else "list" if list in origins else "choice"
    if dict in origins:
        of, _ = _parts(get_args(parts[0])[1])
        tables: dict[Any, Kind] = {str: "table", int: "counts", float: "shares"}
        return tables.get(of[0], "options")
    simple: dict[Any, Kind] = {bool: "switch", int: "integer", list: "list", str: "text", float: "number"}
    return next(kind for part, kind in simple.items() if part in origins)


def _constraint(metadata: list[Any], name: str) -> Any:
    return next((getattr(note, name) for note in metadata if getattr(note, name, None) is not None), None)


def _bound(metadata: list[Any], inclusive: str, exclusive: str) -> tuple[float | None, bool]:
    end = _constraint(metadata, exclusive)
    return (end, True) if end is not None else (_constraint(metadata, inclusive), False)
