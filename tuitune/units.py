"""Figures for people: bytes, counts, durations, rates and times of day, short enough for a table cell."""

from __future__ import annotations

import math
import time


def bytes_text(count: float | None) -> str:
    """`8.0 GB`, `512 MB`, `0 B`: decimal units (1 GB = 10⁹ bytes), as GPU makers and file systems count."""
    if count is None:
        return "n/a"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or abs(count) >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def count_text(count: float | None) -> str:
    """`950`, `12.3 k`, `41.9 M`, `8.03 B`: parameters, tokens, rows."""
    if count is None:
        return "n/a"
    if abs(count) < 1000:
        return f"{count:.0f}"
    for unit in ("k", "M", "B"):
        count /= 1000
        if abs(count) < 999.5 or unit == "B":
            digits = 2 if abs(count) < 9.995 else 1 if abs(count) < 99.95 else 0
            return f"{count:.{digits}f} {unit}"
    raise AssertionError("unreachable")


def duration_text(seconds: float | None) -> str:
    """`0.4 s`, `42 s`, `3 m 05 s`, `2 h 10 m`, `3 d 4 h`."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def number_text(value: float | None) -> str:
    """A measurement in at most about seven characters: `0.4213`, `12.35`, `2e-04`, `–` for nothing."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.001 or size >= 100_000:
        return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.4f}" if size < 10 else f"{value:.2f}" if size < 1000 else f"{value:.0f}"


def counted(count: int, noun: str) -> str:
    """`1 row`, `12,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent_text(share: float | None, digits: int = 2) -> str:
    """`17 %`, `2 %`, `0.52 %`: a share of one in so many significant digits; `100 %` only where it is all."""
    if share is None or not math.isfinite(share):
        return "n/a"
    value = 100 * share
    if 99.5 <= value < 100:
        return f"{min(value, 99.9):.1f} %"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0) if value else 0
    shown = f"{value:.{decimals}f}"
    return f"{shown.rstrip('0').rstrip('.') if decimals else shown} %"


def age_text(then: float, now: float | None = None) -> str:
    """How long ago a wall-clock time (seconds since the epoch) was: `now`, `5 m`, `3 h`, `2 d`."""
    seconds = max(0.0, (time.time() if now is None else now) - then)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "now"


def clock_text(then: float | None) -> str:
    """Local time of day, with the date where it is not today: `14:05`, `24 Nov 14:05`."""
    if then is None:
        return "–"
    moment, today = time.localtime(then), time.localtime()
    same_day = moment[:3] == today[:3]
    return time.strftime("%H:%M" if same_day else "%d %b %H:%M", moment)
