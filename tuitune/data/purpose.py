"""What rows are wanted for: the shapes that serve, why another does not, and the ways out."""

from __future__ import annotations

from typing import Any, get_args

from tuitune.data.detect import Detection
from tuitune.objectives import TRAINED
from tuitune.objectives.descriptor import ANSWERING, Purpose, Teaching, Trained
from tuitune.recipe.values import toml_text
from tuitune.rows.beside import Values
from tuitune.rows.fields import names_of, quoted
from tuitune.shapes import SHAPES, TRAINABLE, expected, is_usable, shape_of
from tuitune.shapes.shape import Shape, WayOut
from tuitune.text import clean

_GUESSED = 3


ANYTHING = Purpose("training", get_args(Teaching))
"""To be read at all."""


def takes(purpose: Purpose, shape: str) -> bool:
    """Whether rows of a shape serve."""
    return shape in SHAPES and SHAPES[shape].teaches in purpose.learns_from


def refusal(shape: str, purpose: Purpose) -> str | None:
    """Why rows of a shape do not serve, and the way out; None where they do."""
    if takes(purpose, shape):
        return None
    if (known := SHAPES.get(shape)) is None:
        return f"unknown shape of rows; {expected(purpose.learns_from)}, or name the columns in data.columns"
    if known.teaches is None:
        return known.rows_are
    remedy = known.instead if purpose.answers else _expected(known, purpose)
    *most, last = [toml_text(one.name) for one in _takers(shape)] or [""]
    takers = f"{', '.join(most)} or {last}" if most else last
    but = f", but objective.kind = {takers} does" if takers else ""
    return f"{known.rows_are}, which {purpose.name} does not take{but}; {remedy}"


def _takers(shape: str) -> list[Trained]:
    """The objectives to offer for rows of a shape: what has answers to learn from is not offered as prompts alone."""
    taking = [one for one in TRAINED.values() if takes(one, shape)]
    return [one for one in taking if not (one.generates and SHAPES[shape].teaches in ANSWERING)]


def _expected(known: Shape, purpose: Purpose) -> str:
    """What rows have to have, and how rows of another shape come to have it."""
    written = SHAPES[purpose.rows_in].written if isinstance(purpose, Trained) else None
    needed = expected(purpose.learns_from)
    if (
        not isinstance(purpose, Trained)
        or written is None
        or written.remedies
        or known.teaches not in written.teachings
    ):
        return needed
    return f"{needed}, which `tuitune data convert --to {purpose.rows_in}` makes of these"


def refusal_of(found: Detection, purpose: Purpose, row: Values | None) -> str | None:
    """The same for data as it was found, with the settings of the likeliest way out, by a `row` of it."""
    if found.unreadable:
        return found.unreadable
    if (reason := refusal(found.shape, purpose)) is None or row is None:
        return reason
    if found.shape not in SHAPES:
        reason = f"{reason}; it has {names_of(row)}"
    if not purpose.answers and (shape := _meant(found, purpose, row)):
        return f"{reason}, in these columns with data.shape = {toml_text(shape)}"
    ways = ways_out(found, purpose, row) if found.columns else []
    settings = (f"{key} = {toml_text(value)}" for way in ways[:1] for key, value in settings_of(way).items())
    return f"{reason}: {clean(', '.join(settings), limit=400)}" if ways else reason


def _meant(found: Detection, purpose: Purpose, row: Values) -> str | None:
    """The shape that serves and has all the roles that columns are mapped to, as a row of the data confirms."""
    fitting = (name for name, shape in TRAINABLE.items() if takes(purpose, name) and shape.roles.take(found.columns))
    return next((name for name in fitting if found.columns and is_usable(row, name, found.columns)), None)


def ways_out(found: Detection, purpose: Purpose, row: Values | None = None) -> list[WayOut]:
    """What can be done, likeliest first, about data whose shape does not serve.

    With a `row` of it, only what makes that row usable, and for data of no known shape what its columns allow. The last
    are other objectives, which take the data as it is.
    """
    known = SHAPES.get(found.shape)
    if takes(purpose, found.shape) or (known is not None and not purpose.answers):
        return []
    guesses = [way for way in _guesses(row or {}) if takes(purpose, shape_of(way.columns))]
    ways = guesses if known is None else known.ways_out(dict(found.columns)) if known.ways_out else []
    ways += [
        WayOut(f"learn from {one.examples}, with {one.name}", dict(found.columns), goal=one.name)
        for one in _takers(found.shape)
    ]
    return ways if row is None else [way for way in ways if is_usable(row, shape_of(way.columns), _unlabelled(way))]


def settings_of(way: WayOut) -> dict[str, Any]:
    """What a way out changes in a recipe; what has no answers in it is learned whole."""
    shape = shape_of(way.columns)
    goal = {"objective.kind": way.goal} if way.goal else {}
    whole = {"data.loss_on": "all"} if SHAPES[shape].roles.whole else {}
    drops = {"cleaning.unusable": "drop"} if way.drops_unusable else {}
    return {**goal, "data.shape": shape, "data.columns": way.columns, **whole, **drops}


def _guesses(row: Values) -> list[WayOut]:
    """Every reading of the first few columns of text: one as the answer to another, or one alone."""
    names = [str(name) for name, value in row.items() if isinstance(value, str) and value.strip()][:_GUESSED]
    pairs = [(asked, said) for asked in names for said in names if asked != said]
    answers = [
        WayOut(f"learn {quoted(said)} as the answer to {quoted(asked)}", {"prompt": asked, "completion": said})
        for asked, said in pairs
    ]
    return answers + [WayOut(f"learn {quoted(name)} as plain text", {"text": name}) for name in names]


def _unlabelled(way: WayOut) -> dict[str, str]:
    """The columns of a way out, but for a label that calls an answer bad."""
    return {role: name for role, name in way.columns.items() if role != "label"}
