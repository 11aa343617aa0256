"""`python -m tuitune.data page NAME --first N --rows K --split S`: rows of any source as JSON, one a line."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from dataclasses import asdict

import orjson

from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.numbers import dumps
from tuitune.data.sources.rows import Row
from tuitune.problem import TuituneError
from tuitune.text import clean, redact

MEMORY_BYTES = 3 << 30
"""What the process may take: enough for wide tables, and an end to what would fill the machine."""


def print_page(name: str, *, first: int, rows: int, split: str) -> int:
    """Print the rows. The exit code is 1, with a reason on standard error, where there are none to print."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        for row in open_source(resolve(name), split=split, limit=rows, first=first):
            sys.stdout.buffer.write(_line(row))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 0
    except TuituneError as error:
        return _refuse(str(error))
    except MemoryError:
        return _refuse(f"{name}: a row needs more than {MEMORY_BYTES >> 30} GiB of memory")
    except Exception as error:
        return _refuse(f"{name}: {type(error).__name__}: {error}")
    return 0


def _line(row: Row) -> bytes:
    return dumps(asdict(row), orjson.OPT_APPEND_NEWLINE)


def _refuse(message: str) -> int:
    print(clean(redact(message), limit=1000), file=sys.stderr)
    return 1
