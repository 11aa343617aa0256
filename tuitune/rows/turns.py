"""Turns of a conversation: the spellings that data sets use, made one."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tuitune.rows.column_names import DIALOGUE, ROLE_KEYS, exchange
from tuitune.rows.fields import RowProblem, kind_of, names_of, parsed, parted, quoted, text
from tuitune.rows.tool_calls import answer_of, calls_of, written_calls

Turn = dict[str, Any]
"""`{"role": "system" | "user" | "assistant" | "tool", "content": str}`; an assistant turn may have `tool_calls` (its
content is then often empty), `reasoning_content` or `thinking`, and a `weight` other than 1: 0 where it is not to be
learned. A turn has perhaps the `name` of who speaks, one of a tool a `tool_call_id`."""

_TOOL_ANSWERS = ("tool_response", "function_response", "tool_result")
_NAMES_OF = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "bing", "bard", "model", "ai", "ai_assistant", "llm"),
    "tool": ("tool", "tools", "function", "observation", "ipython", *_TOOL_ANSWERS),
}
ROLES = {name: role for role, names in _NAMES_OF.items() for name in names}
"""Roles by the names that data sets give them."""

CALLING = frozenset({"function_call", "tool_call", "function-call"})
"""Roles of a turn in which the assistant calls tools."""

TEXT_KEYS = ("content", "value", "text", "message")
REASONING = ("reasoning_content", "thinking", "reasoning")
"""Keys of what an assistant turn thinks before it answers."""

CALL_KEYS = ("tool_calls", "function_call")
_ORIGIN = ("name", "tool_call_id")
WEIGHTS = ("weight", "loss_weight", "loss", "loss_scale", "train", "training")
"""Keys of a turn that tell how much it is learned: a number, or true or false."""

_AFTER = {
    "system": ("",),
    "user": ("", "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
_CONTEXT = {"weight": 0}
SPEAKER = re.compile(r"\n\n(Human|Assistant):")
"""What opens a turn in a conversation that is written as one text."""


def check_order(turns: Sequence[Turn], field: str) -> None:
    """RowProblem unless the turns follow each other as chat templates expect, and an answer among them is learned."""
    previous = ""
    answers: list[Turn] = []
    for number, one in enumerate(turns):
        role = one["role"]
        if previous not in _AFTER[role]:
            raise RowProblem(f"{field}[{number}]", _misplaced(role, previous), "role-order")
        if role == "assistant":
            answers.append(one)
        previous = role
    if not answers:
        raise RowProblem(field, "no assistant turn, so nothing to learn from", "no-answer")
    if not any(map(is_learned, answers)):
        raise RowProblem(field, "every answer has weight 0, so nothing to learn from", "no-answer")


def turns_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The turns of a row as training takes it, of its prompt and its answers where it has these; none of texts."""
    parts = (row.get(key) for key in ("messages", "prompt", "chosen", "rejected", "completion"))
    return [one for part in parts if isinstance(part, list) for one in part]


def is_learned(one: Mapping[str, Any]) -> bool:
    """Whether an answer is learned: not where it has weight 0, which makes it context."""
    return one.get("weight") != 0


def as_context(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with none of the answers among them to be learned."""
    return [{**one, **_CONTEXT} if one["role"] == "assistant" else one for one in turns]


def without_learning(turns: Sequence[Turn], numbers: Collection[int]) -> list[Turn]:
    """The turns with the answers of these numbers, from 1, as context. RowProblem where none is left to learn."""
    found = [
        {**one, **_CONTEXT} if number in numbers and one["role"] == "assistant" else one
        for number, one in enumerate(turns, 1)
    ]
    if not any(one["role"] == "assistant" and is_learned(one) for one in found):
        raise RowProblem("", "data.unlearned leaves no answer of it to learn", "no-answer")
    return found


def per_answer(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """The conversation up to each answer that is learned, which alone is learned in it."""
    for place, one in enumerate(turns):
        if one["role"] == "assistant" and is_learned(one):
            yield [*as_context(turns[:place]), one]


def _misplaced(role: str, previous: str) -> str:
    if role == "system":
        return "a system turn comes first or not at all"
    if role == previous:
        return f"two {role} turns in a row"
    if role == "assistant":
        return "the conversation begins with the assistant; a user turn comes first"
    if role == "tool":
        return "a tool result follows an assistant turn; none comes before it"
    return "an assistant turn must follow a tool result"


def turn_list(value: Any, field: str) -> list[Turn]:
    """The turns in a list, each checked alone. A text may hold them as JSON, or as `Human:` and `Assistant:`."""
    if isinstance(value, str):
        if value.startswith(DIALOGUE):
            return dialogue(value, field)
        if value.lstrip()[:1] == "[":
            value = parsed(value, field, "a list of turns")
    if not isinstance(value, list):
        found = kind_of(value)
        raise RowProblem(field, f"expected a list of turns, found {found}", "missing" if value is None else "type")
    if not value:
        raise RowProblem(field, "the conversation is empty", "empty")
    turns = []
    for number, one in enumerate(value):
        where = f"{field}[{number}]"
        if isinstance(one, dict) and "role" not in one and "from" not in one and (pair := exchange(one)):
            turns += _exchanged(one, pair, where, opening=not number)
        else:
            turns.append(turn(one, where))
    return turns


def _exchanged(item: Mapping[str, Any], pair: tuple[str, str], field: str, *, opening: bool) -> list[Turn]:
    """A question and its answer that share a list item, after a system text in the first."""
    asked, said = (text(item[key], f"{field}.{key}") for key in pair)
    system = item.get("system") if opening else None
    before = [said_by("system", text(system, f"{field}.system"))] if system else []
    return [*before, said_by("user", asked), _weighed(said_by("assistant", said), item, field)]


def turn(value: Any, field: str) -> Turn:
    """One turn, in any of the spellings: role and content, from and value, with tool calls or without. A key with
    nothing in it counts as absent, as in a table, which has every key in all rows; a tool may answer nothing.
    """
    if not isinstance(value, dict):
        kind = "missing" if value is None else "type"
        raise RowProblem(field, f"expected a turn with role and content, found {kind_of(value)}", kind)
    if None in value.values():
        value = {key: one for key, one in value.items() if one is not None}
    role_key, text_key = turn_keys(value)
    name = value.get(role_key)
    role = ROLES.get(name) or ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role == "assistant":
        return _assistant(value, text_key, field)
    if role == "tool" and value.keys() <= {role_key, *_ORIGIN}:
        value = {**value, text_key: ""}
    if text_key not in value or role_key not in value:
        raise _without(text_key if role_key in value else role_key, value, field)
    if role == "tool":
        origin = {key: value[key] for key in _ORIGIN if isinstance(value.get(key), str)}
        return {"role": role, "content": answer_of(value[text_key], f"{field}.{text_key}"), **origin}
    if role:
        spoken = {"role": role, "content": _spoken(value[text_key], field, text_key)}
        return _named(spoken, value) if "name" in value else spoken
    if isinstance(name, str) and name.strip().lower() in CALLING:
        calls = written_calls(value[text_key], f"{field}.{text_key}")
        return _weighed({"role": "assistant", "content": "", "tool_calls": calls}, value, field)
    shown = quoted(name) if isinstance(name, str) else kind_of(name)
    kind = "missing" if name is None else "type"
    raise RowProblem(f"{field}.{role_key}", f"expected system, user, assistant or tool, found {shown}", kind)


def _without(key: str, value: Mapping[str, Any], field: str) -> RowProblem:
    return RowProblem(field, f"the turn has no '{key}'; it has {names_of(value)}", "missing")


def _assistant(value: Mapping[str, Any], text_key: str, field: str) -> Turn:
    said = value.get(text_key)
    where, thought = f"{field}.{text_key}", ""
    called: list[Any] = []
    if isinstance(said, list):
        said, thought, called = parted(said, where)
    one: Turn = {"role": "assistant"}
    if (key := next((key for key in CALL_KEYS if value.get(key)), None)) or called:
        calls = calls_of(value[key], f"{field}.{key}") if key else []
        calls += [call for one in called for call in written_calls(one, where)]
        one |= {"content": text(said or None, where, empty=True), "tool_calls": calls}
    elif text_key in value:
        one["content"] = _spoken(said, field, text_key)
    else:
        raise _without(text_key, value, field)
    if thought:
        one["reasoning_content"] = thought
    for reasoning in REASONING:
        if value.get(reasoning) not in (None, "", True, False):
            one[reasoning] = text(value[reasoning], f"{field}.{reasoning}")
    return _weighed(_named(one, value), value, field)


def _named(one: Turn, value: Mapping[str, Any]) -> Turn:
    name = value.get("name")
    return {**one, "name": name} if isinstance(name, str) and name.strip() else one


def _weighed(one: Turn, value: Mapping[str, Any], field: str) -> Turn:
    """The answer, marked where it is not to be learned as others are; the least of its weights counts."""
    weights = [weight_of(value[key], f"{field}.{key}") for key in WEIGHTS if value.get(key) is not None]
    told = [weight for weight in weights if weight != 1]
    return {**one, "weight": min(told)} if told else one


def weight_of(value: Any, field: str) -> float:
    """How much something is learned: 0 not at all, 1 as usual. RowProblem where that is no such number."""
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, int | float):
        found = quoted(value) if isinstance(value, str) else kind_of(value)
        raise RowProblem(field, f"expected 0 or 1, true or false, found {found}", "type")
    if not 0 <= value < math.inf:
        found = "a number below 0" if value < 0 else "a number that is not finite"
        raise RowProblem(field, f"expected 0 or 1, true or false, found {found}", "type")
    return 0 if value == 0 else float(value)


def _spoken(value: Any, field: str, key: str) -> str:
    """What a turn says; most by far is plain text, which is let through at once."""
    if isinstance(value, str) and value.isascii() and value and not value.isspace():
        return value
    return text(value, f"{field}.{key}")


def turn_keys(value: Mapping[str, Any]) -> tuple[str, str]:
    """The keys of role and text in a turn: `from` and `value` where they are there, else `role` and `content`."""
    if "role" in value and "content" in value:
        return "role", "content"
    if "role" not in value and "from" in value and "value" in value:
        return "from", "value"
    role = next((key for key in ROLE_KEYS if key in value), "role")
    spoken = next((key for key in TEXT_KEYS if key in value), "value" if role == "from" else "content")
    return role, spoken


def dialogue(value: str, field: str) -> list[Turn]:
    """The turns of a conversation written as one text; an `Assistant:` at the end with nothing after it opens none."""
    speakers = SPEAKER.split(value)[1:]
    turns = [
        said_by("user" if speaker == "Human" else "assistant", said.strip())
        for speaker, said in zip(speakers[::2], speakers[1::2], strict=True)
    ]
    if turns and turns[-1] == said_by("assistant", ""):
        turns.pop()
    for number, one in enumerate(turns):
        text(one["content"], f"{field}[{number}]")
    return turns


def said_by(role: str, content: str) -> Turn:
    """A turn of `role`."""
    return {"role": role, "content": content}
