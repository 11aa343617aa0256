"""Our own sources: no text that is not a literal reaches a widget as a string, where Textual would read it as markup.

A string is only taken for a literal where it is one in the source. Everything else handed to the calls and attributes
below must be `Content` or `Text`, by construction or by the annotation of what made it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tuitune.tui

ROOT = Path(tuitune.tui.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))

MARKUP_CALLS = {
    "Static", "Label", "Button", "Checkbox", "RadioButton", "Switch", "Collapsible", "TabPane", "TabbedContent", "Tab",
    "Tree", "OptionList", "Option", "Selection", "SelectionList", "Select", "ListItem", "Link", "Placeholder", "Digits",
    "add_row", "add_column", "add_columns", "add_rows", "update_cell", "update_cell_at", "add_option", "add_options",
    "from_markup", "from_ansi", "update",
}  # fmt: skip
MARKUP_ATTRIBUTES = {"border_title", "border_subtitle", "tooltip", "label", "loading_text"}
FORBIDDEN_NAMES = {"LoadingIndicator", "Footer", "Header", "Markdown", "MarkdownViewer", "RichLog", "Log", "escape"}
FORBIDDEN_MODULES = {"textual.markup", "rich.markup"}
MAKERS = {
    "Content",
    "Text",
    "assemble",
    "styled",
    "blank",
    "join",
    "truncate",
    "stylize",
    "stylize_before",
    "pad_right",
    "pad_left",
}
KEYWORDS = {
    "id",
    "classes",
    "name",
    "key",
    "width",
    "disabled",
    "compact",
    "variant",
    "flat",
    "layout",
    "update_width",
    "expand",
    "shrink",
}


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def called(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def content_makers(tree: ast.Module) -> set[str]:
    """Functions and names of this module whose annotation says that they are Content or Text (or sequences of them)."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.returns is not None and is_content_annotation(node.returns):
                names.add(node.name)
            for argument in [*node.args.args, *node.args.kwonlyargs]:
                if argument.annotation is not None and is_content_annotation(argument.annotation):
                    names.add(argument.arg)
        elif isinstance(node, ast.AnnAssign) and is_content_annotation(node.annotation):
            names.add(called(node.target))
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and called(node.value.func) in MAKERS | {"from_markup"}
        ):
            names.update(called(target) for target in node.targets)
    return names


def is_content_annotation(annotation: ast.expr) -> bool:
    """Content, Text, or containers of these alone; a union with str is not enough."""
    words = {called(node) for node in ast.walk(annotation) if isinstance(node, ast.Name | ast.Attribute)}
    return bool(words & {"Content", "Text", "ContentText"}) and "str" not in words


def safe(node: ast.expr, known: set[str]) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr():
            return False
        case ast.Call():
            name = called(node.func)
            if name == "from_markup":
                return bool(node.args) and isinstance(node.args[0], ast.Constant)
            return name in MAKERS or name in known
        case ast.Name() | ast.Attribute():
            return called(node) in known
        case ast.IfExp():
            return safe(node.body, known) and safe(node.orelse, known)
        case ast.BinOp(op=ast.Add()):
            sides = (node.left, node.right)
            return any(safe(side, known) and not isinstance(side, ast.Constant) for side in sides)
        case ast.GeneratorExp() | ast.ListComp():
            return safe(node.elt, known)
        case ast.Starred():
            return safe(node.value, known)
        case ast.List() | ast.Tuple():
            return all(safe(element, known) for element in node.elts)
    return False


def offences(tree: ast.Module, imported: set[str]) -> Iterator[tuple[int, str]]:
    known = content_makers(tree) | imported
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node.func) in MARKUP_CALLS and not is_dict_update(node):
            if called(node.func) == "from_markup":
                if not (node.args and isinstance(node.args[0], ast.Constant)):
                    yield node.lineno, "from_markup needs a literal"
                continue
            values = [*node.args[:1], *(word.value for word in node.keywords if word.arg not in KEYWORDS)]
            for value in values:
                if not safe(value, known):
                    yield node.lineno, f"{called(node.func)}({ast.unparse(value)})"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if (
                    isinstance(target, ast.Attribute)
                    and target.attr in MARKUP_ATTRIBUTES
                    and not safe(node.value, known)
                ):
                    yield node.lineno, f"{ast.unparse(target)} = {ast.unparse(node.value)}"


def is_dict_update(node: ast.Call) -> bool:
    """`update` of a mapping, as opposed to that of a widget, takes a mapping or keywords alone."""
    if called(node.func) != "update":
        return False
    value = node.args[0] if node.args else None
    made = isinstance(value, ast.Call) and called(value.func) in ("fromkeys", "dict", "zip")
    return value is None or made or isinstance(value, ast.Dict | ast.DictComp)


CONTENT_FUNCTIONS = {name for path in SOURCES for name in content_makers(tree_of(path)) if not name.startswith("__")}


def made_elsewhere(tree: ast.Module) -> set[str]:
    """What this module imports from our own rooms that is annotated there as Content."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tuitune.tui")
        for alias in node.names
        if alias.name in CONTENT_FUNCTIONS
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_foreign_string_is_handed_to_a_widget(path: Path) -> None:
    tree = tree_of(path)
    found = [f"{path.name}:{line}: {what}" for line, what in offences(tree, made_elsewhere(tree))]
    assert not found, "\n".join(["not Content, Text or a literal:", *found])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_forbidden_is_imported(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.module not in FORBIDDEN_MODULES, f"{path.name}:{node.lineno}"
            if (node.module or "").startswith(("textual", "rich")):
                banned = {alias.name for alias in node.names} & FORBIDDEN_NAMES
                assert not banned, f"{path.name}:{node.lineno}: {banned}"


@pytest.mark.parametrize(
    "code",
    [
        "Static(name)",
        "Static(f'[b]{name}[/b]')",
        "Label('a' + name)",
        "Button(str(name))",
        "table.add_row(name)",
        "table.add_column(name)",
        "self.border_title = name",
        "self.tooltip = f'{name}'",
        "OptionList(*names)",
        "widget.update(name)",
        "Content.from_markup(name)",
        "Static(Content.from_markup(f'[b]{name}'))",
        "Static(content=name)",
    ],
)
def test_the_lint_finds(code: str) -> None:
    assert list(offences(ast.parse(code), set()))


@pytest.mark.parametrize(
    "code",
    [
        "Static('literal [b]text[/b]')",
        "Static(Content(name))",
        "Static(Content.from_markup('[b]$x[/b]', x=name))",
        "Static(id='x')",
        "table.add_row(Text(name))",
        "self.border_title = Content(name)",
        "def line(x) -> Content: ...\nStatic(line(name))",
        "known.update({'a': 1})",
    ],
)
def test_the_lint_passes(code: str) -> None:
    assert not list(offences(ast.parse(code), set()))
