"""Tools that a model may call, and its calls, in the one form that chat templates take (OpenAI's).

A tool is `{"type": "function", "function": {"name", "description", "parameters"}}`; a call is
`{"type": "function", "function": {"name", "arguments"}}` with the arguments as an object, and an `id` where it has one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tuitune.rows.fields import HALF_CHARACTER, RowProblem, is_text_part, kind_of, names_of, parsed, text
from tuitune.rows.numbers import Written
from tuitune.text import clean

_CALL = 'a call such as {"name": "…", "arguments": {…}}'
_TOOL = 'a tool such as {"type": "function", "function": {"name": "…", …}}'
_TAGS = re.compile(r"</?tool_call>")


def tools_of(value: Any, field: str) -> list[dict[str, Any]]:
    """The tools in a column: a list, or one written as JSON in a text; empty where there are none."""
    if isinstance(value, str):
        value = parsed(value, field, "a list of tools", "tools") if value.strip() else None
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowProblem(field, f"expected a list of tools, found {kind_of(value)}", "tools")
    tools = [_tool(one, f"{field}[{number}]") for number, one in enumerate(value)]
    return sound(tools, field)


def _tool(value: Any, field: str) -> dict[str, Any]:
    if isinstance(value, str):
        value = parsed(value, field, _TOOL, "tools")
    described = value.get("function", value) if isinstance(value, Mapping) else value
    if isinstance(described, str) and described.lstrip()[:1] == "{":
        described = parsed(described, f"{field}.function", 'a function such as {"name": "…", …}', "tools")
    function = dict(_function(described, field, _TOOL))
    if isinstance(schema := function.get("parameters"), str) and schema.strip():
        function["parameters"] = parsed(schema, f"{field}.parameters", "a JSON schema", "tools")
    return {**value, "function": function} if "function" in value else {"type": "function", "function": function}


def _function(value: Any, field: str, expected: str) -> Mapping[str, Any]:
    """A function that is described or called: an object with a name."""
    if isinstance(value, Mapping) and isinstance(name := value.get("name"), str) and name.strip():
        return value
    found = names_of(value) if isinstance(value, Mapping) else kind_of(value)
    raise RowProblem(field, f"expected {expected}, found {found}", "tools")


def calls_of(value: Any, field: str) -> list[dict[str, Any]]:
    """The calls of an assistant turn: a list of them or a single one."""
    calls = [value] if isinstance(value, Mapping) else value
    if not isinstance(calls, list) or not calls:
        raise RowProblem(field, f"expected a list of tool calls, found {kind_of(value)}", "tools")
    found = [_call(one, f"{field}[{number}]") for number, one in enumerate(calls)]
    return sound(found, field)


def written_calls(value: Any, field: str) -> list[dict[str, Any]]:
    """The calls that a turn of role `function_call` or `tool_call` writes as JSON in its text."""
    if not isinstance(value, str):
        return calls_of(value, field)
    bodies = [body for body in _TAGS.split(value) if body.strip()]
    if not bodies:
        raise RowProblem(field, f"expected {_CALL}, found an empty text", "tools")
    found = [parsed(body, field, _CALL, "tools") for body in bodies]
    return calls_of([call for one in found for call in (one if isinstance(one, list) else [one])], field)


def _call(value: Any, field: str) -> dict[str, Any]:
    called = _function(value.get("function", value) if isinstance(value, Mapping) else value, field, _CALL)
    arguments = called.get("arguments", called.get("parameters"))
    if isinstance(arguments, str):
        arguments = parsed(arguments, f"{field}.arguments", "an object", "tools") if arguments.strip() else {}
    if arguments is not None and not isinstance(arguments, Mapping):
        raise RowProblem(f"{field}.arguments", f"expected an object, found {kind_of(arguments)}", "tools")
    call = {"type": "function", "function": {"name": called["name"], "arguments": dict(arguments or {})}}
    return {"id": value["id"], **call} if isinstance(value.get("id"), str) else call


def answer_of(value: Any, field: str) -> str:
    """What a tool answered: text, which may be empty, or an object or list, written as JSON."""
    parts = isinstance(value, list) and value and all(map(is_text_part, value))
    if isinstance(value, Mapping | list) and not parts:
        return json.dumps(sound(value, field), ensure_ascii=False)
    return text(value, field, empty=True)


def _with_plain_numbers(value: Any, field: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_plain_numbers(inner, field) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_plain_numbers(inner, field) for inner in value]
    if isinstance(value, Written):
        if not math.isfinite(value) or Decimal(value.text) != Decimal(repr(float(value))):
            shown = clean(value.text, limit=60)
            raise RowProblem(field, f"the number {shown} would lose digits; write it as text", "tools")
        return float(value)
    return value


def sound(value: Any, field: str) -> Any:
    """The value, which a template can write as JSON; RowProblem where it cannot, or would write another number."""
    try:
        value = _with_plain_numbers(value, field)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise RowProblem(field, HALF_CHARACTER, "encoding") from None
    except RecursionError:
        raise RowProblem(field, "is nested too deeply", "too-deep") from None
    except (TypeError, ValueError) as error:
        raise RowProblem(field, f"cannot be written as JSON: {error}", "tools") from None
    return value
