"""The laboratory: engines that are forked off one process with torch in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.tools.engines import Engines


@pytest.fixture(scope="session")
def engines(warm_server: Path) -> Iterator[Engines]:
    with Engines(warm_server) as child:
        yield child


@pytest.fixture(scope="module")
def home_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `TUITUNE_HOME` for runs that several tests of a module look at."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("TUITUNE_HOME", str(home))
        yield home
