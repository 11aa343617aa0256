"""What `tuitune doctor` looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, a `warning` that can be lived with, or an `error` that keeps runs from working."""

    level: Literal["ok", "warning", "error"]
    subject: str
    message: str
