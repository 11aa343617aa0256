"""Hostile texts, and what must hold of a screen that shows them. Widgets that show foreign text meet them in tests.

`CONTROL_PAYLOADS` try to command the terminal, `MARKUP_PAYLOADS` to be read as Textual's or Rich's markup. A test puts
one into a run name, a data row, a generation …, calls `shot_of(app)`, and asserts `assert_inert(shot)` and, where
the text has room to be seen, `assert_literal(shot, payload)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from rich.console import Console
from rich.segment import Segment
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.screen import Screen

from tuitune.text import clean

CONTROL_PAYLOADS: dict[str, str] = {
    "clipboard": "A\x1b]52;c;ZXZpbA==\x07B",
    "clipboard, ended by ST": "A\x1b]52;c;ZXZpbA==\x1b\\B",
    "title": "A\x1b]0;PWNED\x1b\\B",
    "unterminated title": "A\x1b]0;PWNED",
    "hyperlink": "A\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\B",
    "clear screen": "A\x1b[2J\x1b[HB",
    "leave the alternate screen": "A\x1b[?1049lB",
    "mouse off": "A\x1b[?1000l\x1b[?1006lB",
    "full reset": "A\x1bcB",
    "device attributes": "A\x1b[>cB",
    "device status string": "A\x1bP$q\x1b\\B",
    "8-bit CSI": "A\x9b2JB",
    "8-bit OSC": "A\x9d52;c;ZXZpbA==\x9cB",
    "backspaces": "safe\x08\x08\x08\x08evil",
    "carriage return": "real text\rfake",
    "NUL": "A\x00B",
    "bell": "A\x07B",
    "DEL": "A\x7fB",
    "right-to-left override": "user\u202egpj.exe\u202c",
    "isolate": "A\u2066B\u2069C",
    "arabic letter mark": "A\u061cB\u200fC",
    "lone surrogate": "A\ud800B",
    "byte order mark": "A\ufeffB",
    "tag characters": "A\U000e0041\U000e0042B",
    "vertical tab, form feed": "A\x0bB\x0cC",
    "line separator": "A\u2028B\u2029C",
    "tab": "A\tB",
    "newline": "A\nB",
    "pile of marks": "Z" + "\u0301" * 200 + "algo",
}

MARKUP_PAYLOADS: dict[str, str] = {
    "colour": "[red]hello",
    "closing what is not open": "see [/red] here",
    "closing anything": "x [/] y",
    "list": "a[0] = [1, 2, 3]",
    "globs and paths": "[a-z]*.py [/etc/passwd]",
    "JSON": '{"a": ["x", "y"], "b": [null]}',
    "chat template": "[INST] hi [/INST]",
    "action": "[@click=app.quit]click me[/]",
    "action with an argument": "[@click='app.evil(1)']click me[/]",
    "link": "[link=http://evil.example]x[/link]",
    "unterminated": "[bold",
    "escaped": r"\[red]",
    "unknown style": "[on notacolor]x[/]",
    "deep": "[" * 500 + "x",
    "variable": "$text [$error]x",
    "emoji code": ":warning: hi",
    "trailing backslash": "path\\",
    "conceal": "[conceal]secret[/conceal]",
}

PAYLOADS = {**CONTROL_PAYLOADS, **MARKUP_PAYLOADS}

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PLAIN_OUTPUT = re.compile(r"\x1b\[[0-9;]*[mH]|\n")


@dataclass(frozen=True)
class Shot:
    """A screen as it is painted: the segments of every line, and the very text that would go to the terminal."""

    update: LayoutUpdate
    console: Console

    @cached_property
    def lines(self) -> list[list[Segment]]:
        return [[segment for strip in strips for segment in strip] for strips in self.update.strips]

    @cached_property
    def output(self) -> str:
        return self.update.render_segments(self.console)

    @property
    def text(self) -> str:
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in self.lines)


def shot_of(app: App[object], screen: Screen[object] | None = None) -> Shot:
    """Paint the screen on top (or `screen`) completely."""
    return Shot((screen or app.screen)._compositor.render_full_update(), app.console)


def assert_inert(shot: Shot) -> None:
    """Nothing of the shot can command a terminal, reorder a line, open a link or run an action."""
    for line in shot.lines:
        for segment in line:
            assert not (found := _UNSAFE.search(segment.text)), f"{found and found[0]!r} in {segment.text!r}"
            if segment.style is not None:
                assert segment.style.link is None, f"a link to {segment.style.link}"
                assert "@click" not in segment.style.meta, f"an action: {segment.style.meta['@click']}"
    left = _PLAIN_OUTPUT.sub("", shot.output)
    assert not (found := _UNSAFE.search(left)), f"{left[max(found.start() - 20, 0) : found.end() + 20]!r}"


def assert_literal(shot: Shot, payload: str, *, characters: int = 12) -> None:
    """The payload stands on the screen as it was cleaned: at least its first `characters`, wherever lines break."""
    wanted = _squeezed(clean(payload, newlines=True))[:characters]
    assert wanted in _squeezed(shot.text), f"{wanted!r} is not on the screen:\n{shot.text}"


def _squeezed(text: str) -> str:
    return re.sub(r"[\s│|⏎]+", "", text)
