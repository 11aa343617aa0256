"""The palette: every action of this screen and every theme, found by typing."""

from __future__ import annotations

from collections.abc import Iterable

from tuitune.tui.actions import EVERYWHERE, Action, actions_of
from tuitune.tui.base import TuituneScreen
from tuitune.tui.widgets.dialogs import Choice, Choose

_OMITTED = ("command_palette", "leave", "out")


def palette(screen: TuituneScreen, themes: Iterable[str], theme: str) -> Choose[str]:
    """Gives `do ACTION`, an action of `screen` or of all of them, or `use THEME`; `theme` is the one in use."""
    actions = [*actions_of(screen.NAME), *(action for action in actions_of(EVERYWHERE) if action.name not in _OMITTED)]
    choices = [Choice(f"do {action.name}", action.label, _detail(screen, action)) for action in actions]
    choices += [Choice(f"use {name}", "theme", f"{name:<16}{'in use' if name == theme else ''}") for name in themes]
    return Choose("Palette", choices, nothing="no action matches")


def _detail(screen: TuituneScreen, action: Action) -> str:
    return f"{action.display_key:<6}  {screen.why_disabled(action.name) or action.help}"
