"""The shape of the house: no circle of files, no folder or file that has outgrown its question, one name a thing."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES, LINES = 20, 400


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in (ROOT / "tuitune").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """The modules of tuitune that a file imports: also within functions, and for types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module in modules():
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules() else node.module for name in names)


def test_no_circle_of_files() -> None:
    graph = {name: set(imports(path)) - {name} for name, path in modules().items()}
    while free := {name for name, needed in graph.items() if not needed & graph.keys()}:
        graph = {name: needed for name, needed in graph.items() if name not in free}
    assert not sorted(graph), "these import one another"


def test_no_folder_of_more_files_than_one_can_look_over() -> None:
    counts = Counter(path.parent for top in ("tuitune", "tests") for path in (ROOT / top).rglob("*.py"))
    assert {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > FILES} == {}


def test_no_file_that_answers_more_than_one_question() -> None:
    counts = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert {name: count for name, count in counts.items() if count > LINES} == {}


def test_a_class_has_a_name_of_its_own() -> None:
    names = Counter(
        node.name
        for path in modules().values()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []
