"""What training takes of a sound row otherwise than it stands there: numbers as text, and what nobody reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

from tuitune.rows.column_names import CONVERSATIONS, PROMPTS, ROLE_KEYS, SYSTEMS, TOOLS, usual_name
from tuitune.rows.numbers import loads
from tuitune.rows.turns import CALL_KEYS, REASONING, ROLES, SPEAKER, WEIGHTS, turn_keys

_NO_TEXTS = {"messages", "tools", "label"}
"""Roles of columns that hold something else than text."""

_THOUGHTS = (*REASONING, "thought", "thoughts", "chain_of_thought", "cot", "rationale")
"""Names of columns and keys for what is thought before an answer."""

_MASKS = ("mask", "masked", "train_detail", "training_detail")
"""Names for what part of an answer is learned, of which each library has its own idea."""

_LOSSES = {*_MASKS, *WEIGHTS}
_CONTEXTS = ("context", "contexts", "history", "choices", "options", "passage", "passages", "document", "documents")
_SOURCES = ("knowledge", "evidence", "background", "hint", "facts", "abstract", "article")
_REMARKS = ("reasoning_details", "refusal", "system_message")
_TELLING = {*_THOUGHTS, *CALL_KEYS, *CONVERSATIONS, *PROMPTS, *SYSTEMS, *TOOLS, *_CONTEXTS, *_SOURCES, *_REMARKS}
"""Names of columns and keys that say something to the model with a single word too."""

_ASIDE = re.compile(
    r"(?:.*[_-])?(?:id|ids|uid|uuid|guid|idx|index|hash|url|urls|uri|link|path|file|filename|source|sources|origin|license"
    r"|lang|language|locale|split|subset|set|dataset|category|categories|task|tasks|task_type|type|topic|subject|domain"
    r"|title|tag|tags|keywords|level|difficulty|date|time|timestamp|created|created_at|updated_at|author|annotator|model"
    r"|generator|version|score|scores|rating|meta|metadata|info)"
    r"|meta[_-].*|__.*",
    re.IGNORECASE,
)
"""Names for what is known about a row, rather than said in it."""


def numbers(values: Mapping[str, Any], columns: Mapping[str, str]) -> list[str]:
    """The columns of text that hold a number, or true or false, which is learned as it is written; turns among them."""
    found = [
        name for role, name in columns.items() if role not in _NO_TEXTS and isinstance(values.get(name), int | float)
    ]
    said = (one.get(turn_keys(one)[1]) for one in _turns(values, columns))
    return [*found, *([columns["messages"]] if any(isinstance(one, int | float) for one in said) else [])]


def unread(values: Mapping[str, Any], columns: Mapping[str, str], canonical: Mapping[str, Any]) -> list[str]:
    """The columns, and the keys of turns, that say something which is not in the row as it is learned (`canonical`).

    Columns that tell about the row (`is_aside`), copies of what is learned and renderings of the whole row say nothing.
    """
    learned = _Learned(canonical)
    read = {name for role, name in columns.items() if role != "system"}
    found = [name for name, value in values.items() if name not in read and learned.lacks(name, value)]
    masks = [name for name in values if name in _LOSSES and name not in read and _is_told(name, values[name])]
    keys = dict.fromkeys(key for one in _turns(values, columns) for key in _unread_keys(one, learned))
    return [*dict.fromkeys([*found, *masks]), *(f"{columns['messages']}: {key}" for key in keys)]


def may_say(name: str, kind: type[Any]) -> bool:
    """Whether a column of this name could be `unread` where it holds a value of this kind."""
    if is_telling(name) or name in _LOSSES:
        return kind is not type(None)
    return kind in (str, list, dict) and not is_aside(name)


@lru_cache(4096)
def is_aside(name: str) -> bool:
    """Whether a column is one about the row, such as an id, a source or a score, which no model is to read."""
    return not is_telling(name) and _ASIDE.fullmatch(name) is not None


@lru_cache(4096)
def is_telling(name: str) -> bool:
    """Whether a name is one of something that a model reads."""
    return usual_name(name) in _TELLING


class _Learned:
    """The texts of a row as it is learned, to look others up in."""

    def __init__(self, canonical: Mapping[str, Any]) -> None:
        self._canonical = canonical

    @cached_property
    def _text(self) -> str:
        return "\n".join(["", *(text.strip() for text in _texts(self._canonical)), ""])

    @cached_property
    def _sentences(self) -> list[str]:
        return [line for line in map(str.strip, self._text.splitlines()) if " " in line]

    def lacks(self, name: str, value: Any) -> bool:
        """Whether what stands under a name says more than is learned."""
        if value is None or is_aside(name):
            return False
        telling = is_telling(name)
        if telling and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        return any(self._misses(text.strip(), telling) for text in _texts(value))

    def _misses(self, text: str, telling: bool) -> bool:
        if not text or not (telling or any(map(str.isspace, text))) or f"\n{text}\n" in self._text:
            return False
        return len(self._sentences) < 2 or not all(one in text for one in self._sentences)


def _unread_keys(one: Mapping[str, Any], learned: _Learned) -> Iterator[str]:
    """The keys of a turn that say something, and are neither its role nor its text."""
    role_key, text_key = turn_keys(one)
    asked = ROLES.get(str(one.get(role_key)).strip().lower()) in ("user", "system")
    for key, value in one.items():
        if key in (role_key, text_key, *WEIGHTS):
            continue
        if key in _MASKS:
            lost = value is not None
        else:
            lost = (asked and key in CALL_KEYS and bool(value)) or learned.lacks(key, value)
        if lost:
            yield key


def _is_told(name: str, value: Any) -> bool:
    """Whether a column wants a part of its row learned, or the row learned in part."""
    if name in _MASKS:
        return value is not None
    return isinstance(value, int | float) and value != 1


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, however deep, without the names of who says it; also in JSON that is written as text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in ROLE_KEYS:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        if value.lstrip()[:1] in ("[", "{"):
            with suppress(ValueError, RecursionError):
                yield from _texts(loads(value))
                return
        yield from SPEAKER.split(value)[2::2] if SPEAKER.match(value) else (value,)


def _turns(values: Mapping[str, Any], columns: Mapping[str, str]) -> list[Mapping[str, Any]]:
    turns = values.get(columns.get("messages", ""))
    return [one for one in turns if isinstance(one, Mapping)] if isinstance(turns, list) else []
