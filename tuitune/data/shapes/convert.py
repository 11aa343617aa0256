"""A row of a recognised shape, made into what training takes; or the field that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tuitune.data.shapes.detect import CONVERSATIONS, TEXTS, _pair, refusal
from tuitune.data.shapes.turns import RowProblem, Turn, conversation, kind_of, names_of, text, turn, turn_list


def to_canonical(values: Mapping[str, Any], shape: str, columns: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A row of a shape as what training takes. `columns` maps roles to columns, as `Detection` gives them.

    RowProblem names the field that is wrong. Plain text, and a prompt and completion of plain strings, stay as they
    are; everything else becomes messages.
    """
    converter = _CONVERTERS.get(shape)
    if converter is None:
        raise RowProblem("", refusal(shape) or f"unknown shape '{shape}'")
    return converter(values, columns or {})


def _from_chat(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    column = columns.get("messages") or next((name for name in CONVERSATIONS if name in values), "messages")
    turns = conversation(_value(values, column), column)
    if isinstance(values.get("system"), str) and values["system"].strip() and turns[0]["role"] != "system":
        turns = [{"role": "system", "content": values["system"]}, *turns]
    return {"messages": turns}


def _from_alpaca(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    instruction, given, output = (columns.get(role, role) for role in ("instruction", "input", "output"))
    question = text(_value(values, instruction), instruction)
    extra = text(values.get(given), given, empty=True)
    answer = text(_value(values, output), output)
    asked = f"{question}\n\n{extra}" if extra.strip() else question
    earlier = [turn for pair in _history(values) for turn in pair]
    return {"messages": [*_system(values, "system"), *earlier, _turn("user", asked), _turn("assistant", answer)]}


def _history(values: Mapping[str, Any]) -> list[tuple[Turn, Turn]]:
    """LLaMA-Factory's `history`: earlier pairs of question and answer."""
    history = values.get("history") or []
    if not isinstance(history, list):
        raise RowProblem("history", f"expected a list of pairs, found {kind_of(history)}")
    pairs = []
    for number, pair in enumerate(history):
        where = f"history[{number}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise RowProblem(where, "expected a question and its answer")
        pairs.append((_turn("user", text(pair[0], where)), _turn("assistant", text(pair[1], where))))
    return pairs


def _from_pair(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    if set(columns) == {"text"}:
        return _from_text(values, columns)
    if "prompt" not in columns or "completion" not in columns:
        found = _pair(values)
        if found is None:
            raise RowProblem("", f"no pair of columns such as question and answer; it has {names_of(values)}")
        columns = {**dict(found[1]), **columns}
    prompt = _side(values, columns["prompt"], "user")
    completion = _side(values, columns["completion"], "assistant")
    turns = [*_system(values, columns.get("system", "")), *prompt, *completion]
    return {"messages": conversation(turns, columns["completion"])}


def _from_prompt_completion(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    prompt, completion = columns.get("prompt", "prompt"), columns.get("completion", "completion")
    given, answer = _value(values, prompt), _value(values, completion)
    if "system" in columns or isinstance(given, list | dict) or isinstance(answer, list | dict):
        return _from_pair(values, {**columns, "prompt": prompt, "completion": completion})
    return {"prompt": text(given, prompt), "completion": text(answer, completion)}


def _from_text(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    column = columns.get("text") or next((name for name in TEXTS if name in values), "text")
    return {"text": text(_value(values, column), column)}


def _side(values: Mapping[str, Any], column: str, role: str) -> list[Turn]:
    """One side of a pair: plain text, a turn, or turns."""
    value = _value(values, column)
    if isinstance(value, Mapping):
        return [turn(value, column)]
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and {"role", "from"} & set(value[0]):
        return turn_list(value, column)
    return [_turn(role, text(value, column))]


def _system(values: Mapping[str, Any], column: str) -> list[Turn]:
    value = values.get(column)
    said = text(value, column, empty=True) if value is not None else ""
    return [_turn("system", said)] if said.strip() else []


def _value(values: Mapping[str, Any], column: str) -> Any:
    if column not in values:
        raise RowProblem(column, f"no such column; the row has {names_of(values)}")
    return values[column]


def _turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}


_CONVERTERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any]]] = {
    "alpaca": _from_alpaca,
    "messages": _from_chat,
    "sharegpt": _from_chat,
    "prompt-completion": _from_prompt_completion,
    "columns": _from_pair,
    "text": _from_text,
}
