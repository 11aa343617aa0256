"""The first rows of a parquet file or a Hub data set, for a screen that may not import what reads them."""

from __future__ import annotations

import json
import sys

from tuitune.engine.failures import explain
from tuitune.text import redact


def print_rows(source: str, rows: int, split: str) -> int:
    """Print at most `rows` rows as JSON, one a line. The exit code is 1, with a reason on standard error, for none."""
    from tuitune.engine.rows import open_source

    try:
        for row in open_source(source, split, rows):
            print(json.dumps(row.values, ensure_ascii=True, default=str))
    except BrokenPipeError:
        return 0
    except Exception as error:
        print(redact(explain(error)), file=sys.stderr)
        return 1
    return 0
