"""Colour themes: TOML files, those that ship with tuitune and those in the user's `themes/` folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from tuitune.paths import config_home, shipped
from tuitune.problem import Problem, TuituneError

DEFAULT_THEME = "graphite"
TERMINAL_THEME = "terminal"
"""The theme that uses nothing but the terminal's own colours."""

CHARTS = tuple(f"chart-{number}" for number in range(1, 9))
COLOURS = (
    "background", "surface", "panel", "foreground", "faint", "rule", "accent", "cursor", "ok", "warn", "bad", *CHARTS,
)  # fmt: skip
"""The colours every theme names. Under the same names (except Textual's own first four) they are variables in CSS."""

_KEYS = {"name": str, "dark": bool, "ansi": bool, "colours": dict}


@dataclass(frozen=True)
class Themes:
    """What was found: the usable themes by name, and what is wrong with the others (file and field named)."""

    themes: dict[str, Theme]
    problems: list[Problem]


def load_themes() -> Themes:
    """The shipped themes, then the user's, which replace shipped ones of the same name. Never raises for bad files."""
    themes: dict[str, Theme] = {}
    problems: list[Problem] = []
    for folder in (shipped("themes"), config_home() / "themes"):
        for path in sorted(folder.glob("*.toml")):
            try:
                theme = read_theme(path)
            except TuituneError as refusal:
                problems += refusal.problems
            else:
                themes[theme.name] = theme
    return Themes(themes, problems)


def read_theme(path: Path) -> Theme:
    """One theme file. Raises TuituneError listing every missing, unknown or malformed field of it."""
    try:
        document = {"ansi": False} | tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TuituneError(Problem(path.name, str(error))) from error
    if problems := [*_shape_problems(document), *_colour_problems(document)]:
        raise TuituneError(Problem(f"{path.name}: {problem.key}", problem.message) for problem in problems)
    return _build(document)


def _shape_problems(document: dict[str, object]) -> list[Problem]:
    problems = [Problem(key, "unknown field") for key in document if key not in _KEYS]
    for key, kind in _KEYS.items():
        if key not in document:
            problems.append(Problem(key, "missing"))
        elif not isinstance(document[key], kind):
            problems.append(Problem(key, f"expected {kind.__name__}, found {type(document[key]).__name__}"))
    return problems


def _colour_problems(document: dict[str, object]) -> list[Problem]:
    colours = document.get("colours")
    if not isinstance(colours, dict):
        return []
    problems = [Problem(f"colours.{name}", "unknown colour") for name in colours if name not in COLOURS]
    problems += [Problem(f"colours.{name}", "missing") for name in COLOURS if name not in colours]
    for name, value in colours.items():
        try:
            colour = Color.parse(value) if isinstance(value, str) else None
        except ColorParseError:
            colour = None
        if colour is None or colour.a != 1:
            problems.append(Problem(f"colours.{name}", f'expected an opaque colour like "#56b4e9", found {value!r}'))
    return problems


def _build(document: dict[str, Any]) -> Theme:
    colours = document["colours"]
    return Theme(
        name=document["name"],
        dark=document["dark"],
        ansi=document["ansi"],
        primary=colours["accent"],
        secondary=colours["accent"],
        accent=colours["accent"],
        success=colours["ok"],
        warning=colours["warn"],
        error=colours["bad"],
        background=colours["background"],
        surface=colours["surface"],
        panel=colours["panel"],
        foreground=colours["foreground"],
        variables=_variables(colours) | (_WITHOUT_COLOUR if document["ansi"] else {}),
    )


_WITHOUT_COLOUR = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "block-cursor-text-style": "reverse",
    "block-cursor-blurred-text-style": "reverse",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
}
"""What stands under a cursor must show where there is nothing but the terminal's two own colours."""


def _variables(colours: dict[str, str]) -> dict[str, str]:
    """Our own variables, and those that Textual derives pinned to a named colour: contrast is what the theme says."""
    own = {name: colours[name] for name in ("faint", "rule", "cursor", "ok", "warn", "bad", *CHARTS)}
    foreground, faint, accent = colours["foreground"], colours["faint"], colours["accent"]
    return own | {
        "text": foreground,
        "text-muted": faint,
        "text-disabled": faint,
        "foreground-muted": faint,
        "border": accent,
        "border-blurred": colours["rule"],
        "block-cursor-foreground": foreground,
        "block-cursor-background": colours["cursor"],
        "block-cursor-text-style": "none",
        "block-cursor-blurred-foreground": foreground,
        "block-cursor-blurred-background": colours["panel"],
        "input-cursor-background": foreground,
        "input-cursor-foreground": colours["background"],
        "input-selection-background": colours["cursor"],
        "screen-selection-background": colours["cursor"],
        "screen-selection-foreground": foreground,
        "scrollbar": colours["rule"],
        "scrollbar-hover": faint,
        "scrollbar-active": accent,
        "scrollbar-background": colours["background"],
        "scrollbar-background-hover": colours["background"],
        "scrollbar-background-active": colours["background"],
        "scrollbar-corner-color": colours["background"],
        "button-color-foreground": colours["background"],
    }
