"""The recipe's fixed prompts, answered again and again as training goes on, and prompts asked meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from zlib import crc32

from tuitune.engine.evaluation.generate import Generator
from tuitune.engine.journal.report import Report
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.recipe.sections.samples import SamplesSection
from tuitune.runs.store.records.samples import Sample

_ASKED = 1_000_000


class Sampler:
    """Answers prompts and records the answers; with `chat` it is asked in a conversation, else the text goes on.

    `settings` are the recipe's [samples] as they stand; `generator` makes one that answers by them, and is None where
    the model writes no answers.
    """

    def __init__(
        self,
        settings: SamplesSection,
        generator: Callable[[SamplesSection], Generator] | None,
        template: ChatTemplate,
        report: Report,
        *,
        chat: bool,
    ) -> None:
        self.settings = settings
        self._chat = chat
        self._generator = generator
        self._template = template
        self._report = report

    @property
    def answers(self) -> bool:
        """Whether there is a model that answers."""
        return self._generator is not None

    def take(self, step: int, label: str, *, prompt: str | None = None, nonce: str | None = None) -> None:
        """Answer every prompt of the settings, or the one given. `nonce` names the request that asked for it.

        `seconds` of a record is what all took together; a prompt that was asked has an index far above the recipe's.
        """
        asked = {} if prompt is None else {_ASKED + crc32(prompt.encode("utf-8", "replace")): prompt}
        prompts = asked or dict(enumerate(self.settings.prompts))
        if not prompts or self._generator is None:
            return
        self._report.phase("sampling", "answering the sample prompts")
        started = time.perf_counter()
        answers = self._generator(self.settings).answer([self._rendered(text) for text in prompts.values()])
        seconds = time.perf_counter() - started
        for (index, text), (answer, tokens) in zip(prompts.items(), answers, strict=True):
            self._report.sample(
                Sample(
                    step=step, index=index, prompt=text, answer=answer, label=label, tokens=tokens, seconds=seconds,
                    nonce=nonce,
                )
            )  # fmt: skip

    def too_long(self, prompts: Sequence[str], settings: SamplesSection, most: int | None) -> str | None:
        """Which of `prompts` the model cannot take, with its answer, in `most` tokens; None where it can take all."""
        for number, prompt in enumerate(prompts, start=1):
            tokens = len(self._template.tokenizer(self._rendered(prompt))["input_ids"])
            if most is not None and tokens + settings.max_new_tokens > most:
                return (
                    f"prompt {number} has {tokens:,} tokens, and an answer up to {settings.max_new_tokens:,}; the "
                    f"model takes {most:,} together. Shorten it, or lower samples.max_new_tokens"
                )
        return None

    def _rendered(self, prompt: str) -> str:
        if not self._chat:
            return prompt
        return self._template.render([{"role": "user", "content": prompt}], prompt=True)
