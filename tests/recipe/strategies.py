"""Recipes to try things on: any recipe that the schema allows, made from the settings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, settings

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


def is_number(text: str) -> bool:
    """Whether `data.eval` takes this text for a fraction, which has bounds of its own."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def values(one: Setting) -> st.SearchStrategy[Any]:
    """Values that the schema takes for a setting."""
    if one.key == "run.name":
        return st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
    if one.key == "adapter.layers":
        return st.from_regex(r"([0-9]{1,4}(-[0-9]{1,4})?(, ?[0-9]{1,4})?|last [1-9][0-9]?)?", fullmatch=True)
    if one.key == "data.eval":
        return st.none() | TEXT.filter(lambda text: not is_number(text)) | st.floats(0, 0.5, exclude_min=True)
    if one.kind == "choice":
        return st.sampled_from(one.choices)
    low, high = one.minimum, one.maximum
    made: dict[str, st.SearchStrategy[Any]] = {
        "switch": st.booleans(),
        "text": TEXT.filter(bool) if one.filled else TEXT,
        "list": st.lists(TEXT, max_size=4),
        "table": st.dictionaries(TEXT, TEXT, max_size=3),
        "options": st.dictionaries(
            TEXT, st.booleans() | st.integers(-9, 9) | TEXT | st.lists(TEXT, max_size=2), max_size=3
        ),
        "shares": st.dictionaries(TEXT, st.floats(0, 1, exclude_min=True, exclude_max=True), max_size=3),
        "counts": st.dictionaries(TEXT, st.integers(1, 4096), max_size=3),
    }
    if one.kind == "number":
        made["number"] = st.floats(low, high, exclude_min=one.above, exclude_max=one.below)
    if one.kind in ("integer", "cadence"):
        made[one.kind] = st.integers(int(low or 0), int(high or 0))
    made["cadence" if one.kind == "cadence" else one.kind] |= st.sampled_from(one.words) if one.words else st.nothing()
    return made[one.kind] | st.none() if one.optional else made[one.kind]


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Recipes with a few settings away from their defaults; combinations are not checked."""
    tables: dict[str, dict[str, Any]] = {}
    for one in draw(st.lists(st.sampled_from(settings()), max_size=8, unique=True)):
        tables.setdefault(one.section, {})[one.name] = draw(values(one))
    return Recipe.model_validate(tables)
