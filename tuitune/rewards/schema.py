"""A JSON schema that an answer has to fit, as jsonschema judges it. What it refers to is in its own file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuitune import plain
from tuitune.rewards.descriptor import Attempt, Reward, RewardSettings, Score
from tuitune.rewards.valid_json import NONE, value

_LARGEST = 1 << 20
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def _prepare(settings: RewardSettings) -> Score:
    try:
        schema = json.loads(plain.read(Path(settings.schema_file).expanduser(), _LARGEST))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"rewards.schema_file cannot be read as JSON: {error}") from None
    try:
        validator = _validator(schema)
    except ValueError as error:
        raise ValueError(f"rewards.schema_file is no schema to judge by: {error}") from None

    def score(answer: Attempt) -> float:
        found = value(answer.text)
        return float(found is not NONE and validator.is_valid(found))

    return score


def _validator(schema: Any) -> Any:
    """What judges by a schema; ValueError where it is none, nothing fits it, or part of it cannot be judged by."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from jsonschema_specifications import REGISTRY
    from referencing.jsonschema import specification_with

    dialect = schema.get("$schema") if isinstance(schema, Mapping) else None
    kind = validator_for(schema, default=None) if isinstance(dialect, str) else Draft202012Validator
    if kind is None:
        raise ValueError(f"its $schema {dialect!r} is not known; take it out")
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(error.message) from None
    if schema is False:
        raise ValueError("nothing fits `false`")
    root = specification_with(kind.ID_OF(kind.META_SCHEMA)).create_resource(schema)
    _look_through(root, REGISTRY.resolver_with_root(root), {*kind.FORMAT_CHECKER.checkers}, set())
    validator = kind(schema, registry=REGISTRY, format_checker=kind.FORMAT_CHECKER)
    examples: tuple[Any, ...] = ({}, [], "", 0)
    try:
        for example in examples:
            validator.is_valid(example)
    except RecursionError:
        raise ValueError("it refers to itself without end") from None
    return validator


def _look_through(part: Any, resolver: Any, formats: set[str], seen: set[int]) -> None:
    """Look at a part of a schema, at all within it and behind its references; ValueError where a reference leads out
    of the file or nowhere, or a format is not judged.
    """
    from referencing import Resource
    from referencing.exceptions import Unresolvable

    contents = part.contents
    if not isinstance(contents, Mapping) or id(contents) in seen:
        return
    seen.add(id(contents))
    if (wanted := contents.get("format")) and wanted not in formats:
        raise ValueError(
            f"its format {wanted!r} is not judged here; take it out, or `pip install 'jsonschema[format]'`"
        )
    for reference in (contents[name] for name in _REFERENCES if name in contents):
        try:
            found = resolver.lookup(reference)
        except (Unresolvable, ValueError):
            raise ValueError(f"it refers to {reference!r}, which is not in the file") from None
        there = Resource.from_contents(found.contents, default_specification=part._specification)
        _look_through(there, found.resolver, formats, seen)
    for within in part.subresources():
        _look_through(within, resolver.in_subresource(within), formats, seen)


SCHEMA = Reward(
    "schema",
    "JSON of the schema",
    "1 for JSON that fits a schema",
    _prepare,
    settings=("schema_file",),
    filled=("schema_file",),
    package="jsonschema",
)
