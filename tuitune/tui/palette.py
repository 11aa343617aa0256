"""The palette: every action of this screen and every theme, found by typing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuitune.tui.actions import EVERYWHERE, Action, actions_of
from tuitune.tui.base import TuituneScreen
from tuitune.tui.widgets.dialogs import Choice, Choose

if TYPE_CHECKING:
    from tuitune.tui.app import TuituneApp

_OMITTED = ("command_palette", "leave", "out")


def open_palette(app: TuituneApp) -> None:
    """Show the palette over the current screen, and do what is chosen there."""
    screen = app.screen
    if not isinstance(screen, TuituneScreen):
        return
    actions = [*actions_of(screen.NAME), *(action for action in actions_of(EVERYWHERE) if action.name not in _OMITTED)]
    choices = [Choice(f"do {action.name}", action.label, _detail(screen, action)) for action in actions]
    choices += [
        Choice(f"use {name}", "theme", f"{name:<16}{'in use' if name == app.theme else ''}")
        for name in app.available_themes
    ]

    async def chosen(choice: str | None) -> None:
        verb, _, name = (choice or "").partition(" ")
        if verb == "use":
            app.choose_theme(name)
        elif name == "help":
            app.action_help()
        elif verb == "do":
            await screen.action_perform(name)

    app.push_screen(Choose("Palette", choices, nothing="no action matches"), chosen)


def _detail(screen: TuituneScreen, action: Action) -> str:
    return f"{action.display_key:<6}  {screen.why_disabled(action.name) or action.help}"
