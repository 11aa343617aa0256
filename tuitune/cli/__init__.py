"""Every verb without a screen, over the same rooms. The default verb opens the screen.

Exit codes: 0 done, 1 the run or job failed, 2 the input was refused (nothing was started or changed), 130 interrupted.
"""

from __future__ import annotations

import os
import sys

from tuitune.problem import TuituneError

DONE, REFUSED, INTERRUPTED = 0, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; refusals go to standard error, one line a problem."""
    try:
        return _call(sys.argv[1:] if arguments is None else arguments)
    except SystemExit as ended:  # argparse: --help, --version and usage errors
        return ended.code if isinstance(ended.code, int) else REFUSED
    except TuituneError as refusal:
        from tuitune.cli.output import complain

        complain(refusal.problems)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _call(arguments: list[str]) -> int:
    if not arguments:  # the screen needs no parser, which takes as long to build as a frame to paint
        from tuitune.cli.screen import open_screen

        return open_screen(None)
    from tuitune.cli.parser import build_parser

    options = build_parser().parse_args(arguments)
    return options.verb(options)
