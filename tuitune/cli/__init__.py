"""Every verb without a screen, over the same rooms. The default verb opens the screen."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, note, say
from tuitune.problem import TuituneError

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run


def main(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; refusals go to standard error, one line a problem."""
    try:
        return _call(sys.argv[1:] if arguments is None else arguments)
    except SystemExit as ended:  # argparse: --help, --version and usage errors
        return ended.code if isinstance(ended.code, int) else Exit.REFUSED
    except TuituneError as refusal:
        complain(refusal.problems)
        return Exit.REFUSED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE


def _call(arguments: list[str]) -> int:
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    if arguments:  # the screen needs no parser, which takes as long to build as a frame to paint
        from tuitune.cli.parser import build_parser

        options = build_parser().parse_args(arguments)
        if options.verb:
            return options.verb(options)
    return open_screen(None)


def open_screen(run: Run | None) -> int:
    """Open the screen, on the monitor of `run` where one is given. Exits 2 where this terminal cannot show it."""
    from tuitune.tui.terminal import unfit

    if reason := unfit():
        note(f"tuitune: {reason}")
        return Exit.REFUSED
    from tuitune.tui.app import TuituneApp

    app = TuituneApp(run)
    if farewell := app.run():
        say(farewell)
    return app.return_code or 0


def _complete() -> None:
    """Answer the shell, which gives a line in the environment, by the verbs that stand on it; it ends the process."""
    import argcomplete

    from tuitune.cli.parser import build_parser

    parser = build_parser()
    parser.load_named(os.environ.get("COMP_LINE", "").split())
    argcomplete.autocomplete(parser, always_complete_options=False)
