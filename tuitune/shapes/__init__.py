"""WHAT ROWS ARE: one file a shape, with its roles, how it is recognised, what its rows become and what they teach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter

from tuitune.objectives import TRAINED
from tuitune.objectives.descriptor import ANSWERING
from tuitune.rows.beside import Columns, Values
from tuitune.rows.fields import RowProblem, quoted
from tuitune.shapes.alpaca import ALPACA
from tuitune.shapes.columns import COLUMNS
from tuitune.shapes.messages import MESSAGES
from tuitune.shapes.preference import PREFERENCE
from tuitune.shapes.prompt_completion import PROMPT_COMPLETION
from tuitune.shapes.prompts import PROMPTS_ALONE
from tuitune.shapes.shape import Canonical, Shape, Teaching
from tuitune.shapes.sharegpt import SHAREGPT
from tuitune.shapes.text import TEXT
from tuitune.shapes.tools import TOOLS
from tuitune.shapes.unpaired_preference import UNPAIRED_PREFERENCE
from tuitune.shapes.vision import VISION

_ALL = (
    *(VISION, PREFERENCE, UNPAIRED_PREFERENCE, PROMPTS_ALONE),
    *(MESSAGES, SHAREGPT, TOOLS, ALPACA, PROMPT_COMPLETION, COLUMNS, TEXT),
)
SHAPES = {shape.name: shape for shape in _ALL}
"""Every shape by name, in the order in which rows are taken for one: the likeliest meaning comes first."""

_LEARNED_FROM = {teaching for objective in TRAINED.values() for teaching in objective.learns_from}
TRAINABLE = {name: shape for name, shape in SHAPES.items() if shape.teaches in _LEARNED_FROM}
"""Those that an objective is trained on: what a recipe can name."""

_ROLES = [(shape.teaches not in ANSWERING, shape.roles.names) for shape in TRAINABLE.values()]
ROLES = tuple(dict.fromkeys(role for _, names in sorted(_ROLES, key=itemgetter(0)) for role in names))
"""What columns can be in a recipe, those of single answers first."""

READABLE = tuple(dict.fromkeys((*TRAINABLE, *(name for name, shape in SHAPES.items() if shape.read))))
"""Shapes that rows can be read as, those first that a recipe can name."""

WRITABLE = tuple(name for name in READABLE if SHAPES[name].written)
"""Shapes that rows can be written in."""


def shape_of(roles: Iterable[str], among: Mapping[str, Shape] = TRAINABLE) -> str:
    """The shape that has these roles; pairs of columns where none of them tells."""
    given = set(roles)
    return next((name for name, shape in among.items() if shape.roles.telling in given), COLUMNS.name)


def to_canonical(values: Values, shape: str, columns: Columns | None = None) -> Canonical:
    """A row of a shape as training takes it. `columns` maps roles to columns, as `Detection` gives them.

    RowProblem names the field that is wrong.
    """
    if (known := SHAPES.get(shape)) is None:
        raise RowProblem("", f"rows of the shape {quoted(shape)} have nothing to learn from")
    return known.convert(values, columns or {})


def doubt_of(row: Canonical, values: Values, shape: str, columns: Columns) -> str:
    """What speaks against a row of a shape that was made canonical, as a phrase; "" for nothing."""
    known = SHAPES.get(shape)
    return known.doubt(row, values, columns) if known and known.doubt else ""


def is_usable(values: Values, shape: str, columns: Columns) -> bool:
    """Whether a row can be read as a shape, with something in it to learn."""
    try:
        to_canonical(values, shape, columns)
    except RowProblem:
        return False
    return True


def expected(teachings: Iterable[Teaching]) -> str:
    """What rows have to have that teach one of these: `expected messages, prompt and completion, or text`."""
    wanted = set(teachings)
    *most, last = (shape.expected for shape in SHAPES.values() if shape.expected and shape.teaches in wanted)
    return f"expected {', '.join(most)}, or {last}" if most else f"expected {last}"
