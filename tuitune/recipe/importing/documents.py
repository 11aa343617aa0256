"""Configuration files that somebody else wrote: read as plain data, with the line of every key, and nothing is run."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tuitune import plain
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.values import shown_key
from tuitune.text import clean

LARGEST = 256 << 10
"""Bytes of the largest configuration that is read: YAML of this size takes a few seconds."""

MOST_VALUES = 20_000
"""Values in a configuration, with every alias written out: a few bytes of aliases may stand for billions."""

DEEPEST = 64

_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")}
_TEXT_TAGS = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
_MERGE = "tag:yaml.org,2002:merge"

_UNREADABLE = {
    errno.EISDIR: "is a folder; name the configuration file in it",
    errno.EINVAL: "is not a regular file",
    errno.ENXIO: "is not a regular file",
}


class UnreadableError(TuituneError):
    """A configuration that cannot be read; `problems` name the file, and the line where it is known."""


@dataclass(frozen=True)
class Document:
    """What a file says: its keys and values, and the lines that the keys stand on, by their path."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)

    def place(self, key: str = "") -> str:
        """The file, and the line of a key or of the one that it lies in, as a message begins."""
        name = clean(str(self.path))
        while key and key not in self.lines:
            key = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]*)$", "", key)
        return f"{name}, line {self.lines[key]}" if key else name


def read(path: Path, limit: int = LARGEST) -> Document:
    """The JSON or YAML in a file. UnreadableError where it is neither, or not a table of plain values."""
    text = text_of(path, limit)
    return _json(path, text) if path.suffix.lower() == ".json" else of_yaml(path, text)


def of_yaml(path: Path, text: str, first: int = 1) -> Document:
    """The table that YAML `text` is, whose first line is line `first` of a file; UnreadableError as `read`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise UnreadableError(Problem(clean(str(path)), "is empty; expected the configuration of a trainer"))
        if not isinstance(node, yaml.MappingNode):
            raise _Wrong(node, f"expected keys and values, found {_kind(node)}")
        _size(node, {}, 0)
        lines = {key: line + first for key, line in _lines(loader, node)}
        return Document(path, _value(loader, node), lines)
    except _Wrong as error:
        line = error.node.start_mark.line + first
        raise UnreadableError(Problem(f"{clean(str(path))}, line {line}", str(error))) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{clean(str(path))}, line {mark.line + first}" if mark else clean(str(path))
        raise UnreadableError(Problem(place, f"is not YAML: {clean(error.problem or str(error), limit=160)}")) from None
    except (yaml.YAMLError, RecursionError) as error:
        wrong = "is nested too deeply" if isinstance(error, RecursionError) else f"is not YAML: {error}"
        raise UnreadableError(Problem(clean(str(path)), clean(wrong, limit=200))) from None
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which takes `1e-4` for the number that it is in YAML 1.2 and for every trainer."""


_Loader.yaml_implicit_resolvers = {key: list(found) for key, found in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
)


class _Wrong(Exception):  # noqa: N818
    def __init__(self, node: yaml.Node, message: str) -> None:
        super().__init__(message)
        self.node = node


def _size(node: yaml.Node, sizes: dict[int, int], depth: int) -> int:
    """Values in a node with every alias written out. _Wrong where they are too many, too deep or within themselves."""
    if id(node) in sizes:
        if sizes[id(node)] == 0:
            raise _Wrong(node, "an alias stands within itself")
        return sizes[id(node)]
    if depth > DEEPEST:
        raise _Wrong(node, f"is nested more than {DEEPEST} deep")
    sizes[id(node)] = 0
    size = 1 + sum(_size(part, sizes, depth + 1) for part in _parts(node))
    if size > MOST_VALUES:
        raise _Wrong(node, f"has more than {MOST_VALUES:,} values, with aliases written out")
    sizes[id(node)] = size
    return size


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _value(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {key: _value(loader, inner) for key, inner in _pairs(loader, node).items()}
    if node.tag in _TEXT_TAGS:
        return node.value
    if node.tag not in _PLAIN_TAGS:
        raise _Wrong(node, f"{clean(node.tag, limit=60)} is not plain data; write the value itself")
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, part) for part in node.value]
    try:
        value = loader.construct_object(node)
    except (ValueError, LookupError, OverflowError):
        raise _Wrong(node, f"{clean(node.value, limit=40)} is not a value of its kind") from None
    if isinstance(value, str) and "\0" in value:
        raise _Wrong(node, "a text has a NUL in it")
    return value


def _pairs(loader: _Loader, node: yaml.MappingNode) -> dict[str, yaml.Node]:
    """Keys and what they stand for; those merged in (`<<`) count where the table has none of its own."""
    if node.tag not in _PLAIN_TAGS:
        raise _Wrong(node, f"{clean(node.tag, limit=60)} is not plain data; write the value itself")
    own: dict[str, yaml.Node] = {}
    merged: dict[str, yaml.Node] = {}
    for key, inner in node.value:
        if key.tag == _MERGE:
            for table in inner.value if isinstance(inner, yaml.SequenceNode) else [inner]:
                if not isinstance(table, yaml.MappingNode):
                    raise _Wrong(table, f"expected a table to merge, found {_kind(table)}")
                merged = {**_pairs(loader, table), **merged}
            continue
        if not isinstance(key, yaml.ScalarNode):
            raise _Wrong(key, f"expected a name as key, found {_kind(key)}")
        if key.value in own:
            raise _Wrong(key, f"{shown_key(key.value)} is there twice; remove one")
        own[key.value] = inner
    return {**merged, **own}


def _lines(loader: _Loader, node: yaml.Node, prefix: str = "") -> Iterator[tuple[str, int]]:
    """The path of every key, `datasets[0].path`, with its line, counted from 0."""
    if isinstance(node, yaml.MappingNode):
        for key, inner in _pairs(loader, node).items():
            path = f"{prefix}.{key}" if prefix else key
            yield path, inner.start_mark.line
            yield from _lines(loader, inner, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, inner in enumerate(node.value):
            yield f"{prefix}[{number}]", inner.start_mark.line
            yield from _lines(loader, inner, f"{prefix}[{number}]")


def _kind(node: yaml.Node) -> str:
    return {yaml.MappingNode: "a table", yaml.SequenceNode: "a list"}.get(type(node), "a single value")


def _json(path: Path, text: str) -> Document:
    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
            raise ValueError(f"{shown_key(twice)} is there twice; remove one")
        return found

    def number(text: str) -> Any:
        raise ValueError(f"{text} is not a JSON number")

    name = clean(str(path))
    try:
        values = json.loads(text, object_pairs_hook=table, parse_constant=number)
    except json.JSONDecodeError as error:
        raise UnreadableError(Problem(f"{name}, line {error.lineno}", f"is not JSON: {error.msg}")) from None
    except (ValueError, RecursionError) as error:
        wrong = "is nested too deeply" if isinstance(error, RecursionError) else clean(str(error), limit=160)
        raise UnreadableError(Problem(name, wrong)) from None
    if not isinstance(values, dict):
        raise UnreadableError(Problem(name, "expected a JSON object of keys and values"))
    if "\\u0000" in text:
        raise UnreadableError(Problem(name, "a text has a NUL in it"))
    keys = [(line, found[1]) for line, one in enumerate(text.splitlines(), 1) if (found := _KEY.match(one))]
    return Document(path, values, {key: line for line, key in reversed(keys) if key in values})


_KEY = re.compile(r'\s*\{?\s*"([^"\\]+)"\s*:')


def text_of(path: Path, limit: int = LARGEST) -> str:
    """The text of a plain file; UnreadableError as `read`."""
    name = clean(str(path))
    try:
        content = plain.read(path, limit)
    except FileNotFoundError:
        raise UnreadableError(Problem(name, "no such file")) from None
    except OSError as error:
        large = f"is larger than {limit >> 10:,} KiB, too large for a configuration"
        wrong = large if error.errno == errno.EFBIG else _UNREADABLE.get(error.errno or 0)
        raise UnreadableError(Problem(name, wrong or f"cannot be read: {error.strerror or error}")) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(Problem(f"{name}, line {line}", "is not UTF-8 text; save the file as UTF-8")) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableError(Problem(f"{name}, line {line}", "has a NUL in it, so it is not a text file"))
    return text
