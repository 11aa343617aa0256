"""Shapes of rows: one file a shape, which says how it is recognised, what its rows become and what they teach."""

from __future__ import annotations

from collections.abc import Iterable

from tuitune.data.rows.beside import Columns, Values
from tuitune.data.rows.fields import RowProblem, quoted
from tuitune.data.shapes.alpaca import ALPACA
from tuitune.data.shapes.columns import COLUMNS
from tuitune.data.shapes.messages import MESSAGES
from tuitune.data.shapes.preference import PREFERENCE
from tuitune.data.shapes.prompt_completion import PROMPT_COMPLETION
from tuitune.data.shapes.shape import Canonical, Teaching
from tuitune.data.shapes.sharegpt import SHAREGPT
from tuitune.data.shapes.text import TEXT
from tuitune.data.shapes.tools import TOOLS
from tuitune.data.shapes.unpaired_preference import UNPAIRED_PREFERENCE
from tuitune.data.shapes.vision import VISION
from tuitune.recipe.roles import ROLES_OF

_ALL = (VISION, PREFERENCE, UNPAIRED_PREFERENCE, MESSAGES, SHAREGPT, TOOLS, ALPACA, PROMPT_COMPLETION, COLUMNS, TEXT)
SHAPES = {shape.name: shape for shape in _ALL}
"""Every shape by name, in the order in which rows are taken for one: the likeliest meaning comes first."""

READABLE = tuple(dict.fromkeys((*ROLES_OF, *(name for name, shape in SHAPES.items() if shape.read))))
"""Shapes that rows can be read as, those first that a recipe can name."""

WRITABLE = tuple(name for name in READABLE if SHAPES[name].written)
"""Shapes that rows can be written in."""


def to_canonical(values: Values, shape: str, columns: Columns | None = None) -> Canonical:
    """A row of a shape as training takes it. `columns` maps roles to columns, as `Detection` gives them.

    RowProblem names the field that is wrong.
    """
    if (known := SHAPES.get(shape)) is None:
        raise RowProblem("", f"rows of the shape {quoted(shape)} have nothing to learn from")
    return known.convert(values, columns or {})


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
