"""Real data sets are recognised without a hint and every row of them becomes what training takes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tuitune.data.detect import recognise
from tuitune.data.purpose import ways_out
from tuitune.data.sources.files import open_rows
from tuitune.objectives.sft import SFT
from tuitune.shapes import shape_of, to_canonical

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real data sets, ../shared/data, is not here")


@pytest.mark.parametrize(
    ("name", "shape", "rows", "keys"),
    [
        ("gsm8k-train.jsonl", "columns", 7473, {"messages"}),
        ("alpaca_en_demo.json", "alpaca", 999, {"messages"}),
        ("dpo_en_demo.json", "preference", 300, {"prompt", "chosen", "rejected"}),
        ("kto_en_demo.json", "unpaired-preference", 300, {"prompt", "completion", "label"}),
    ],
)
def test_every_row_is_converted(name: str, shape: str, rows: int, keys: set[str]) -> None:
    read = list(open_rows(SHARED / name))
    found = recognise(read[:200])
    assert (found.shape, found.share, len(read)) == (shape, 1.0, rows)
    assert all(set(to_canonical(row.values or {}, found.shape, found.columns)) == keys for row in read)


@pytest.mark.parametrize(
    ("name", "label", "shape", "columns", "usable"),
    [
        (
            "dpo_en_demo.json",
            "learn from the chosen answers",
            "columns",
            {"prompt": "conversations", "completion": "chosen"},
            300,
        ),
        (
            "kto_en_demo.json",
            "learn from the good answers, drop the others",
            "messages",
            {"messages": "messages", "label": "label"},
            150,
        ),
    ],
)
def test_sft_learns_from_preferences_by_the_way_out(
    name: str, label: str, shape: str, columns: dict[str, str], usable: int
) -> None:
    values = [row.values or {} for row in open_rows(SHARED / name)]
    way = ways_out(recognise(list(islice(open_rows(SHARED / name), 200))), SFT, values[0])[0]
    assert (way.label, shape_of(way.columns), way.columns) == (label, shape, columns)
    assert sum(_is_usable(row, shape, columns) for row in values) == usable


def _is_usable(row: dict[str, object], shape: str, columns: dict[str, str]) -> bool:
    try:
        return "messages" in to_canonical(row, shape, columns)
    except Exception as problem:
        assert "labelled as a bad answer" in str(problem)
        return False
