"""The shapes of rows that a recipe can name, and the roles that columns play in each: what `data.columns` maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

BESIDE = ("system", "tools", "label")
"""Roles beside an answer and what it answers."""

_PAIR = ("prompt", "completion")


@dataclass(frozen=True)
class Roles:
    """The roles of a shape by `names`. Those `needed` it cannot do without, once any is mapped.

    A mapped role that is the `telling` one of a shape says that rows have this shape. `whole`: rows have no answers in
    them that could be learned alone.
    """

    names: tuple[str, ...]
    needed: tuple[str, ...] = ()
    telling: str = ""
    whole: bool = False


ROLES_OF = {
    "alpaca": Roles(("instruction", "input", "output", *BESIDE), telling="output"),
    "messages": Roles(("messages", *BESIDE), telling="messages"),
    "sharegpt": Roles(("messages", *BESIDE)),
    "tools": Roles(("messages", *BESIDE)),
    "prompt-completion": Roles((*_PAIR, *BESIDE), needed=_PAIR),
    "columns": Roles((*_PAIR, *BESIDE), needed=_PAIR),
    "text": Roles(("text",), needed=("text",), telling="text", whole=True),
}
"""The roles of every shape that `data.shape` takes. What such rows are and become: `tuitune.data.shapes`."""

ROLES = tuple(dict.fromkeys(role for roles in ROLES_OF.values() for role in roles.names))

if TYPE_CHECKING:
    ShapeName = str
else:
    ShapeName = Literal[("auto", *ROLES_OF)]


def shape_of(roles: Iterable[str], among: Mapping[str, Roles] = ROLES_OF) -> str:
    """The shape that has these roles; pairs of columns where none of them tells."""
    given = set(roles)
    return next((name for name, one in among.items() if one.telling in given), "columns")
