"""What the screen has done to data is done by processes that are forked off a warm one."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def at_once(warm: None) -> None:
    """Tasks begin at once."""
