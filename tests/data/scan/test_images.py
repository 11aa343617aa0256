"""A scan looks for the files that rows of images name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuitune.data.scan.tally import Reading, Tally
from tuitune.data.sources.rows import Row


@pytest.mark.parametrize("folder", [True, False])
def test_images_that_are_not_there_are_problems_where_the_folder_is_known(tmp_path: Path, folder: bool) -> None:
    (tmp_path / "there.png").write_bytes(b"\x89PNG")
    tally = Tally(Reading("vision", folder=tmp_path if folder else None))
    for number, name in enumerate(("there.png", "gone.png"), 1):
        tally.add(Row(number, number, {"image": name, "question": "What is it?", "answer": "A cat."}))
    tally.close()
    found = [(problem.row, problem.field, problem.kind, problem.message) for problem in tally.problems]
    assert tally.rows == 2
    assert found == ([(2, "image", "vision", "there is no file gone.png")] if folder else [])
