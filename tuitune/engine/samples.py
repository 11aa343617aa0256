"""The recipe's fixed prompts, answered again and again as training goes on."""

from __future__ import annotations

import time

from transformers import PreTrainedTokenizerBase

from tuitune.engine.generate import Generator
from tuitune.engine.report import Report
from tuitune.engine.tokens import render


class Sampler:
    """Answers `prompts` and records the answers. A model with a chat template is asked in a conversation."""

    def __init__(
        self, prompts: list[str], generator: Generator, tokenizer: PreTrainedTokenizerBase, report: Report
    ) -> None:
        self._prompts = prompts
        self._generator = generator
        self._tokenizer = tokenizer
        self._report = report

    def take(self, step: int, label: str) -> None:
        """Answer every prompt. `seconds` of a record is what all of them took, for they are answered together."""
        if not self._prompts:
            return
        self._report.phase("sampling", "answering the sample prompts")
        started = time.perf_counter()
        answers = self._generator.answer([self._rendered(prompt) for prompt in self._prompts])
        seconds = time.perf_counter() - started
        for index, (prompt, (answer, tokens)) in enumerate(zip(self._prompts, answers, strict=True)):
            self._report.sample(
                step=step, index=index, prompt=prompt, answer=answer, label=label, tokens=tokens, seconds=seconds
            )

    def _rendered(self, prompt: str) -> str:
        if not self._tokenizer.chat_template:
            return prompt
        return render(self._tokenizer, [{"role": "user", "content": prompt}], prompt=True)
