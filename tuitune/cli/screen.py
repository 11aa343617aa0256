"""The default verb: the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuitune.cli.output import note, say

if TYPE_CHECKING:
    import argparse

    from tuitune.runs.store.directory import Run


def screen(options: argparse.Namespace) -> int:
    return open_screen(None)


def open_screen(run: Run | None) -> int:
    """Open the screen, on the monitor of `run` where one is given. Exits 2 where this terminal cannot show it."""
    from tuitune.tui.terminal import unfit

    if reason := unfit():
        note(f"tuitune: {reason}")
        return 2
    from tuitune.tui.app import TuituneApp

    app = TuituneApp(run)
    farewell = app.run()
    if farewell:
        say(farewell)
    return app.return_code or 0
