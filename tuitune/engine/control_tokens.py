"""Control tokens that stand in the texts of rows, where the tokenizer reads them as the tokens themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from transformers import PreTrainedTokenizerBase

from tuitune.data.shapes.turns import REASONING

Canonical = dict[str, Any]

_WHERE = {"system": "a system turn", "user": "a question", "assistant": "an answer", "tool": "a tool's answer"}


class ControlTokens:
    """Those of a tokenizer. In a conversation the chat template writes them, and any other is one too many; text that
    gets no template may be full of them, but for a beginning that the tokenizer adds once more.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
        texts = sorted({*special, *tokenizer.all_special_tokens}, key=len, reverse=True)
        self._tokenizer = tokenizer
        self._opened_by = tuple({text[0] for text in texts})
        self._any = re.compile("|".join(map(re.escape, texts)) or "(?!)")
        begins = tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
        self._beginning = str(tokenizer.bos_token) if begins else ""

    def found(self, row: Canonical) -> tuple[str, ...]:
        """What there is of them in a row: `<|end|> in an answer`, each once."""
        if (turns := self._turns(row)) is None:
            key = "text" if "text" in row else "prompt"
            twice = self._beginning and row[key].startswith(self._beginning)
            return (f"{self._beginning} at the beginning of a text",) if twice else ()
        return tuple(dict.fromkeys(f"{token} in {where}" for where, text in turns for token in self._in(text)))

    def removed(self, row: Canonical) -> Canonical:
        """The row without them; the row itself where it has none."""
        if not self.found(row):
            return row
        if self._turns(row) is None:
            key = "text" if "text" in row else "prompt"
            return {**row, key: row[key].removeprefix(self._beginning)}
        if "messages" not in row:
            return {key: self._any.sub("", value) if isinstance(value, str) else value for key, value in row.items()}
        return {**row, "messages": [self._without(turn) for turn in row["messages"]]}

    def _turns(self, row: Canonical) -> Iterator[tuple[str, str]] | None:
        """Where each text of a conversation stands, and the text; None for text that gets no template."""
        if "messages" in row:
            keys = ("content", *REASONING)
            return ((_WHERE[one["role"]], one[key]) for one in row["messages"] for key in keys if key in one)
        if "prompt" in row and self._tokenizer.chat_template:
            return iter([(_WHERE["user"], row["prompt"]), (_WHERE["assistant"], row["completion"])])
        return None

    def _in(self, text: str) -> list[str]:
        return self._any.findall(text) if any(mark in text for mark in self._opened_by) else []

    def _without(self, turn: dict[str, Any]) -> dict[str, Any]:
        said = {key: self._any.sub("", turn[key]) for key in ("content", *REASONING) if key in turn}
        return {**turn, **said}
