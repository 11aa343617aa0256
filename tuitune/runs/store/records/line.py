"""A record as its readers and writers hold it: a frozen class a kind, made of a line and made into one.

A field's type says what Python makes of it, and the check that a value passes or counts as missing, so that nobody
after the reader doubts it. Keys that a kind does not know are kept aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import FrozenInstanceError
from inspect import get_annotations
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, TypeGuard, dataclass_transform

Check = Callable[[Any], bool]

_LARGEST = 1e300
"""Figures of this size and above overflow as soon as they are added up."""

_LAST_MOMENT = 2e11
"""Seconds since 1970, in the year 8300: well before calendars end."""

_LONGEST = 1e10
_MOST = 1 << 53
"""Counts from here on are not exact as a float."""


def is_text(value: Any) -> TypeGuard[str]:
    return type(value) is str


def is_number(value: Any) -> TypeGuard[float]:
    kind = type(value)
    return (kind is float or kind is int) and -_LARGEST < value < _LARGEST


def is_whole(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _MOST


def is_moment(value: Any) -> bool:
    return is_number(value) and 0 <= value < _LAST_MOMENT


def is_duration(value: Any) -> bool:
    return is_number(value) and 0 <= value < _LONGEST


def is_table(value: Any) -> TypeGuard[dict[str, Any]]:
    return type(value) is dict


Text = Annotated[str, is_text]
"""Empty where it is missing."""

Named = Annotated[str | None, is_text]
"""A text that may be none."""

Flag = Annotated[bool | None, lambda value: type(value) is bool]
Count = Annotated[int | None, is_whole]
Number = Annotated[float | None, is_number]
Moment = Annotated[float | None, is_moment]
"""Seconds since the epoch."""

Seconds = Annotated[float | None, is_duration]
Table = Annotated[Mapping[str, Any] | None, is_table]
Texts = Annotated[Sequence[str], lambda value: type(value) is list and all(map(is_text, value))]
Parts = Annotated[Sequence[Mapping[str, Any]], lambda value: type(value) is list and all(map(is_table, value))]

_HEAD = frozenset({"seq", "time", "extra"})
"""What is not the writer's to say."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Line:
    """A record of a journal. `kind` names what it is about, under the journal's `KEY`; `rare` fields are written only
    where they are set; both are given where a subclass is declared: `class Saved(Line, kind="checkpoint")`.

    `seq` is its number in the file, `time` when it was written; both are the journal's. Subclasses are declared as
    dataclasses are, with these types. They are none: making thirty dataclasses takes 40 ms of every start.
    """

    KEY: ClassVar[str] = "kind"
    kind: ClassVar[str] = ""
    rare: ClassVar[frozenset[str]] = frozenset()
    fields: ClassVar[Mapping[str, Check]] = {"seq": is_whole, "time": is_moment}

    seq: Count = None
    time: Moment = None
    extra: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(cls, *, kind: str = "", rare: Iterable[str] = ()) -> None:
        """Note the check of each field; as an annotation is not evaluated, it is the name of one of these types."""
        cls.kind, cls.rare = kind or cls.kind, frozenset(rare) or cls.rare
        declared = map(get_annotations, reversed(cls.__mro__))
        named = {name: globals().get(kind) for own in declared for name, kind in own.items()}
        cls.fields = {name: kind.__metadata__[0] for name, kind in named.items() if kind is not None}

    def __init__(self, **values: Any) -> None:
        if unknown := [name for name in values if name not in self.fields and name != "extra"]:
            raise TypeError(f"{type(self).__name__} has no field {unknown[0]!r}")
        vars(self).update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Self:
        """From a line as it was read."""
        line, extra = cls.__new__(cls), dict[str, Any]()
        values = vars(line)
        for key, value in record.items():
            if (check := cls.fields.get(key)) is None:
                extra[key] = value
            elif check(value):
                values[key] = value
        for key in ("v", cls.KEY) if cls.kind else ("v",):
            extra.pop(key, None)
        values["extra"] = extra
        return line

    @property
    def name(self) -> str:
        """Its kind; of a kind that this version does not know, as it was written."""
        return self.kind or str(self.extra.get(self.KEY, ""))

    def body(self) -> dict[str, Any]:
        """As it is written: without what the journal adds, with what its kind does not know."""
        named = {self.KEY: self.kind} if self.kind else {}
        own = {name: value for name, value in self._values().items() if name not in _HEAD}
        written = {name: value for name, value in own.items() if value is not None or name not in self.rare}
        return {**named, **written, **self.extra}

    def figure(self, key: str) -> float | None:
        """A number of the record, whether its kind knows the key or not."""
        value = getattr(self, key, None) if key in self.fields else self.extra.get(key)
        return value if is_number(value) else None

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.fields}
