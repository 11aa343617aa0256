"""The laboratory: one process with torch in it for all the tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.tools.engines import Engines


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("engines")) as server:
        yield server


@pytest.fixture(scope="module")
def home_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `TUITUNE_HOME` for runs that several tests of a module look at."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("TUITUNE_HOME", str(home))
        yield home
