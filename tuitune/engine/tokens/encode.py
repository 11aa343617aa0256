"""From rows to tokens: which tokens a row becomes and which of them are learned.

A canonical row (see `tuitune.shapes`) has `messages` and perhaps `tools`, `prompt` and `completion`, or
`text`. Conversations go through the chat template; the end-of-turn token after an answer is learned with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.answers import AnswerFinder, Ends, begun
from tuitune.engine.tokens.collator import IGNORED
from tuitune.engine.tokens.omissions import (
    ANSWERS,
    CALLS,
    EARLIER_ANSWERS,
    NO_REASONS,
    Reasoning,
    left_out,
    mismarked,
    thinks_nothing,
)
from tuitune.engine.tokens.places import Places
from tuitune.engine.tokens.template import ChatTemplate, Messages, RenderProblem, Spans, Tools
from tuitune.engine.tokens.token_ranges import last_run, tokens_of
from tuitune.rows.turns import is_learned

Canonical = dict[str, Any]
"""A row as `tuitune.shapes` makes it: `messages` (and `tools`), `prompt` and `completion`, or `text`."""

Numbers = NDArray[np.int32]

_NO_CALLS = "the chat template drops its tool calls: they would not be learned"

NOTHING: Numbers = np.zeros(0, dtype=np.int32)
"""The tokens of a row that has none."""

_TOGETHER = 32
"""Rows rendered at one go: so many again where one of them is refused, and so much text before it is looked at."""


@dataclass(frozen=True)
class Rendered:
    """A row as text. `whole`: the template wrote every special token of it.

    `answers` are the character ranges that are learned: of each answer from where a model is asked for it up to the
    token that ends it, none of one of weight 0. `left_out` names what the row says and the text does not. `turns` are
    the ranges of all answers that may be learned with the numbers of their turns, from 1, where each can be told.
    """

    text: str
    answers: Spans
    whole: bool
    left_out: tuple[str, ...] = ()
    turns: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Encoded:
    """A row as the model sees it: at most `max_length` of the `length` tokens that it has.

    `labels` is -100 where nothing is learned. `problem` says why there are no tokens, where there are none, and
    `left_out` what of the row its chat template leaves out.
    """

    input_ids: Numbers
    labels: Numbers
    length: int
    problem: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def arrays(self) -> tuple[Numbers, ...]:
        """Its numbers, in the order of its encoder's columns."""
        return self.input_ids, self.labels

    @property
    def kept(self) -> int:
        """Tokens that the model sees."""
        return len(self.input_ids)

    @property
    def cut(self) -> bool:
        return self.length > self.kept

    @property
    def learned(self) -> int:
        """Tokens that count in the loss: none is predicted from nothing, so that the first never does."""
        return int(np.count_nonzero(self.labels[1:] != IGNORED))

    def stops(self, stop_ids: set[int], tokenizer: PreTrainedTokenizerBase) -> bool:
        """Whether it teaches its end."""
        return learns_to_stop(map(int, self.labels[self.labels != IGNORED][::-1]), stop_ids, tokenizer)

    def begins_with(self, token: int, times: int) -> bool:
        """Whether its first tokens are this one, so many times."""
        return self.input_ids[:times].tolist() == [token] * times


class Encoder:
    """Turns canonical rows into tokens and labels.

    `loss_on` is the recipe's: assistant (every answer), completion (the last) or all; answers of `weight` 0 are learned
    with the third alone. `stop_ids` are the tokens that end an answer. Rows are cut after `max_length`, unless they
    stay `whole`. EngineError where the tokenizer does not tell which characters a token stands for.
    """

    columns = ("input_ids", "labels")

    def __init__(
        self,
        template: ChatTemplate,
        loss_on: str,
        max_length: int,
        stop_ids: Collection[int] = frozenset(),
        *,
        whole: bool = False,
    ) -> None:
        if not template.tokenizer.is_fast:
            raise EngineError("model.id: this model's tokenizer gives no character offsets of tokens")
        self.template = template
        self.tokenizer = template.tokenizer
        self.loss_on = loss_on
        self.max_length = max_length
        self.whole = whole
        self._ends = Ends(template.tokenizer, stop_ids)

    @property
    def single(self) -> Encoder:
        """Itself."""
        return self

    def encode(self, rows: Sequence[Canonical]) -> list[Encoded]:
        """Rows in order. EngineError where no row of such a template tells which tokens are its answers."""
        return next(self.encode_all([rows]))

    def encode_all(self, chunks: Iterable[Sequence[Canonical]]) -> Iterator[list[Encoded]]:
        """Chunks of rows in order, as `encode`: each is rendered here while the one before is tokenized beside it."""
        for chunk in self.parts(chunks):
            yield [one if isinstance(one, Encoded) else self.row(*one) for one in chunk]

    def parts(self, chunks: Iterable[Sequence[Canonical]]) -> Iterator[list[tuple[Rendered, Encoding] | Encoded]]:
        """What rows are made of, in order: the text with its tokens, or that it cannot have any."""
        with ThreadPoolExecutor(max_workers=1) as beside:
            waiting = None
            for chunk in chunks:
                parts = (chunk[start : start + _TOGETHER] for start in range(0, len(chunk), _TOGETHER))
                found = [one for rows in parts for one in self._attempt_all(rows)]
                tokens = beside.submit(self.tokenize, [one for one in found if isinstance(one, Rendered)])
                if waiting:
                    yield _joined(*waiting)
                waiting = found, tokens
            if waiting:
                yield _joined(*waiting)

    def _attempt_all(self, rows: Sequence[Canonical]) -> list[Rendered | Encoded]:
        """Rows as text, or without tokens: at one go where the template takes them all, else one by one."""
        found = [messages_of(row, self.tokenizer) for row in rows if not _uses_tools(row)]
        conversations = [messages for messages in found if messages is not None]
        if self.template.marked != "rendered" and 1 < len(conversations) == len(rows):
            with suppress(EngineError):
                marked = self.template.render_marked(conversations)
                return [self._marked(*one, row) for one, row in zip(marked, conversations, strict=True)]
        return [self._attempt(row) for row in rows]

    def _attempt(self, row: Canonical) -> Rendered | Encoded:
        try:
            return self.render(row)
        except RenderProblem as problem:
            return Encoded(NOTHING, NOTHING, 0, str(problem))

    def render(self, row: Canonical) -> Rendered:
        """A row as the text that is tokenized; RenderProblem where the chat template refuses it."""
        messages, tools = messages_of(row, self.tokenizer), row.get("tools") or None
        if messages is None:
            return _plain_text(row, self.tokenizer)
        if _uses_tools(row):
            self._refuse_lost_calls(messages, tools)
        if self.template.marked != "rendered":
            return self._marked(*self.template.render_marked([messages], tools)[0], messages, tools)
        return self._unmarked(messages, tools)

    def tokenize(self, rows: Sequence[Rendered]) -> list[Encoding]:
        """The tokens of rendered rows, in order, on all cores. What a template rendered gets no special tokens more."""
        backend = self.tokenizer.backend_tokenizer
        backend.no_padding()
        backend.no_truncation()
        result: dict[int, Encoding] = {}
        for whole in (True, False):
            places = [place for place, row in enumerate(rows) if row.whole == whole]
            texts = [rows[place].text for place in places]
            result.update(zip(places, backend.encode_batch(texts, add_special_tokens=not whole), strict=True))
        return [result[place] for place in range(len(rows))]

    def learned(self, encoding: Encoding, rendered: Rendered) -> list[tuple[int, int]]:
        """The ranges of tokens that are learned, cut or not."""
        if self.loss_on == "all":
            return [(0, len(encoding))]
        ranges = [tokens_of(encoding, first, last, len(rendered.text)) for first, last in rendered.answers]
        filled = [one for one in ranges if one[0] < one[1]]
        return last_run(filled) if self.loss_on == "completion" else filled

    def turns(self, encoding: Encoding, rendered: Rendered) -> list[int]:
        """For each token the number of the turn whose answer it is part of, from 1; 0 of others, and where nothing
        tells.
        """
        found = [0] * len(encoding)
        for first, last, turn in rendered.turns:
            start, end = tokens_of(encoding, first, last, len(rendered.text))
            found[start:end] = [turn] * (end - start)
        return found

    def row(self, rendered: Rendered, encoding: Encoding) -> Encoded:
        """A row of its text and all its tokens."""
        ids = np.array(encoding.ids, dtype=np.int32)
        labels = np.full(len(ids), IGNORED, dtype=np.int32)
        for first, last in self.learned(encoding, rendered):
            labels[first:last] = ids[first:last]
        kept = len(ids) if self.whole else self.max_length
        return Encoded(ids[:kept], labels[:kept], len(ids), left_out=rendered.left_out)

    def _marked(self, text: str, answers: Spans, messages: Messages, tools: Tools | None = None) -> Rendered:
        """A conversation that the template marked. RenderProblem where it marks anything but its answers."""
        places = Places(text, messages)
        if self.loss_on != "all" and (wrong := mismarked(places, answers)):
            raise RenderProblem(
                f"the {{% generation %}} marks of the chat template {wrong}: set data.template to a file that marks "
                'each answer and nothing else, or data.loss_on to "all"'
            )
        counted = [self.loss_on == "all" or is_learned(turn) for turn in messages if turn["role"] == "assistant"]
        if all(counted):
            counted = [True] * len(answers)
        elif len(answers) != len(counted):
            raise RenderProblem(
                f"an answer has weight 0, but the chat template marks {len(answers)} pieces in {len(counted)} "
                f"answers: which one is unclear"
            )
        return self._rendered(places, answers, counted, tools)

    def _unmarked(self, messages: Messages, tools: Tools | None) -> Rendered:
        """A conversation whose answers the template does not tell. EngineError where nothing else does."""
        finder = AnswerFinder(self.template, messages, tools)
        looked_for = [] if self.loss_on == "all" else self._counting(messages)
        spans: Spans = []
        for place in looked_for:
            if (span := finder.find(place, self._ends)) is None:
                where, way = "the answer", 'data.loss_on to "all"'
                if place < looked_for[-1]:
                    where, way = "earlier answers", 'data.loss_on to "completion" or "all"'
                raise EngineError(
                    f"this model's chat template does not mark where {where} begin and end; set {way}, or "
                    "data.template to a file that marks them ({% generation %})"
                )
            spans.append(span)
        counted = [is_learned(messages[place]) for place in looked_for]
        return self._rendered(Places(finder.text, messages), spans, counted, tools)

    def _rendered(self, places: Places, answers: Spans, counted: Sequence[bool], tools: Tools | None) -> Rendered:
        """The text, and the answers that are `counted` up to their ends. RenderProblem where it lacks words of them."""
        all_of_it = self.loss_on == "all"
        counting = self._counting(places.messages)
        learned = [at for at in counting if all_of_it or is_learned(places.messages[at])]
        template = self.template
        omitted = left_out(places, tools, Reasoning(template.takes_reasoning, template.keeps_thoughts, learned))
        if CALLS in omitted:
            raise RenderProblem(_NO_CALLS)
        if (ANSWERS in omitted and not all_of_it) or (EARLIER_ANSWERS in omitted and self.loss_on == "assistant"):
            raise RenderProblem("the chat template drops words of its answers: they would not be learned")
        spans = [] if self.loss_on == "completion" and not all(counted[-1:]) else compress(answers, counted)
        said = [begun(places.text, one, template.opening) for one in self._ends.joined(places.text, [*spans])]
        counts = [(0, len(places.text))] if all_of_it else said[-1:] if self.loss_on == "completion" else said
        if thinks_nothing(places, counts, len(template.opening)):
            omitted = (*omitted, NO_REASONS)
        said = [self._ends.cut(places.text, one) for one in said]
        numbered = zip(answers, counting, strict=True) if len(answers) == len(counting) else ()
        return Rendered(places.text, said, True, omitted, tuple((*span, at + 1) for span, at in numbered))

    def _counting(self, messages: Messages) -> list[int]:
        """The places of the answers that `loss_on` is about: the last one, or every one."""
        answers = [place for place, turn in enumerate(messages) if turn["role"] == "assistant"]
        return answers[-1:] if self.loss_on == "completion" else answers

    def _refuse_lost_calls(self, messages: Messages, tools: Tools | None) -> None:
        """RenderProblem where the conversation is the same text without its tool calls."""
        silent = [{key: value for key, value in one.items() if key != "tool_calls"} for one in messages]
        if self.template.takes_tools or silent == messages:
            return
        if self.template.render(messages, tools) == self.template.render(silent, tools):
            raise RenderProblem(_NO_CALLS)


def _joined(
    found: Sequence[Rendered | Encoded], tokens: Future[list[Encoding]]
) -> list[tuple[Rendered, Encoding] | Encoded]:
    encodings = iter(tokens.result())
    return [(one, next(encodings)) if isinstance(one, Rendered) else one for one in found]


def is_conversation(row: Canonical) -> bool:
    """Whether a row is made of turns, so that it needs a chat template."""
    return "messages" in row or isinstance(row.get("prompt"), list)


def messages_of(row: Canonical, tokenizer: PreTrainedTokenizerBase) -> Messages | None:
    """The conversation of a row, None for text. A prompt and its completion are one where there is a chat template."""
    if "messages" in row:
        return row["messages"]
    if "prompt" in row and tokenizer.chat_template:
        return [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]
    return None


def learns_to_stop(taught: Iterable[int], stop_ids: set[int], tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the last of the tokens that a row teaches, white space aside, ends a turn; `taught` begins with it."""
    for token in taught:
        if token in stop_ids:
            return True
        if tokenizer.decode([token]).strip():
            return False
    return False


def _uses_tools(row: Canonical) -> bool:
    return bool(row.get("tools")) or any("tool_calls" in one for one in row.get("messages", ()))


def _plain_text(row: Canonical, tokenizer: PreTrainedTokenizerBase) -> Rendered:
    """A row without a template, ended by one end-of-text token: text is learned whole, of a prompt the completion."""
    prompt, end = row.get("prompt", ""), tokenizer.eos_token or ""
    text = prompt + row["completion"] if "prompt" in row else row["text"]
    if not (end and text.rstrip().endswith(end)):
        text += end
    return Rendered(text, [(len(prompt), len(text))], whole=False)
