"""A row of a recognised shape, made into what supervised fine-tuning takes; or the field that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tuitune.data.rows.column_names import CONVERSATIONS, SYSTEMS, TEXTS, TOOLS, first, pair_columns
from tuitune.data.rows.fields import RowProblem, kind_of, names_of, quoted, text, value_of
from tuitune.data.rows.tool_calls import tools_of
from tuitune.data.rows.turns import WEIGHTS, Turn, check_order, conversation, said_by, turn, turn_list

Columns = Mapping[str, str]
_TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def to_canonical(values: Mapping[str, Any], shape: str, columns: Columns | None = None) -> dict[str, Any]:
    """A row of a shape as supervised fine-tuning takes it. `columns` maps roles to columns, as `Detection` gives them.

    Plain text is `{"text"}`, a prompt and completion of plain strings `{"prompt", "completion"}`; everything else
    becomes `{"messages"}`, with `"tools"` where the row has some. Where `columns` names a label, rows labelled as bad
    answers are refused. RowProblem names the field that is wrong.
    """
    converter = _CONVERTERS.get(shape)
    if converter is None:
        raise RowProblem("", f"rows of the shape {quoted(shape)} have no one answer to learn from")
    columns = columns or {}
    if "label" in columns and not truth(value_of(values, columns["label"]), columns["label"]):
        raise RowProblem(columns["label"], "labelled as a bad answer, so there is nothing to learn from", "no-answer")
    for name in WEIGHTS:
        if isinstance(weight := values.get(name), bool | int | float) and weight == 0:
            shown = str(weight).lower()
            raise RowProblem(name, f"is {shown}, so there is nothing to learn from the row", "no-answer")
    return converter(values, columns)


def _from_chat(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    column = columns.get("messages") or first(CONVERSATIONS, values) or "messages"
    turns = conversation(value_of(values, column), column)
    return with_tools(values, columns, {"messages": with_system(values, columns, turns)})


def _from_alpaca(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    output = columns.get("output", "output")
    answer = text(value_of(values, output), output)
    asked = instruction(values, columns.get("instruction", "instruction"), columns.get("input", "input"))
    turns = [*_history(values), said_by("user", asked), said_by("assistant", answer)]
    return with_tools(values, columns, {"messages": with_system(values, columns, turns)})


def instruction(values: Mapping[str, Any], asked: str, given: str) -> str:
    """An instruction and, a blank line below, what it is about."""
    question = text(value_of(values, asked), asked)
    extra = text(values.get(given), given, empty=True)
    return f"{question}\n\n{extra}" if extra.strip() else question


def _history(values: Mapping[str, Any]) -> list[Turn]:
    """LLaMA-Factory's `history`: earlier pairs of question and answer."""
    history = values.get("history") or []
    if not isinstance(history, list):
        raise RowProblem("history", f"expected a list of pairs, found {kind_of(history)}", "type")
    turns = []
    for number, pair in enumerate(history):
        where = f"history[{number}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise RowProblem(where, "expected a question and its answer", "type")
        turns += [said_by("user", text(pair[0], where)), said_by("assistant", text(pair[1], where))]
    return turns


def _from_pair(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    if "text" in columns:
        return _from_text(values, columns)
    if "prompt" not in columns or "completion" not in columns:
        found = pair_columns(values)
        if found is None:
            message = f"no pair of columns such as question and answer; it has {names_of(values)}"
            raise RowProblem("", message, "missing")
        columns = {**found, **columns}
    prompt = side(value_of(values, columns["prompt"]), columns["prompt"], "user")
    completion = side(value_of(values, columns["completion"]), columns["completion"], "assistant")
    turns = with_system(values, columns, [*prompt, *completion])
    check_order(turns, columns["completion"])
    return with_tools(values, columns, {"messages": turns})


def _from_prompt_completion(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    prompt, completion = columns.get("prompt", "prompt"), columns.get("completion", "completion")
    given, answer = value_of(values, prompt), value_of(values, completion)
    turns = isinstance(given, list | dict) or isinstance(answer, list | dict)
    if turns or "system" in columns or says_beside(values, columns):
        return _from_pair(values, {**columns, "prompt": prompt, "completion": completion})
    return {"prompt": text(given, prompt), "completion": text(answer, completion)}


def _from_text(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    column = columns.get("text") or first(TEXTS, values) or "text"
    return {"text": text(value_of(values, column), column)}


def side(value: Any, column: str, role: str) -> list[Turn]:
    """One side of a pair: plain text said by `role`, a turn, or turns."""
    if isinstance(value, Mapping):
        return [turn(value, column)]
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and "type" not in value[0]:
        return turn_list(value, column)
    return [said_by(role, text(value, column))]


def with_system(values: Mapping[str, Any], columns: Columns, turns: list[Turn]) -> list[Turn]:
    """The turns after what the system column says, unless they have a system turn of their own."""
    column = columns.get("system") or first(SYSTEMS, values)
    if column is None or turns[0]["role"] == "system":
        return turns
    said = text(values.get(column), column, empty=True)
    return [said_by("system", said), *turns] if said.strip() else turns


def says_beside(values: Mapping[str, Any], columns: Columns) -> bool:
    """Whether a row has a system text or tools of its own, which only a conversation can hold."""
    system = values.get(columns.get("system") or first(SYSTEMS, values) or "")
    return bool(system.strip() if isinstance(system, str) else system) or "tools" in with_tools(values, columns, {})


def with_tools(values: Mapping[str, Any], columns: Columns, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the tools that the model is told of, where there are any."""
    column = columns.get("tools") or first(TOOLS, values)
    tools = tools_of(values.get(column), column) if column else None
    return {**row, "tools": tools} if tools else row


def truth(value: Any, field: str) -> bool:
    """A label that calls an answer good or bad: true or false, 1 or 0, also written as text."""
    if isinstance(value, str):
        found = _TRUTHS.get(value.strip().lower())
    else:
        found = bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None
    if found is None:
        shown = quoted(value) if isinstance(value, str) else kind_of(value)
        raise RowProblem(field, f"expected true or false, found {shown}", "missing" if value is None else "type")
    return found


_CONVERTERS: dict[str, Callable[[Mapping[str, Any], Columns], dict[str, Any]]] = {
    "alpaca": _from_alpaca,
    "messages": _from_chat,
    "sharegpt": _from_chat,
    "tools": _from_chat,
    "prompt-completion": _from_prompt_completion,
    "columns": _from_pair,
    "text": _from_text,
}
