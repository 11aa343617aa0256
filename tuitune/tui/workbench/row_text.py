"""A row of data as styled text: its gist in one line, and all of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from textual.content import Content

from tuitune.rows.numbers import Written
from tuitune.rows.turns import is_learned
from tuitune.text import clean
from tuitune.views.data_page import PageRow

_LONGEST = 20_000
_LONGEST_ROW = 60_000
_MOST_PARTS, _MOST_LINES = 200, 2_000
"""What is shown of a row at most: laying out 20,000 lines takes a second."""
_GIST = 400


def gist(page_row: PageRow, width: int) -> str:
    """The texts of a row one after another, as one line."""
    canonical = page_row.canonical
    if canonical is None:
        return clean(_as_json(page_row.row.values)[: 8 * width], limit=width)
    texts = (text[:_GIST] for name, text in parts(canonical) if name not in ("system", "tools"))
    return clean(" → ".join(islice(texts, _MOST_PARTS)), limit=width)


def whole(page_row: PageRow, *, original: bool = False, left_out: bool = False, remarks: Sequence[str] = ()) -> Content:
    """Every part of a row under its name; `original` as it lies in the file, else as training reads it."""
    state = [*(["as in the file"] if original else []), *(["dropped"] if left_out else [])]
    said = [page_row.row.place, *state, *remarks]
    lines = [Content.styled(clean(" · ".join(said)), "$faint")]
    if page_row.problem:
        lines.append(Content.assemble(("✗ ", "$bad"), clean(page_row.problem, newlines=True)))
    found: Iterable[tuple[str, str]]
    if original or page_row.canonical is None:
        found = ((name, _as_text(value)) for name, value in (page_row.row.values or {}).items())
    else:
        found = parts(page_row.canonical)
    return Content("\n").join([*lines, *_bounded(found)])


def _bounded(found: Iterable[tuple[str, str]]) -> Iterator[Content]:
    room = _LONGEST_ROW
    for at, (name, text) in enumerate(found):
        if at == _MOST_PARTS or room <= 0:
            yield Content.styled("… and more, not shown", "$faint")
            return
        shown = part(name, text[: room + 1])
        room -= len(shown) + 10 * shown.plain.count("\n")
        yield shown


def parts(canonical: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The named texts of a converted row: turns by their role, what surrounds them by its field."""
    for name, value in canonical.items():
        if isinstance(value, list) and value and all(isinstance(turn, Mapping) and "role" in turn for turn in value):
            for turn in value:
                said_by = turn["role"] if name == "messages" else f"{name} · {turn['role']}"
                yield said_by if is_learned(turn) else f"{said_by} · not trained (weight 0)", _turn(turn)
        else:
            yield name, _as_text(value)


def part(name: object, text: str) -> Content:
    """A text under its name."""
    lines = text.split("\n", _MOST_LINES)
    text = "\n".join([*lines[:_MOST_LINES], "…"]) if len(lines) > _MOST_LINES else text
    return Content.assemble((clean(str(name), limit=60), "$accent"), "\n", clean(text, limit=_LONGEST, newlines=True))


def _turn(turn: Mapping[str, Any]) -> str:
    said = _as_text(turn.get("content") or "")
    others = {name: value for name, value in turn.items() if name not in ("role", "content", "weight") and value}
    return "\n".join(filter(None, [said, _as_json(others) if others else ""]))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else _as_json(value, indent=2)


def _as_json(value: object, indent: int | None = None) -> str:
    if isinstance(value, Written):
        return value.text
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)
