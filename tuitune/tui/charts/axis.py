"""Axis labels: short texts for numbers, tokens and times, and where along an axis they stand."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from tuitune.tui.charts.scale import log_ticks, multiples, nice_step, ticks, time_step

AXES = ("step", "tokens", "time")
_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def value_label(value: float, step: float) -> str:
    """A tick `value` on an axis whose ticks lie `step` apart: `0`, `0.25`, `12.5k`, `2e-4`."""
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-2 and step < 1e-2:
        power = floor(log10(size) + 1e-9)
        digits = max(0, power - floor(log10(step) + 1e-9))
        return f"{value / 10.0**power:.{min(digits, 3)}f}e{power}"
    suffix = ""
    for scale, letter in _SUFFIXES:
        if size >= scale * (1 - 1e-12):
            value, step, suffix = value / scale, step / scale, letter
            break
    digits = max(0, -floor(log10(step) + 1e-9)) if step > 0 else 0
    text = f"{value:.{min(digits, 4)}f}"
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


def value_ticks(low: float, high: float, rows: int, *, log: bool) -> list[tuple[float, str]]:
    """(position, label) of the y ticks for a plot of `rows` rows; with `log`, positions are powers of ten."""
    count = max(2, rows // 3)
    if log:
        values = log_ticks(low, high, max(2, rows // 2))
        return [(log10(value), value_label(value, _spacing(values, value))) for value in values]
    step = nice_step(high - low, count)
    return [(value, value_label(value, step)) for value in ticks(low, high, count)]


def _spacing(values: Sequence[float], value: float) -> float:
    """What separates a log tick from rounding noise: the distance of even ticks, else the size of the number itself."""
    even = len(values) > 2 and abs(values[1] - values[0] - (values[2] - values[1])) < 1e-9 * abs(values[2])
    return values[1] - values[0] if even else 10.0 ** floor(log10(value) + 1e-9)


def x_ticks(low: float, high: float, columns: int, axis: str) -> list[tuple[float, str]]:
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
