"""What the rows of a data set come to as tokens: how long they are, what of them is learned, and which are odd."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from tuitune.data.preparation.assembled import Item
from tuitune.data.sources.rows import name_of
from tuitune.engine.tokens.control_tokens import ControlTokens
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.encoders import TokenRow
from tuitune.engine.tokens.omissions import EARLIER_REASONS, NO_REASONS
from tuitune.rows.turns import turns_of

LISTED_LOST, LISTED_ODD = 200, 1000
NAMED = 5
"""Rows that are named of those which have the same in common."""

_COUNTED = (
    *("rows", "kept", "lost_count", "lost_cut", "refused", "too_long", "cut", "parted", "no_stop"),
    *("tokens", "trained_tokens"),
)
_BINS = 32
_MOSTLY_MASKED = 0.02
_USUAL = frozenset({EARLIER_REASONS, NO_REASONS})
"""What a template does to every row of a kind, so that none of them is odd."""
_LONG = 8
"""A row is long at this many times the median."""


class TokenStatistics:
    """Counts the rows of one source as they are tokenized. Lists name rows; those of mixed-in data by their source."""

    def __init__(self, source: str, encoder: Encoder, stop_ids: set[int], *, drop_long: bool) -> None:
        self._source = source
        self._encoder = encoder
        self._stop_ids = stop_ids
        self._drop_long = drop_long
        self._control = ControlTokens(encoder.tokenizer)
        self._lengths: list[int] = []
        self._odd: list[dict[str, Any]] = []
        self._whole: list[tuple[int, int, str]] = []
        self._lost: list[dict[str, Any]] = []
        self._used: set[str] = set()
        self._said: dict[str, dict[str, dict[str, Any]]] = {"left_out": {}, "control": {}, "weighted": {}}
        self._count = dict.fromkeys(_COUNTED, 0)

    def takes(self, item: Item, row: TokenRow) -> bool:
        """Count a row; whether it is trained on."""
        self._count["rows"] += 1
        self._used |= _used(item.canonical)
        if row.length:
            self._lengths.append(row.length)
        if row.length > self._encoder.max_length and self._drop_long:
            self._count["too_long"] += 1
            return False
        if row.problem or not row.learned:
            self._lose(item, row)
            return False
        self._count["kept"] += 1
        self._count["parted"] += row.length > self._encoder.max_length and not row.cut
        self._count["tokens"] += row.kept
        self._count["trained_tokens"] += row.learned
        control = self._control.found(item.canonical)
        weighted = any(turn.get("weight", 0) != 0 for turn in turns_of(item.canonical))
        said = {"left_out": row.left_out, "control": control, "weighted": ["weight"] if weighted else []}
        for name, found in said.items():
            for what in found:
                self._count_at(self._said[name], item, what)
        self._judge(item, row, bool(control))
        return True

    def facts(self) -> dict[str, Any]:
        """Everything counted, ready for JSON."""
        usual = median(self._lengths) if self._lengths else 0
        odd = self._odd + [
            {"row": row, "kind": "long", "mark": mark} for row, length, mark in self._whole if length > _LONG * usual
        ]
        return {
            **self._count,
            "trained_share": self._count["trained_tokens"] / max(self._count["tokens"], 1),
            "longest": max(self._lengths, default=0),
            "lengths": histogram(self._lengths, self._encoder.max_length),
            "lost": self._lost,
            "odd": sorted(odd, key=lambda one: one["row"])[:LISTED_ODD],
            "stops": self._count["kept"] > self._count["cut"] + self._count["no_stop"],
            "used": sorted(self._used),
            **self._said,
        }

    def _count_at(self, counts: dict[str, dict[str, Any]], item: Item, what: str) -> None:
        """Count a row of which something is to be said, and name it if it is among the first."""
        found = counts.setdefault(what, {"count": 0, "places": []})
        found["count"] += 1
        if found["count"] <= NAMED:
            found["places"].append(self._place(item))

    def _lose(self, item: Item, row: TokenRow) -> None:
        self._count["lost_count"] += 1
        self._count["refused"] += bool(row.problem)
        self._count["lost_cut"] += row.cut and not row.problem
        kept = f" in the first {self._encoder.max_length:,} of its {row.length:,}" if row.cut else ""
        why = row.problem or f"no token to learn{kept}"
        if len(self._lost) < LISTED_LOST:
            mark = item.mark if item.source == self._source else ""
            where = {"row": item.number, "place": self._place(item), "mark": mark}
            self._lost.append({**where, "why": why, "refused": bool(row.problem)})
        self._note(item, "lost")

    def _judge(self, item: Item, row: TokenRow, control: bool) -> None:
        """Note what is odd about a row, the worst first."""
        tokenizer = self._encoder.tokenizer
        no_stop = not row.cut and not row.stops(self._stop_ids, tokenizer)
        twice = tokenizer.bos_token_id is not None and row.begins_with(tokenizer.bos_token_id, 2)
        self._count["cut"] += row.cut
        self._count["no_stop"] += no_stop
        oddities = {
            "cut": row.cut,
            "no-stop": no_stop,
            "double-bos": twice,
            "control": control,
            "left-out": not _USUAL.issuperset(row.left_out),
            "mostly-masked": row.learned < _MOSTLY_MASKED * row.kept,
        }
        if kind := next((kind for kind, holds in oddities.items() if holds), None):
            self._note(item, kind)
        elif item.source == self._source:
            self._whole.append((item.number, row.length, item.mark))
            if len(self._whole) > 4 * LISTED_ODD:
                self._whole = sorted(self._whole, key=lambda one: -one[1])[:LISTED_ODD]

    def _note(self, item: Item, kind: str) -> None:
        if item.source == self._source and len(self._odd) < LISTED_ODD:
            self._odd.append({"row": item.number, "kind": kind, "mark": item.mark})

    def _place(self, item: Item) -> str:
        return item.place if item.source == self._source else f"{name_of(item.source)}: {item.place}"


def histogram(lengths: Sequence[int], longest_kept: int) -> dict[str, list[int]]:
    """Counts of lengths between `edges`, whole numbers, one more than counts; one lies where cut lengths begin."""
    if not lengths:
        return {"edges": [0, 1], "counts": [0]}
    first, last = min(lengths), max(lengths)
    width = max(1, -(-(last + 1 - first) // _BINS))
    first -= (first - longest_kept - 1) % width
    edges = [max(first, 0), *range(first + width, last + 1 + width, width)]
    counts, _ = np.histogram(lengths, bins=edges)
    return {"edges": edges, "counts": counts.tolist()}


def _used(canonical: dict[str, Any]) -> set[str]:
    """What a row has that a chat template may not take."""
    turns = turns_of(canonical)
    tools = canonical.get("tools") or any(turn["role"] == "tool" or turn.get("tool_calls") for turn in turns)
    system = turns and turns[0]["role"] == "system"
    return {name for name, found in (("tools", tools), ("system", system)) if found}
