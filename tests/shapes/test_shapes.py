"""The one list of shapes, and what each says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuitune.data.detect import UNKNOWN, detect
from tuitune.data.purpose import takes
from tuitune.objectives import TRAINED
from tuitune.recipe.settings import setting
from tuitune.shapes import READABLE, SHAPES, TRAINABLE, WRITABLE, expected, to_canonical
from tuitune.shapes.shape import Shape

EACH = pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)


def test_a_recipe_can_name_just_the_shapes_that_a_trained_objective_takes() -> None:
    taken = {shape for one in TRAINED.values() for shape in SHAPES if takes(one, shape)}
    assert set(TRAINABLE) == taken and setting("data.shape").choices == ("auto", *TRAINABLE)


def test_roles_say_which_shape_they_are_of() -> None:
    telling = [shape.roles.telling for shape in SHAPES.values() if shape.roles.telling]
    assert len(set(telling)) == len(telling)


@EACH
def test_what_can_be_read_teaches_something_and_is_asked_for_by_name(shape: Shape) -> None:
    assert (shape.read is None) == (shape.teaches is None)
    assert set(shape.roles.needed) <= set(shape.roles.names)
    assert not shape.alike or SHAPES[shape.alike].read is shape.read
    assert not shape.expected or shape.expected in expected([shape.teaches] if shape.teaches else [])


@EACH
def test_plain_rows_have_roles_that_the_shape_has(shape: Shape) -> None:
    if shape.plain:
        columns = {role: role for role in shape.plain.roles}
        assert set(columns) <= set(shape.roles.names)
        assert shape.measure_for(columns) is not None and shape.measure_for({**columns, "system": "s"}) is None
    else:
        assert shape.measure_for({}) is None


ROW = {
    "messages": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    "prompt-completion": {"prompt": "a", "completion": "b"},
    "text": {"text": "a"},
    "preference": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "prompts": {"prompt": "a", "solution": "b"},
    "unpaired-preference": {"prompt": "a", "completion": "b", "label": True},
}


@pytest.mark.parametrize("name", WRITABLE)
def test_what_is_written_in_a_shape_is_of_that_shape(name: str) -> None:
    writing = SHAPES[name].written
    assert writing is not None
    for source in SHAPES.values():
        if source.teaches in writing.teachings and source.name in ROW:
            rows = writing.rows(to_canonical(ROW[source.name], source.name))
            assert not rows or detect(rows).shape == name


def test_shapes_are_named_once() -> None:
    assert UNKNOWN not in SHAPES and set(WRITABLE) < set(READABLE) < set(SHAPES)


def test_the_page_on_data_names_every_shape_and_says_which_are_trained_on() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    told = {row[0]: {one for one in row[-1].split(", ") if " " not in one} for row in rows if row[0] in SHAPES}
    assert told == {name: {one.name for one in TRAINED.values() if takes(one, name)} for name in SHAPES}
