"""What is said of a shape of rows: how it is recognised, what its rows become, and what they teach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tuitune.objectives.descriptor import ANSWERING, Teaching
from tuitune.rows.beside import Columns, Values, check_learned
from tuitune.rows.column_names import TOOLS, conversation_column, exchange, first, opening_turn
from tuitune.rows.fields import RowProblem, quoted
from tuitune.rows.plain import Measure
from tuitune.rows.turns import CALL_KEYS, CALLING, ROLES, turn_keys

Canonical = dict[str, Any]
"""A row as training takes it: `messages` (and `tools`); `prompt` and `completion`, with a `label` where it has one;
`prompt`, `chosen` and `rejected`; `text`; or `messages` without a last answer, with an `answer` to compare with where
the row has one."""


BESIDE = ("system", "tools", "label")
"""Roles beside an answer and what it answers."""


@dataclass(frozen=True)
class Roles:
    """The roles of a shape by `names`: what `data.columns` maps. Those `needed` it cannot do without, once any is
    mapped.

    A mapped role that is the `telling` one of a shape says that rows have this shape. `whole`: rows have no answers in
    them that could be learned alone.
    """

    names: tuple[str, ...]
    needed: tuple[str, ...] = ()
    telling: str = ""
    whole: bool = False

    def take(self, names: Iterable[str]) -> bool:
        """Whether all these names are roles of it, and none that it needs is missing."""
        return set(self.needed) <= set(names) <= set(self.names)


@dataclass(frozen=True)
class Found:
    """What one row is taken for: the shape, the columns by role, and what tells it."""

    shape: str
    columns: tuple[tuple[str, str], ...]
    evidence: str


@dataclass(frozen=True)
class Conversation:
    """The `column` of a conversation, the `keys` that a turn has for its role and its text, or an item for a question
    and its answer, and whether tools are called in it, or told of beside it.
    """

    column: str
    keys: tuple[str, str]
    calls_tools: bool = False

    @property
    def evidence(self) -> str:
        """What tells it, in words."""
        return f"{self.column} with {self.keys[0]} and {self.keys[1]}"


@dataclass(frozen=True)
class Sight:
    """A row as the shapes look for themselves in it.

    `label` is the column that calls answers good or bad, `answered` what the row is taken for by its answer alone.
    """

    values: Values
    label: str | None = None
    answered: Found | None = None

    @cached_property
    def conversation(self) -> Conversation | None:
        """The conversation in the row."""
        if (column := conversation_column(self.values)) is None:
            return None
        opening = opening_turn(self.values[column]) or {}
        if "role" not in opening and (pair := exchange(opening)):
            return Conversation(column, pair)
        turns = self.values[column] if isinstance(self.values[column], list) else [opening]
        told = self.values[tools] not in ("", [], "[]") if (tools := first(TOOLS, self.values)) else False
        calls_tools = any(isinstance(one, Mapping) and _calls(one) for one in turns)
        return Conversation(column, turn_keys(opening), told or calls_tools)


def _calls(turn: Mapping[str, Any]) -> bool:
    """Whether a turn calls a tool, or is what a tool gave."""
    role = turn.get(turn_keys(turn)[0])
    name = role.strip().lower() if isinstance(role, str) else ""
    return bool(any(map(turn.get, CALL_KEYS)) or ROLES.get(name) == "tool" or name in CALLING)


@dataclass(frozen=True)
class WayOut:
    """Something that can be done about data whose shape is not taken: in words, as the `columns` to read instead, by
    role, whether rows that cannot be used so are dropped, and as the objective to train for instead (`goal`).
    """

    label: str
    columns: dict[str, str]
    drops_unusable: bool = False
    goal: str = ""


@dataclass(frozen=True)
class Plain:
    """How rows in the plainest spelling of a shape are measured at a look: those with columns for just these roles,
    which `measure` takes.
    """

    roles: tuple[str, ...]
    measure: Callable[..., Measure]


@dataclass(frozen=True)
class Writing:
    """How rows that teach one of `teachings` are written in a shape; `rows` gives none of a row it cannot hold.

    `remedies` say what to do about such rows, by what they are.
    """

    teachings: tuple[Teaching, ...]
    rows: Callable[[Canonical], list[Values]]
    remedies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """A shape of rows.

    `rows_are` names such rows in a sentence, and `expected` what they need to have. `seen_in` tells whether a row is
    one, `read` makes it canonical, and raises RowProblem. `alike` names the shape whose rows may lie among these;
    where rows of several do, the shape with a `prevails` names them all, which says what such rows show.
    `templated`: conversations come of the rows, which a chat template writes. `instead` says what can be done where
    answers are wanted and the rows teach something else, and `ways_out` gives the settings that do it, likeliest first.
    `check` raises RowProblem where a file that the row names, from a folder on, is not there. `doubt` says what speaks
    against a row that was made canonical, as in `tuitune.shapes.doubts`; "" for nothing.
    """

    name: str
    seen_in: Callable[[Sight], Found | None]
    roles: Roles
    rows_are: str = "these rows have one answer each, all of them good"
    expected: str = ""
    teaches: Teaching | None = "answers"
    read: Callable[[Values, Columns], Canonical] | None = None
    alike: str = ""
    prevails: str = ""
    templated: bool = True
    plain: Plain | None = None
    written: Writing | None = None
    check: Callable[[Values, Path], None] | None = None
    doubt: Callable[[Canonical, Values, Columns], str] | None = None
    instead: str = ""
    ways_out: Callable[[dict[str, str]], list[WayOut]] | None = None

    def convert(self, values: Values, columns: Columns) -> Canonical:
        """A row as training takes it; RowProblem names the field that is wrong, or says that nothing is to be learned
        from the row.
        """
        if self.read is None:
            raise RowProblem("", f"rows of the shape {quoted(self.name)} have nothing to learn from")
        if self.teaches in ANSWERING:
            check_learned(values, columns)
        return self.read(values, columns)

    def measure_for(self, columns: Columns) -> Measure | None:
        """The measure of plain rows; None where the shape has none, or its columns ask for more."""
        if self.plain is None or set(self.plain.roles) != set(columns):
            return None
        return self.plain.measure(*(columns[role] for role in self.plain.roles))


def listed(names: Any) -> str:
    """`a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
