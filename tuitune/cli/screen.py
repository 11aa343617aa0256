"""Opening the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run


def open_screen(run: Run | None) -> int:
    """Open the screen, on the monitor of `run` where one is given. Exits 2 where this terminal cannot show it."""
    from tuitune.tui.terminal import unfit

    if reason := unfit():
        note(f"tuitune: {reason}")
        return Exit.REFUSED
    from tuitune.tui.app import TuituneApp

    app = TuituneApp(run)
    farewell = app.run()
    if farewell:
        say(farewell)
    return app.return_code or 0
