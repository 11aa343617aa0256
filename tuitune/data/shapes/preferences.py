"""Rows that compare answers: a chosen one with a rejected one, or a single one that is labelled good or bad.

They become trl's explicit forms, `{"prompt", "chosen", "rejected"}` and `{"prompt", "completion", "label"}`, whose
sides are all turns or all plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.data.rows.column_names import (
    CONVERSATIONS,
    DIALOGUE,
    LABELS,
    PROMPTS,
    alpaca_columns,
    first,
    pair_columns,
    preference_columns,
)
from tuitune.data.rows.fields import RowProblem, quoted, text, value_of
from tuitune.data.rows.turns import Turn, check_order, dialogue, said_by, turn, turn_list
from tuitune.data.shapes.convert import Columns, instruction, says_beside, to_canonical, truth, with_system, with_tools

Side = str | list[Turn]


def to_preference(
    values: Mapping[str, Any], shape: str = "preference", columns: Columns | None = None
) -> dict[str, Any]:
    """A prompt with a chosen and a rejected answer. RowProblem names the field that is wrong.

    Where the answers hold whole conversations, their prompt is what they have in common at the beginning, as in trl's
    `extract_prompt`. Conversations written as one text (`Human:` and `Assistant:`) are taken apart first.
    """
    if shape != "preference":
        raise RowProblem("", f"expected a chosen and a rejected answer, found a row of the shape {quoted(shape)}")
    names = {"chosen": "chosen", "rejected": "rejected", **(preference_columns(values) or {}), **(columns or {})}
    chosen, rejected = (_answer(value_of(values, names[role]), names[role]) for role in ("chosen", "rejected"))
    whole = _whole(chosen) and _whole(rejected)
    if names["chosen"] in CONVERSATIONS and _whole(chosen) and not _whole(rejected):
        return _explicit(values, names, chosen[:-1], chosen[-1:], rejected)
    prompt = _prompt(values, names, whole=whole)
    if prompt is None or (isinstance(prompt, str) and whole):
        prompt, chosen, rejected = _parted(chosen, rejected, names)
    return _explicit(values, names, prompt, chosen, rejected)


def _explicit(values: Mapping[str, Any], names: Columns, prompt: Side, chosen: Side, rejected: Side) -> dict[str, Any]:
    """The row in trl's form, of a prompt and two answers to it."""
    if chosen == rejected:
        raise RowProblem(names["rejected"], "is the same as the chosen answer, so there is nothing to prefer")
    plain = isinstance(prompt, str) and isinstance(chosen, str) and isinstance(rejected, str)
    if plain and not says_beside(values, names):
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    asked = with_system(values, names, _turns(prompt, "user"))
    sides = {
        role: _following(asked, _turns(answer, "assistant"))
        for role, answer in (("chosen", chosen), ("rejected", rejected))
    }
    for role, turns in sides.items():
        _check_answer(asked, turns, names[role])
    return with_tools(values, names, {"prompt": asked, **sides})


def to_unpaired(
    values: Mapping[str, Any], shape: str = "unpaired-preference", columns: Columns | None = None
) -> dict[str, Any]:
    """A prompt, its answer, and whether that is a good one. RowProblem names the field that is wrong."""
    if shape != "unpaired-preference":
        raise RowProblem("", f"expected an answer labelled good or bad, found a row of the shape {quoted(shape)}")
    names = dict(columns or {})
    column = names.pop("label", None) or first(LABELS, values) or "label"
    label = truth(value_of(values, column), column)
    names = names or _usual(values)
    row = to_canonical(values, _shape_of(names), names)
    if "messages" not in row:
        return {**row, "label": label}
    turns = row.pop("messages")
    if turns[-1]["role"] != "assistant":
        message = "the conversation ends without an answer; the last turn is the one that is labelled"
        raise RowProblem(names.get("messages") or names.get("completion", ""), message, "no-answer")
    return {**row, "prompt": turns[:-1], "completion": turns[-1:], "label": label}


def _usual(values: Mapping[str, Any]) -> dict[str, str]:
    """The columns of prompt and answer by their usual names."""
    talk = first(CONVERSATIONS, values)
    return {"messages": talk} if talk else alpaca_columns(values) or pair_columns(values) or {}


def _shape_of(columns: Columns) -> str:
    """How prompt and answer lie in a labelled row. Plain texts in their usual columns stay plain."""
    if "messages" in columns:
        return "messages"
    if "output" in columns:
        return "alpaca"
    usual = ("prompt", "completion")
    return "prompt-completion" if all(columns.get(role, role) == role for role in usual) else "columns"


def _answer(value: Any, field: str) -> Side:
    """One of the answers: plain text, or turns, of which a single one may stand alone."""
    if isinstance(value, str) and value.startswith(DIALOGUE):
        return dialogue(value, field)
    if isinstance(value, Mapping):
        return [turn(value, field)]
    if isinstance(value, list) and not (value and isinstance(value[0], Mapping) and "type" in value[0]):
        return turn_list(value, field)
    return text(value, field)


def _prompt(values: Mapping[str, Any], names: Columns, *, whole: bool) -> Side | None:
    """What was asked: a column of text, an instruction with its input, or the turns so far; None where not named.

    Beside answers that are `whole` conversations, a column of turns is no prompt, but a copy of one of them.
    """
    column = names.get("prompt") or names.get("messages") or names.get("instruction") or first(PROMPTS, values)
    if column is None and not whole:
        column = first(CONVERSATIONS, values)
    if column is None:
        return None
    value = value_of(values, column)
    if isinstance(value, Mapping) and (inner := first(CONVERSATIONS, value)):
        return turn_list(value[inner], f"{column}.{inner}")
    given = names.get("input") or ("input" if column == "instruction" else None)
    if isinstance(value, str) and given and values.get(given):
        return instruction(values, column, given)
    return _answer(value, column)


def _whole(answer: Side) -> bool:
    """Whether an answer is a whole conversation, with what was asked in it."""
    return not isinstance(answer, str) and answer[0]["role"] != "assistant"


def _parted(chosen: Side, rejected: Side, names: Columns) -> tuple[Side, Side, Side]:
    """Common beginning and the two remainders, neither of which is empty."""
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise RowProblem(
            names["rejected"], "expected the same form as the chosen answer: both text, or both turns", "type"
        )
    end = min(len(chosen), len(rejected)) - 1
    shared = next((index for index in range(end) if chosen[index] != rejected[index]), end)
    if isinstance(chosen, str) and shared and chosen[shared - 1] == " ":
        shared -= 1
    if shared < 1:
        message = "shares no beginning with the rejected one, so what was asked is unknown; name the prompt's column"
        raise RowProblem(names["chosen"], message, "missing")
    return chosen[:shared], chosen[shared:], rejected[shared:]


def _following(asked: list[Turn], answer: list[Turn]) -> list[Turn]:
    """The answer without the prompt, where it repeats it."""
    repeats = len(answer) > len(asked) and answer[: len(asked)] == asked
    return answer[len(asked) :] if repeats else answer


def _check_answer(asked: list[Turn], answer: list[Turn], field: str) -> None:
    if answer[0]["role"] != "assistant":
        message = f"expected the assistant's turn after what was asked, found a {answer[0]['role']} turn"
        raise RowProblem(field, message, "role-order")
    check_order([*asked, *answer], field)


def _turns(value: Side, role: str) -> list[Turn]:
    return [said_by(role, value)] if isinstance(value, str) else value
