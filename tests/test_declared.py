"""What the files of a folder declare, from a folder made for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from tuitune.declared import declared, modules


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of two files, and one of its own."""
    name = "of_files"
    files = {
        "__init__": "",
        "first": "from fractions import Fraction\nHALF = SAME = Fraction(1, 2)\nTEXT = '1/2'\n",
        "second": f"from fractions import Fraction\nfrom {name}.first import HALF\nTHIRD = Fraction(1, 3)\n",
        "_own": "raise RuntimeError('this is not loaded')\n",
    }
    (tmp_path / name).mkdir()
    for file, source in files.items():
        (tmp_path / name / f"{file}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for loaded in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[loaded]


def test_each_value_of_a_kind_is_found_once_in_the_order_of_the_files(package: str) -> None:
    assert [module.__name__ for module in modules(package)] == [f"{package}.first", f"{package}.second"]
    assert declared(package, Fraction) == [Fraction(1, 2), Fraction(1, 3)]
