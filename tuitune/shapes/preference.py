"""Preferences: a chosen answer and a rejected one, after a prompt of their own or with it in themselves.

They become trl's explicit form, `{"prompt", "chosen", "rejected"}`, whose sides are all turns or all plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tuitune.rows.beside import Columns, Values, instruction, says_beside, with_system, with_tools
from tuitune.rows.column_names import CONVERSATIONS, DIALOGUE, PROMPTS, conversation_column, first, opening_turn
from tuitune.rows.fields import RowProblem, text, value_of
from tuitune.rows.turns import ROLES, Turn, as_context, check_order, dialogue, said_by, turn, turn_keys, turn_list
from tuitune.shapes import doubts
from tuitune.shapes.shape import BESIDE, Canonical, Found, Roles, Shape, Sight, WayOut, Writing, listed

PREFERENCES = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("accepted", "rejected"),
    ("response_j", "response_k"),
    ("preferred", "dispreferred"),
    ("preferred_output", "non_preferred_output"),
    ("better", "worse"),
    ("winner", "loser"),
)
"""Names of the better and the worse answer, also as a part of longer names: `chosen_messages`, `answer_rejected`."""

CONVERSED = (("preferred", "rejected"), ("win", "lose"), ("positive", "negative"), ("good", "bad"))
"""Words that tell so much of whole conversations alone."""

WORSE_ALONE = ("rejected_messages", "rejected_response", "rejected")
"""Columns of a worse answer beside a conversation that ends with the better one."""

Side = str | list[Turn]

SIDES = ("chosen", "rejected")


def answers_of(row: Canonical) -> tuple[Canonical, ...]:
    """A row as rows of one answer: both sides of a preference, the one that is labelled, or the row itself."""
    if "chosen" in row:
        return sides_of(row)
    return (answering(row, "completion"),) if "label" in row else (row,)


def sides_of(row: Canonical) -> tuple[Canonical, Canonical]:
    """A row as two of one answer, the chosen one first."""
    return answering(row, "chosen"), answering(row, "rejected")


def answering(row: Canonical, said: str) -> Canonical:
    """A row as one of the answer that is `said` in it; answers that were given before are not learned."""
    asked, beside = row["prompt"], {key: row[key] for key in ("tools",) if key in row}
    if isinstance(asked, str):
        return {"prompt": asked, "completion": row[said]}
    return {"messages": [*as_context(asked), *row[said]], **beside}


def preference_columns(values: Values) -> dict[str, str] | None:
    """Columns of the better and the worse answer."""
    for chosen, rejected in PREFERENCES:
        if values.get(chosen) is not None and values.get(rejected) is not None:
            return {"chosen": chosen, "rejected": rejected}
    return _compared(values) or _beside_messages(values)


def _compared(values: Values) -> dict[str, str] | None:
    """Two columns whose names differ in the word that tells the better from the worse, of one kind."""
    for name, value in values.items():
        for better, worse in (*PREFERENCES, *(CONVERSED if isinstance(value, list) else ())):
            other = re.sub(rf"(?<![a-z]){better}(?![a-z])", worse, name, count=1)
            alike = isinstance(value, str | list | Mapping) and type(value) is type(values.get(other))
            if alike and other != name:
                return {"chosen": name, "rejected": other}
    return None


def _beside_messages(values: Values) -> dict[str, str] | None:
    """A conversation whose last answer is the better one, with the worse beside it, as ms-swift has it."""
    talk = conversation_column(values)
    worse = next((name for name in WORSE_ALONE if isinstance(values.get(name), str | list | Mapping)), None)
    return {"chosen": talk, "rejected": worse} if talk and worse else None


def _seen_in(sight: Sight) -> Found | None:
    values = sight.values
    if (compared := preference_columns(values)) is None:
        return None
    evidence = listed(compared.values())
    opening = opening_turn(values[compared["chosen"]])
    if opening is not None and ROLES.get(str(opening.get(turn_keys(opening)[0])).lower()) != "assistant":
        return Found("preference", tuple(compared.items()), f"whole conversations in {evidence}")
    prompt = first(PROMPTS, values) or conversation_column(values)
    asked = {"prompt": prompt} if prompt else {}
    if prompt == "instruction" and "input" in values:
        asked = {"instruction": "instruction", "input": "input"}
    columns = {**asked, **compared}
    return Found("preference", tuple(columns.items()), f"{prompt}, {evidence}" if prompt else evidence)


def _read(values: Values, columns: Columns) -> Canonical:
    """A prompt with a chosen and a rejected answer.

    Where the answers hold whole conversations, their prompt is what they have in common at the beginning, as in trl's
    `extract_prompt`. Conversations written as one text (`Human:` and `Assistant:`) are taken apart first.
    """
    names = {"chosen": "chosen", "rejected": "rejected", **(preference_columns(values) or {}), **columns}
    chosen, rejected = (_answer(value_of(values, names[role]), names[role]) for role in SIDES)
    whole = _whole(chosen) and _whole(rejected)
    if names["chosen"] in CONVERSATIONS and _whole(chosen) and not _whole(rejected):
        return _explicit(values, names, chosen[:-1], chosen[-1:], rejected)
    prompt = _prompt(values, names, whole=whole)
    if prompt is None or (isinstance(prompt, str) and whole):
        prompt, chosen, rejected = _parted(chosen, rejected, names)
    return _explicit(values, names, prompt, chosen, rejected)


def _explicit(values: Values, names: Columns, prompt: Side, chosen: Side, rejected: Side) -> dict[str, Any]:
    """The row in trl's form, of a prompt and two answers to it."""
    if _bare(chosen) == _bare(rejected):
        what = "is the same as" if chosen == rejected else "differs in nothing but white space from"
        raise RowProblem(names["rejected"], f"{what} the chosen answer, so there is nothing to prefer")
    plain = isinstance(prompt, str) and isinstance(chosen, str) and isinstance(rejected, str)
    if plain and not says_beside(values, names):
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    asked = with_system(values, names, _turns(prompt, "user"))
    answers = (("chosen", chosen), ("rejected", rejected))
    sides = {role: _answering(asked, answer, names[role]) for role, answer in answers}
    return with_tools(values, names, {"prompt": asked, **sides})


def _bare(answer: Side) -> Side:
    """An answer without the white space around its texts."""
    return answer.strip() if isinstance(answer, str) else [{**one, "content": one["content"].strip()} for one in answer]


def _answer(value: Any, field: str) -> Side:
    """One of the answers: plain text, or turns, of which a single one may stand alone."""
    if isinstance(value, str) and value.startswith(DIALOGUE):
        return dialogue(value, field)
    if isinstance(value, Mapping):
        return [turn(value, field)]
    if isinstance(value, list) and not (value and isinstance(value[0], Mapping) and "type" in value[0]):
        return turn_list(value, field)
    return text(value, field)


def _prompt(values: Values, names: Columns, *, whole: bool) -> Side | None:
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


def _answering(asked: list[Turn], answer: Side, field: str) -> list[Turn]:
    """The turns of an answer to what was asked, without that where they repeat it."""
    turns = _turns(answer, "assistant")
    if len(turns) > len(asked) and turns[: len(asked)] == asked:
        turns = turns[len(asked) :]
    if turns[0]["role"] != "assistant":
        message = (
            f"expected the assistant's turn after what was asked, found a {turns[0]['role']} turn: the two answers are "
            "to the same prompt"
        )
        raise RowProblem(field, message, "role-order")
    check_order([*asked, *turns], field)
    return turns


def _turns(value: Side, role: str) -> list[Turn]:
    return [said_by(role, value)] if isinstance(value, str) else value


def _doubt(row: Canonical, values: Values, columns: Columns) -> str:
    names = {**(preference_columns(values) or {}), **columns}
    asked = values.get(names.get("prompt") or first(PROMPTS, values) or "")
    if isinstance(asked, str) and isinstance(row["prompt"], list) and not _asks(row["prompt"], asked):
        return doubts.ASKED_OTHERWISE
    guessed = isinstance(row["prompt"], str) and not _has_prompt(values, names)
    if guessed and doubts.parts_within_word(row["prompt"], row["chosen"], row["rejected"]):
        return doubts.GUESSED
    if not guessed and doubts.repeats(row["prompt"], row["chosen"], row["rejected"]):
        return doubts.REPEATED
    words = next((pair for pair in (*PREFERENCES, *CONVERSED) if pair[0] in names.get("chosen", "chosen")), SIDES)
    return doubts.about_scores(values, *words) or doubts.about_pair(row["chosen"], row["rejected"])


def _has_prompt(values: Values, names: Columns) -> bool:
    return bool({"prompt", "messages", "instruction"} & names.keys() or first(PROMPTS, values))


def _asks(turns: list[Turn], text: str) -> bool:
    """Whether the turns have what a text asks, or it has their question."""
    said = [one["content"].strip() for one in turns if one["role"] != "assistant"]
    return any(text.strip() in one for one in said) or said[-1] in text


def _ways_out(columns: dict[str, str]) -> list[WayOut]:
    label, chosen = "learn from the chosen answers", columns.pop("chosen", "chosen")
    columns.pop("rejected", None)
    if "instruction" in columns:
        return [WayOut(label, {**columns, "output": chosen})]
    if "prompt" in columns:
        return [WayOut(label, {**columns, "completion": chosen})]
    return [
        WayOut("learn from the chosen conversations", {**columns, "messages": chosen}),
        WayOut("learn from the chosen texts", {"text": chosen}),
    ]


PREFERENCE = Shape(
    name="preference",
    rows_are="these are preferences (chosen and rejected answers)",
    expected="prompt, chosen and rejected, or chosen and rejected alone",
    teaches="preferences",
    roles=Roles(("prompt", "instruction", "input", "messages", "chosen", "rejected", *BESIDE), telling="rejected"),
    seen_in=_seen_in,
    read=_read,
    written=Writing(("preferences",), lambda row: [row]),
    doubt=_doubt,
    instead="to learn from the chosen answers alone, name their columns in data.columns",
    ways_out=_ways_out,
)
