"""The sections of a recipe: a list at the left, or one row of short names where the screen is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.row_list import ListRow, RowList
from tuitune.tui.widgets.tabs import Tabs

SHORT_NAMES = {
    "adapter": "Adapt",
    "cleaning": "Clean",
    "objective": "Goal",
    "rewards": "Rew",
    "quantization": "Bits",
    "training": "Train",
    "evaluation": "Eval",
    "samples": "Samp",
    "checkpoints": "Ckpt",
    "limits": "Caps",
    "hardware": "GPU",
}


@dataclass(frozen=True)
class SectionMark:
    """A section with how many of its settings are changed, and how many problems it has."""

    name: str
    title: str
    changed: int = 0
    problems: int = 0


class SectionPane(Pane):
    """The list of sections, under what it is that they make up."""

    def compose(self) -> list[RowList]:
        return [RowList(id="sections")]

    def show(self, sections: Sequence[SectionMark], current: str) -> None:
        self.query_one(RowList).set_rows([_row(section) for section in sections], cursor=current)


class SectionTabs(Tabs):
    """The sections in one line, the current one always in sight."""

    def show(self, sections: Sequence[SectionMark], current: str) -> None:
        self.show_tabs([(section.name, _tab(section, section.name == current)) for section in sections], current)


def _tab(section: SectionMark, current: bool) -> Content:
    name = SHORT_NAMES.get(section.name, section.title)
    mark = ("✗", "$bad") if section.problems else ("•", "$accent") if section.changed else " "
    return Content.assemble((name, "$accent bold underline" if current else ""), mark)


def _row(section: SectionMark) -> ListRow:
    def draw(width: int) -> list[Content]:
        marks = Content("")
        if section.problems:
            marks = Content.styled(f"✗ {section.problems}", "$bad")
        elif section.changed:
            marks = Content.styled(f"• {section.changed}", "$accent")
        name = Content(section.title).truncate(max(1, width - marks.cell_length), ellipsis=True, pad=True)
        return [name + marks]

    return ListRow(section.name, draw)
