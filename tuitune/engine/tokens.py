"""From rows to tokens: which tokens a row becomes and which of them are learned.

A canonical row (see `tuitune.data.shapes.convert`) has `messages`, `prompt` and `completion`, or `text`.
Conversations go through the tokenizer's own chat template; the end-of-turn token after an answer is learned with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase
from trl.chat_template_utils import (
    get_training_chat_template,
    has_generation_markers,
    is_chat_template_stop_token_trained,
)

from tuitune.engine.collator import IGNORED
from tuitune.engine.failures import EngineError
from tuitune.engine.rows import Canonical

Messages = list[dict[str, Any]]
Spans = list[tuple[int, int]]

PLAIN_TEMPLATE = """\
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{- '### Assistant:\\n' -}}
{%- generation -%}{{- message.content + eos_token -}}{%- endgeneration -%}
{{- '\\n\\n' -}}
{%- else -%}
{{- '### ' + message.role | capitalize + ':\\n' + message.content + '\\n\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '### Assistant:\\n' -}}{%- endif -%}
"""
"""For base models that come without a chat template: headings in plain text, which any vocabulary can write, and the
end-of-text token after each answer. New control tokens would need embeddings that LoRA does not train."""


@dataclass(frozen=True)
class Encoded:
    """A row as the model sees it; `labels` is -100 where nothing is learned. `cut` says that it was too long."""

    input_ids: list[int]
    labels: list[int]
    cut: bool


class Encoder:
    """Turns canonical rows into tokens and labels.

    `loss_on` is the recipe's: assistant (every answer), completion (the last) or all. Rows are cut after `max_length`.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, loss_on: str, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.loss_on = loss_on
        self.max_length = max_length
        self._template = _marked_template(tokenizer)

    def encode(self, rows: Sequence[Canonical]) -> list[Encoded]:
        """Rows of one kind, in order. EngineError where it cannot be told which tokens are the answer."""
        conversations = [messages_of(row, self.tokenizer) for row in rows]
        if any(messages is None for messages in conversations):
            return self._from_text([_plain_text(row, self.tokenizer) for row in rows], add_special_tokens=True)
        chats = [messages for messages in conversations if messages is not None]
        if self._template is None:
            return self._from_text([self._render(messages) for messages in chats], add_special_tokens=False)
        encoded = self.tokenizer.apply_chat_template(
            chats, chat_template=self._template, return_dict=True, return_assistant_tokens_mask=True
        )
        pairs = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
        return [self._row(ids, mask) for ids, mask in pairs]

    def _from_text(self, texts: Sequence[tuple[str, Spans]], *, add_special_tokens: bool) -> list[Encoded]:
        """Rows from text and the character ranges of its answers."""
        if not self.tokenizer.is_fast:
            raise EngineError("model.id: this model's tokenizer cannot tell which characters a token stands for")
        encoded = self.tokenizer(
            [text for text, _ in texts], add_special_tokens=add_special_tokens, return_offsets_mapping=True
        )
        masks = (_mask(offsets, spans) for offsets, (_, spans) in zip(encoded["offset_mapping"], texts, strict=True))
        return [self._row(ids, mask) for ids, mask in zip(encoded["input_ids"], masks, strict=True)]

    def _row(self, ids: list[int], mask: list[int]) -> Encoded:
        if self.loss_on == "all":
            mask = [1] * len(ids)
        elif self.loss_on == "completion":
            mask = _last_run(mask)
        labels = [token if learned else IGNORED for token, learned in zip(ids, mask, strict=True)]
        return Encoded(ids[: self.max_length], labels[: self.max_length], cut=len(ids) > self.max_length)

    def _render(self, messages: Messages) -> tuple[str, Spans]:
        """The conversation as text, and where its answers are, found by rendering it up to before and after each."""
        text = render(self.tokenizer, messages)
        answers = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
        if self.loss_on == "all":
            return text, []
        spans = []
        for index in answers if self.loss_on == "assistant" else answers[-1:]:
            before = render(self.tokenizer, messages[:index], prompt=True) if index else ""
            after = render(self.tokenizer, messages[: index + 1])
            if not (text.startswith(before) and text.startswith(after) and after.startswith(before)):
                raise EngineError(
                    "this model's chat template renders earlier answers differently once a conversation goes on, so "
                    'they cannot be marked; set data.loss_on to "completion" or "all"'
                )
            spans.append((len(before), len(after)))
        return text, spans


def messages_of(row: Canonical, tokenizer: PreTrainedTokenizerBase) -> Messages | None:
    """The conversation of a row, None for text. A prompt and its completion are one where there is a chat template."""
    if "messages" in row:
        return row["messages"]
    if "prompt" in row and tokenizer.chat_template:
        return [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]
    return None


def question_and_answer(row: Canonical, tokenizer: PreTrainedTokenizerBase) -> tuple[str, str] | None:
    """What a model is asked and what the row answers: all before the last answer, rendered, and that answer."""
    messages = messages_of(row, tokenizer)
    if messages is None:
        return (row["prompt"], row["completion"]) if "prompt" in row else None
    last = max((index for index, message in enumerate(messages) if message["role"] == "assistant"), default=0)
    return (render(tokenizer, messages[:last], prompt=True), messages[last]["content"]) if last else None


def render(tokenizer: PreTrainedTokenizerBase, messages: Messages, *, prompt: bool = False) -> str:
    """A conversation through the chat template, with the opening of the next answer if `prompt`."""
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt))


def learns_to_stop(row: Encoded, stop_ids: set[int], tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the last token that a row teaches, white space aside, ends a turn."""
    for token in reversed([label for label in row.labels if label != IGNORED]):
        if tokenizer.decode([token]).strip():
            return token in stop_ids
    return False


def _marked_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """A template that renders as the tokenizer's own does and marks the answers; None where nobody has one."""
    if not tokenizer.chat_template:
        return None
    try:
        template = get_training_chat_template(tokenizer) or tokenizer.get_chat_template()
    except ValueError:
        return None
    marked = tokenizer.is_fast and has_generation_markers(template)
    return template if marked and is_chat_template_stop_token_trained(tokenizer, template) else None


def _plain_text(row: Canonical, tokenizer: PreTrainedTokenizerBase) -> tuple[str, Spans]:
    """A row without a template, ended by the end-of-text token: text is learned whole, of a prompt the completion."""
    end = tokenizer.eos_token or ""
    if "prompt" in row:
        whole = row["prompt"] + row["completion"] + end
        return whole, [(len(row["prompt"]), len(whole))]
    whole = row["text"] if end and row["text"].endswith(end) else row["text"] + end
    return whole, [(0, len(whole))]


def _mask(offsets: list[tuple[int, int]], spans: Spans) -> list[int]:
    """1 for tokens that stand for characters within a span."""
    return [int(end > start and any(start < last and end > first for first, last in spans)) for start, end in offsets]


def _last_run(mask: list[int]) -> list[int]:
    """The mask with only its last unbroken run of ones left."""
    last = max((index for index, learned in enumerate(mask) if learned), default=-1)
    first = last
    while first > 0 and mask[first - 1]:
        first -= 1
    return [int(first <= index <= last) for index in range(len(mask))] if last >= 0 else mask
