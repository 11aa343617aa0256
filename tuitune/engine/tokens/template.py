"""The chat template of a run: where it comes from, who marks the answers in it, and rows rendered with it.

Templates are foreign programs. They run in transformers' sandbox, and here within a limit of time and of text as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jinja2 import TemplateSyntaxError
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template
from trl.chat_template_utils import (
    get_training_chat_template,
    has_generation_markers,
    is_chat_template_stop_token_trained,
    supports_tool_calling,
)

from tuitune.engine.process.failures import EngineError, first_line
from tuitune.engine.process.time_limit import time_limit
from tuitune.planning.checks.template import template_text
from tuitune.rows.turns import REASONING
from tuitune.text import clean

Messages = list[dict[str, Any]]
Tools = list[dict[str, Any]]
Spans = list[tuple[int, int]]
Origin = Literal["tokenizer", "file", "plain", "none"]
Marks = Literal["own", "trl", "rendered"]

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

_SIGN = "sentinel91c4"
_EXCHANGE: Messages = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "First."}]

_LONGEST_TEXT = 1 << 20
_AMPLIFICATION = 4


class RenderProblem(EngineError):  # noqa: N818
    """A row that the chat template does not render, and why, in words."""


class ChatTemplate:
    """What renders the conversations of a run.

    `origin` tells where the tokenizer's template came from. `marked` tells how answers are found in what it renders:
    by its own generation markers ("own"), by those of trl's training version of it ("trl"), or by rendering each
    conversation up to before and after each answer ("rendered"). With `inline`, a system turn or reasoning that the
    template does not write becomes text of the turn that it belongs to.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, origin: Origin | None = None, *, inline: bool = False
    ) -> None:
        self.tokenizer = tokenizer
        self.inline = inline
        self.origin: Origin = origin or ("tokenizer" if tokenizer.chat_template else "none")
        self._special = dict(tokenizer.special_tokens_map)
        self._find_marks()

    def take_plain(self) -> None:
        """Give a tokenizer without a chat template the plain one; EngineError where it has no end-of-text token."""
        if self.tokenizer.eos_token is None:
            raise EngineError(
                "model.id: this model has neither a chat template nor an end-of-text token to learn conversations with"
            )
        self.tokenizer.chat_template = PLAIN_TEMPLATE
        self.origin = "plain"
        for name in ("takes_tools", "takes_system", "takes_reasoning", "keeps_thoughts", "opening"):
            self.__dict__.pop(name, None)
        self._find_marks()

    def _find_marks(self) -> None:
        self._training = _training_template(self.tokenizer)
        own = self._training is not None and self._training == _default(self.tokenizer)
        self.marked: Marks = "rendered" if self._training is None else "own" if own else "trl"

    @cached_property
    def takes_tools(self) -> bool:
        """Whether the template writes tool calls and what tools answer. EngineError where it takes too long."""
        try:
            with time_limit():
                return bool(supports_tool_calling(self.tokenizer))
        except EngineError:
            raise
        except Exception:
            return False

    @cached_property
    def takes_system(self) -> bool:
        """Whether the template writes what a system turn says."""
        return self._writes([{"role": "system", "content": _SIGN}, *_EXCHANGE])

    @cached_property
    def takes_reasoning(self) -> bool:
        """Whether the template writes the reasoning of the last answer."""
        return self._writes([_EXCHANGE[0], {**_EXCHANGE[1], "reasoning_content": _SIGN}])

    @cached_property
    def keeps_thoughts(self) -> bool:
        """Whether the template writes what the last answer says in <think> tags."""
        return self._writes([_EXCHANGE[0], {**_EXCHANGE[1], "content": f"<think>\n{_SIGN}\n</think>\n\nFirst."}])

    @cached_property
    def opening(self) -> str:
        """What the template writes to ask for an answer; "" where that is not told apart."""
        try:
            before, asked = (self.render(_EXCHANGE[:1], prompt=prompt) for prompt in (False, True))
        except RenderProblem:
            return ""
        return asked.removeprefix(before) if asked.startswith(before) else ""

    def _writes(self, messages: Messages) -> bool:
        try:
            return _SIGN in self._rendered(self._training or self.tokenizer.get_chat_template(), [messages])[0][0]
        except RenderProblem:
            return False

    def render(self, messages: Messages, tools: Tools | None = None, *, prompt: bool = False) -> str:
        """A conversation as the model will meet it later: with the opening of the next answer if `prompt`.

        RenderProblem where the template refuses it, EngineError where it takes too long.
        """
        template = self.tokenizer.get_chat_template(None, tools)
        return self._run(template, [messages], tools, add_generation_prompt=prompt)[0][0]

    def render_marked(self, conversations: Sequence[Messages], tools: Tools | None = None) -> list[tuple[str, Spans]]:
        """Conversations as text to train on, and the character ranges of their answers; only where it is `marked`.

        RenderProblem where the template refuses one, EngineError where it takes too long over all of them.
        """
        assert self._training is not None
        return self._run(self._training, conversations, tools, return_assistant_tokens_mask=True)

    def _run(
        self, template: str, conversations: Sequence[Messages], tools: Tools | None, **how: bool
    ) -> list[tuple[str, Spans]]:
        if self.inline:
            conversations = [self._inlined(messages) for messages in conversations]
        try:
            return self._rendered(template, conversations, tools, **how)
        except RenderProblem:
            if any(messages[0]["role"] == "system" for messages in conversations if messages) and not self.takes_system:
                raise RenderProblem(
                    'the chat template takes no system turn; set data.left_out to "inline" to have it written before '
                    "the first question"
                ) from None
            raise

    def _inlined(self, messages: Messages) -> Messages:
        """The conversation with what the template does not write as text of the turns that it belongs to."""
        if messages and messages[0]["role"] == "system" and not self.takes_system:
            messages = _with_system_asked(messages)
        if any(key in one for one in messages for key in REASONING) and not self.takes_reasoning:
            messages = [_with_reasoning_said(one) for one in messages]
        return messages

    def _rendered(
        self, template: str, conversations: Sequence[Messages], tools: Tools | None = None, **how: bool
    ) -> list[tuple[str, Spans]]:
        try:
            with time_limit():
                texts, spans = render_jinja_template(
                    list(conversations), tools=tools, chat_template=template, **how, **self._special
                )
        except EngineError:
            raise
        except MemoryError:
            raise RenderProblem("the chat template needs more memory than it may use") from None
        except Exception as error:
            raise RenderProblem(f"the chat template refuses the row: {_words(error)}") from error
        for text, messages in zip(texts, conversations, strict=True):
            if len(text) > _LONGEST_TEXT and len(text) > _LONGEST_TEXT + _AMPLIFICATION * len(repr(messages)):
                raise RenderProblem(f"the chat template makes {len(text):,} characters of it")
        return list(zip(texts, spans or [[] for _ in texts], strict=True))


def _with_system_asked(messages: Messages) -> Messages:
    system, *rest = messages
    if not rest or rest[0]["role"] != "user":
        return [{**system, "role": "user"}, *rest]
    return [{**rest[0], "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]


def _with_reasoning_said(one: dict[str, Any]) -> dict[str, Any]:
    """A turn that says its reasoning in tags, as models that reason write it."""
    if (key := next((key for key in REASONING if key in one), None)) is None:
        return one
    bare = {name: value for name, value in one.items() if name not in REASONING}
    return {**bare, "content": f"<think>\n{one[key]}\n</think>\n\n{one['content']}"}


def apply_template_file(tokenizer: PreTrainedTokenizerBase, path: Path) -> None:
    """Give the tokenizer the chat template in a file; EngineError where there is none that can be compiled."""
    try:
        text = template_text(path)
        with time_limit():
            render_jinja_template([], chat_template=text)
    except OSError as error:
        raise EngineError(f"data.template: {path}: {error.strerror or error}") from error
    except TemplateSyntaxError as error:
        raise EngineError(f"data.template: {path}, line {error.lineno}: {_words(error)}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise EngineError(f"data.template: {path}: {_words(error)}") from error
    tokenizer.chat_template = text


def _training_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """A template that renders as the tokenizer's own does and marks the answers; None where nobody has one."""
    if not tokenizer.chat_template:
        return None
    try:
        with time_limit():
            template = get_training_chat_template(tokenizer) or _default(tokenizer)
            marked = has_generation_markers(template) and is_chat_template_stop_token_trained(tokenizer, template)
    except EngineError:
        raise
    except Exception:
        return None
    return template if marked else None


def _default(tokenizer: PreTrainedTokenizerBase) -> str:
    template = tokenizer.chat_template
    return template["default"] if isinstance(template, dict) else str(template)


def _words(error: BaseException) -> str:
    return clean(first_line(error), limit=200)
