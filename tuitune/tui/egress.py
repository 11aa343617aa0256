"""The last filter before the terminal: whatever a widget let through, no control sequence leaves this process.

Textual writes the text of almost every widget as it is, and a terminal answers some sequences with key presses. Foreign
text is cleaned where it enters (`tuitune.text.clean`); this holds where somebody forgot.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")


class Egress(LineFilter):
    """Drops control and bidirectional characters and hyperlinks from every line; a lone surrogate becomes �."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [self._safe(segment) for segment in segments]

    @staticmethod
    def _safe(segment: Segment) -> Segment:
        text, style, control = segment
        if control:
            return segment
        safe = _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))
        if style is not None and style.link:
            return Segment(safe, style.update_link(None))
        return segment if safe == text else Segment(safe, style)


class AsciiOnly(LineFilter):
    """Spells every line in ASCII, cell for cell, for a terminal that does not speak UTF-8."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.control or segment.text.isascii() else Segment(ascii_text(segment.text), segment.style)
            for segment in segments
        ]


def ascii_text(text: str) -> str:
    """`text` with every character beyond ASCII replaced by look-alikes that take the same number of cells."""
    return _BEYOND_ASCII.sub(lambda found: _LOOK_ALIKES.get(found[0]) or "?" * cell_len(found[0]), text)


_LOOK_ALIKES = {
    character: replacement
    for characters, replacement in (
        ("─━═▔▁╌┄", "-"), ("│┃║▏▕▎▌▐╎", "|"), ("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝┏┓┗┛", "+"), ("█▉▇▆▊▋▓▅▄▀", "#"),
        ("▃▂▒", "="), ("░·•", "."), ("●◉", "*"), ("○◌◐◑", "o"), ("✓✔", "+"), ("✗✖×", "x"), ("■▪", "="), ("▲△↑", "^"),
        ("▼▾↓", "v"), ("▶▸→›»", ">"), ("◀◂←‹«", "<"), ("…", "."), ("–—−", "-"), ("‖", "|"), ("⚠", "!"), ("“”", '"'),
        ("‘’", "'"), ("⏎", "/"), ("␣", "_"), ("⇥", ">"), ("≈", "~"),
    )
    for character in characters
}  # fmt: skip

EGRESS = Egress()
"""The one shared instance: Textual caches rendered lines by filter."""
ASCII_ONLY = AsciiOnly()
