"""Control tokens that stand in the texts of rows, where the tokenizer reads them as the tokens themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from transformers import PreTrainedTokenizerBase

from tuitune.rows.turns import REASONING
from tuitune.shapes.preference import SIDES, answers_of, sides_of

Canonical = dict[str, Any]

_WHERE = {"system": "a system turn", "user": "a question", "assistant": "an answer", "tool": "a tool's answer"}
_CALL, _TOOL = "a tool call", "the description of a tool"
_SAID = ("content", *REASONING)


class ControlTokens:
    """Those of a tokenizer. In a conversation the chat template writes them, and any other is one too many. Text that
    gets no template may be full of them, but for a beginning that the tokenizer adds once more, and an end token
    within a completion.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
        texts = sorted({*special, *tokenizer.all_special_tokens}, key=len, reverse=True)
        self._tokenizer = tokenizer
        self._opened_by = tuple({text[0] for text in texts})
        self._any = re.compile("|".join(map(re.escape, texts)) or "(?!)")
        begins = tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
        self._beginning = str(tokenizer.bos_token) if begins else ""
        self._end = str(tokenizer.eos_token or "")

    def found(self, row: Canonical) -> tuple[str, ...]:
        """What there is of them in a row: `<|end|> in an answer`, each once."""
        if (answers := answers_of(row))[0] is not row:
            return tuple(dict.fromkeys(what for one in answers for what in self.found(one)))
        if not self._gets_template(row):
            return tuple(self._in_plain(row))
        return tuple(dict.fromkeys(f"{token} in {where}" for where, text in _texts(row) for token in self._in(text)))

    def removed(self, row: Canonical) -> Canonical | None:
        """The row without them; the row itself where it has none, None where nothing is left of one of its texts."""
        if not self.found(row):
            return row
        clean = self._clean(row) if self._gets_template(row) else self._clean_plain(row)
        return None if _emptied(row, clean) else clean

    def _gets_template(self, row: Canonical) -> bool:
        turns = "messages" in row or isinstance(row.get("prompt"), list)
        return turns or ("prompt" in row and bool(self._tokenizer.chat_template))

    def _in_plain(self, row: Canonical) -> Iterator[str]:
        key = "text" if "text" in row else "prompt"
        if self._beginning and row[key].startswith(self._beginning):
            yield f"{self._beginning} at the beginning of a text"
        if self._end and self._end in self._parted(row.get("completion", ""))[0]:
            yield f"{self._end} in {_WHERE['assistant']}"

    def _clean_plain(self, row: Canonical) -> Canonical:
        if "chosen" in row:
            cleaned = [(name, self._clean_plain(side)) for name, side in zip(SIDES, sides_of(row), strict=True)]
            return {"prompt": cleaned[0][1]["prompt"], **{name: side["completion"] for name, side in cleaned}}
        key = "text" if "text" in row else "prompt"
        clean = {**row, key: row[key].removeprefix(self._beginning)}
        if "completion" in row:
            said, end = self._parted(row["completion"])
            clean["completion"] = without(said, re.compile(re.escape(self._end) or "(?!)")) + end
        return clean

    def _parted(self, completion: str) -> tuple[str, str]:
        """A completion and the end token behind it, which is its own."""
        said = completion.rstrip().removesuffix(self._end)
        return said, completion[len(said) :]

    def _clean(self, value: Any) -> Any:
        """A row, or a part of one, with its texts cleaned."""
        if isinstance(value, str):
            return without(value, self._any)
        if isinstance(value, Mapping):
            return {self._clean(key): inner if key == "role" else self._clean(inner) for key, inner in value.items()}
        return [self._clean(one) for one in value] if isinstance(value, list) else value

    def _in(self, text: str) -> list[str]:
        return self._any.findall(text) if any(mark in text for mark in self._opened_by) else []


def without(text: str, tokens: re.Pattern[str]) -> str:
    """The text without the tokens, nor those that come to be where others were."""
    while (less := tokens.sub("", text)) != text:
        text = less
    return text


def strings(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def _texts(row: Canonical) -> Iterator[tuple[str, str]]:
    """Where each text of a conversation stands, and the text."""
    if "messages" not in row:
        yield _WHERE["user"], row["prompt"]
        yield _WHERE["assistant"], row["completion"]
    for one in row.get("messages", ()):
        for key in _SAID:
            if key in one:
                yield _WHERE[one["role"]], one[key]
        if "tool_calls" in one:
            yield from ((_CALL, text) for text in strings(one["tool_calls"]))
        if "name" in one:
            yield _WHERE[one["role"]], one["name"]
    if row.get("tools"):
        yield from ((_TOOL, text) for text in strings(row["tools"]))


def _emptied(row: Canonical, clean: Canonical) -> bool:
    """Whether a turn or a text that said something says nothing any more."""
    if (answers := answers_of(row))[0] is not row:
        return any(_emptied(*both) for both in zip(answers, answers_of(clean), strict=True))
    pairs = zip(row.get("messages", [row]), clean.get("messages", [clean]), strict=True)
    return any(
        isinstance(before.get(key), str)
        and before[key].strip()
        and not after[key].strip()
        and "tool_calls" not in after
        for before, after in pairs
        for key in ("content", "prompt", "completion", "text")
    )
