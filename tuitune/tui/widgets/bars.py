"""Small bars and joined figures, as styled text."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

Figure = str | tuple[str, str] | Content


def progress_bar(share: float, width: int, colour: str = "$accent") -> Content:
    """A line filled to `share` (0 to 1) in half cells."""
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    full, half = divmod(halves, 2)
    head = "━" * full + ("╸" if half else "")
    return Content.assemble((head, colour), ("·" * (width - len(head)), "$rule"))


def gauge(parts: Iterable[tuple[float, str, str]], width: int) -> Content:
    """A bar of parts: (share of the whole, character, colour), the rest dotted. What is not nothing gets a cell."""
    cells: list[tuple[str, str]] = []
    room, passed, drawn = width, 0.0, 0
    for share, glyph, colour in parts:
        passed += min(max(share, 0.0), 1.0)
        count = min(max(round(passed * width) - drawn, 1 if share > 0.001 else 0), room)
        cells.append((glyph * count, colour))
        room -= count
        drawn += count
    return Content.assemble(*cells, ("·" * room, "$rule"))


def joined(figures: Iterable[Figure | None], width: int | None = None) -> Content:
    """Figures one after another with a dot between; those that no longer fit into `width` are left out."""
    line = Content("")
    for figure in figures:
        if figure is None:
            continue
        content = (
            figure
            if isinstance(figure, Content)
            else Content(figure)
            if isinstance(figure, str)
            else Content.styled(*figure)
        )
        longer = Content.assemble(line, (" · ", "$faint"), content) if line else content
        if width is None or longer.cell_length <= width:
            line = longer
    return line


def labelled(label: str, value: str | Content, style: str = "") -> Content:
    """`label value`, the label faint."""
    shown = value if isinstance(value, Content) else Content.styled(value, style)
    return Content.assemble((f"{label} ", "$faint"), shown)
