"""Every verb without a screen, over the same rooms. The default verb opens the screen.

Exit codes: 0 done, 1 the run or job failed, 2 the input was refused (nothing was started or changed), 130 interrupted.
"""

from __future__ import annotations

import os
import sys

from tuitune.cli.parser import build_parser
from tuitune.problem import TuituneError

DONE, REFUSED, INTERRUPTED = 0, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; refusals go to standard error, one line a problem."""
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
        return options.verb(options)
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
