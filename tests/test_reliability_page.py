"""The page of promises names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs/reliability.md"


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 50
    missing = [f"{file}::{name}" for file, name in named if not _defines(TESTS / file, name)]
    assert missing == []


def _defines(file: Path, name: str) -> bool:
    return file.is_file() and re.search(rf"^(async )?def {name}\(", file.read_text(encoding="utf-8"), re.M) is not None
