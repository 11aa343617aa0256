"""Rows that several objectives learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import write_rows


def pair(number: int) -> dict[str, Any]:
    asked = f"Where is order {number}? " + "please " * (number % 4)
    return {"prompt": asked, "chosen": f"Order {number} is late.", "rejected": f"Ask {number} others, not me."}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "pairs.jsonl", [pair(number) for number in range(40)])
