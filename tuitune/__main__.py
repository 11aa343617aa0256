"""`python -m tuitune` is the `tuitune` command."""

import sys

from tuitune.cli import main

if __name__ == "__main__":
    sys.exit(main())
