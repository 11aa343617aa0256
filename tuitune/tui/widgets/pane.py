"""A pane: one title row above its content, and no other frame."""

from __future__ import annotations

from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual

from tuitune.text import clean


class Pane(Vertical):
    """A titled part of a screen. The title is accented while the focus is inside.

    The title row is drawn in the pane's top padding: Textual's borders have no room for a second title at the top.
    """

    DEFAULT_CSS = """
    Pane {
        padding: 1 1 0 1;
        border-title-color: $foreground;
        border-subtitle-color: $faint;
        &:focus-within { border-title-color: $accent; }
    }
    """

    def __init__(
        self, title: str | Content = "", right: str | Content = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._titles = (_content(title), _content(right), Content(""))

    def set_title(self, text: str | Content, right: str | Content = "", brief: str | Content = "") -> None:
        """Write the title row; strings may be foreign and are cleaned. Nothing is redrawn where nothing changed.

        `brief` stands for a text that would be cut.
        """
        titles = (_content(text), _content(right), _content(brief))
        if not all(old.is_same(new) for old, new in zip(self._titles, titles, strict=True)):
            self._titles = titles
            self.refresh(Region(-self.gutter.left, -1, self.region.width, 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        strips = super().render_lines(crop)
        if crop.y == 0 and strips:
            strips[0] = self._title_row().crop(crop.x, crop.right)
        return strips

    def _title_row(self) -> Strip:
        width = self.region.width
        rule = "-" if self.app.has_class("-ascii") else "─"
        styles = self.styles
        left, right, brief = self._titles
        right = right.truncate(max(width // 2, width - left.cell_length - 6, 1), ellipsis=True)
        right = Content.assemble(" ", right, " ").stylize_before(styles.border_subtitle_color.css) if right else right
        room = max(width - right.cell_length - 6, 8)
        left = (brief if brief and left.cell_length > room else left).truncate(room, ellipsis=True)
        title_style = f"bold {styles.border_title_color.css}"
        left = Content.assemble(" ", left, " ").stylize_before(title_style) if left else left
        if left.cell_length + right.cell_length + 2 > width:
            right = Content("")
        gap = width - left.cell_length - right.cell_length - 2
        row = Content.assemble(
            (rule, "$rule"), left, (rule * max(gap, 0), "$rule"), right, (rule, "$rule"), strip_control_codes=False
        )
        strip = Visual.to_strips(self, row, width, 1, self.visual_style)[0]
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, self.background_colors[1])
        return strip


def _content(text: str | Content) -> Content:
    return text if isinstance(text, Content) else Content(clean(text))
