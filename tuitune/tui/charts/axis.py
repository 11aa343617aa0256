"""Axis labels: short texts for numbers, tokens and times, and where along an axis they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, log10

from tuitune.tui.charts.scale import finer_steps, multiples, nice_step, time_step

AXES = ("step", "tokens", "time")

Ticks = list[tuple[float, str]]
"""(position, label)."""

_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_LAST_POWER = 300.0
"""Powers of ten beyond this one, up or down, are near the end of what a number can be, and get no tick."""


def value_label(value: float, step: float) -> str:
    """A tick `value` on an axis whose ticks lie `step` apart: `0`, `0.25`, `12.5k`, `2e-4`, `5e20`."""
    if value == 0:
        return "0"
    size = abs(value)
    if (size < 1e-2 and step < 1e-2) or size >= 1e15:
        power = floor(log10(size) + 1e-9)
        digits = max(0, power - floor(log10(step) + 1e-9))
        return f"{value / 10.0**power:.{min(digits, 4)}f}e{power}"
    suffix = ""
    for scale, letter in _SUFFIXES:
        if size >= scale * (1 - 1e-12):
            value, step, suffix = value / scale, step / scale, letter
            break
    digits = max(0, -floor(log10(step) + 1e-9)) if step > 0 else 0
    text = f"{value:.{min(digits, 6)}f}"
    return (text.rstrip("0").rstrip(".") if suffix and digits else text) + suffix


def time_label(seconds: float) -> str:
    """`0`, `45s`, `5m`, `1m30s`, `2h`, `1h30m`, `3d`."""
    whole = round(abs(seconds))
    parts = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if whole >= size:
            parts.append(f"{whole // size}{unit}")
            whole %= size
    return ("-" if seconds < 0 else "") + "".join(parts[:2]) if parts else "0"


def dot_row(position: float, low: float, high: float, rows: int) -> int:
    """The dot row of a y `position` in a plot of `rows` rows of four dots, from `high` at the top, 0, to `low`."""
    return int((high - position) * (rows * 4 - 1) / (high - low) + 0.5)


def value_ticks(low: float, high: float, rows: int, *, log: bool) -> Ticks:
    """The y ticks for a plot of `rows` rows: the coarsest that label a fifth of them, and two wherever there are two.

    With `log`, positions are powers of ten.
    """
    wanted = min(rows, max(2, rows // 5))
    found: Ticks = []
    for found in _log_choices(low, high, rows) if log else _choices(low, high, rows):
        if len({dot_row(position, low, high, rows) // 4 for position, _ in found}) >= wanted:
            break
    return found


def _choices(low: float, high: float, rows: int) -> Iterator[Ticks]:
    """Ticks at round numbers, from coarse to fine; none so fine that labels of five digits would not differ."""
    finest = 10.0 ** (floor(log10(max(abs(low), abs(high)))) - 4)
    for step in finer_steps(high - low, max(2, rows // 3), finest):
        yield [(value, value_label(value, step)) for value in multiples(low, high, step)]


def _log_choices(low: float, high: float, rows: int) -> Iterator[Ticks]:
    """Ticks from 10^`low` to 10^`high`, from coarse to fine: at powers of ten, at 1, 2 and 5 of each, as if linear."""
    low, high = max(low, -_LAST_POWER), min(high, _LAST_POWER)
    for step in finer_steps(high - low, max(2, rows // 2), 1.0):
        yield [(power, _plain(1, power)) for power in multiples(low, high, step)]
    fives = [(power + log10(by), _plain(by, power)) for power in range(floor(low), floor(high) + 1) for by in (1, 2, 5)]
    yield [(position, label) for position, label in fives if low <= position <= high]
    for found in _choices(10.0**low, 10.0**high, rows):
        yield [(log10(value), label) for value, label in found if value > 0]


def _plain(digit: int, power: float) -> str:
    size = 10.0**power
    return value_label(digit * size, size)


def x_ticks(low: float, high: float, columns: int, axis: str) -> Ticks:
    """(position, label) of the x ticks for a plot `columns` wide, by step, tokens or time."""
    count = max(2, columns // 11)
    if axis == "time":
        return [(value, time_label(value)) for value in multiples(low, high, time_step(high - low, count))]
    step = max(nice_step(high - low, count), 1.0)
    return [(value, value_label(value, step)) for value in multiples(low, high, step)]


def place(labels: Sequence[tuple[int, str]], width: int) -> str:
    """Labels written into one row of `width` characters, each centred on its column; what would touch is left out."""
    row, free = [" "] * width, 0
    for column, text in labels:
        start = max(0, min(column - (len(text) - 1) // 2, width - len(text)))
        if start < free or start + len(text) > width:
            continue
        row[start : start + len(text)] = text
        free = start + len(text) + 1
    return "".join(row)
