"""A row of data as styled text: its gist in one line, and all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from textual.content import Content

from tuitune.text import clean
from tuitune.tui.data_page import PageRow

_LONGEST = 20_000
_GIST = 400


def gist(page_row: PageRow, width: int) -> str:
    """The texts of a row one after another, as one line."""
    canonical = page_row.canonical
    if canonical is None:
        return clean(_as_json(page_row.row.values)[: 8 * width], limit=width)
    texts = [text for name, text in parts(canonical) if name not in ("system", "tools")]
    return clean(" → ".join(text[:_GIST] for text in texts), limit=width)


def whole(page_row: PageRow, *, original: bool = False, left_out: bool = False) -> Content:
    """Every part of a row under its name; `original` as it lies in the file, else as training reads it."""
    said = [page_row.row.place, *(["as in the file"] if original else []), *(["left out"] if left_out else [])]
    lines = [Content.styled(clean(" · ".join(said)), "$faint")]
    if page_row.problem:
        lines.append(Content.assemble(("✗ ", "$bad"), clean(page_row.problem, newlines=True)))
    if original or page_row.canonical is None:
        found = [(name, _as_text(value)) for name, value in (page_row.row.values or {}).items()]
    else:
        found = list(parts(page_row.canonical))
    return Content("\n").join([*lines, *(part(name, text) for name, text in found)])


def parts(canonical: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The named texts of a converted row: turns by their role, what surrounds them by its field."""
    for name, value in canonical.items():
        if isinstance(value, list) and value and all(isinstance(turn, Mapping) and "role" in turn for turn in value):
            for turn in value:
                yield (turn["role"] if name == "messages" else f"{name} · {turn['role']}"), _turn(turn)
        else:
            yield name, _as_text(value)


def part(name: object, text: str) -> Content:
    """A text under its name."""
    return Content.assemble((clean(str(name), limit=60), "$accent"), "\n", clean(text, limit=_LONGEST, newlines=True))


def _turn(turn: Mapping[str, Any]) -> str:
    said = _as_text(turn.get("content") or "")
    others = {name: value for name, value in turn.items() if name not in ("role", "content") and value}
    return "\n".join(filter(None, [said, _as_json(others) if others else ""]))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else _as_json(value, indent=2)


def _as_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)
