"""Answers from the model as it stands: in batches, without disturbing the training that it interrupts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from tuitune.engine.device import give_back_memory
from tuitune.engine.failures import out_of_memory
from tuitune.engine.model import Base, set_attention

_BATCH = 32


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """A pause in training: evaluation mode and no gradients within; mode and random state as before after it."""
    training = model.training
    model.eval()
    try:
        with torch.random.fork_rng(), torch.no_grad():
            yield
    finally:
        model.train(training)


class Generator:
    """Answers prompts with a model. `temperature` 0 takes the likeliest token; otherwise `seed` fixes the draws."""

    def __init__(self, model: Any, base: Base, max_new_tokens: int, temperature: float, seed: int) -> None:
        self.model = model
        self.tokenizer = base.tokenizer
        self._attention = base.stock_attention
        self._seed = seed
        self._size = _BATCH
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        self._settings = GenerationConfig(
            max_new_tokens=max_new_tokens,
            eos_token_id=sorted(stop_ids(model, base.tokenizer)) or None,
            pad_token_id=base.tokenizer.pad_token_id,
            use_cache=True,
            **sampling,
        )

    def answer(self, prompts: Sequence[str]) -> list[tuple[str, int]]:
        """The answer to each rendered prompt, without its end-of-turn token, and the number of tokens generated."""
        with undisturbed(self.model):
            torch.manual_seed(self._seed)
            before = set_attention(self.model, self._attention)
            try:
                return self._all(prompts)
            finally:
                set_attention(self.model, before)

    def _all(self, prompts: Sequence[str]) -> list[tuple[str, int]]:
        """Batch after batch; where the GPU's memory is too small for one, by half as many prompts from there on."""
        answers: list[tuple[str, int]] = []
        while len(answers) < len(prompts):
            batch = prompts[len(answers) : len(answers) + self._size]
            if (answered := self._if_it_fits(batch)) is not None:
                answers += answered
                continue
            give_back_memory()
            self._size = len(batch) // 2
        return answers

    def _if_it_fits(self, prompts: Sequence[str]) -> list[tuple[str, int]] | None:
        """None where there is too little memory for these prompts and fewer can be tried."""
        try:
            return self._batch(prompts)
        except (RuntimeError, MemoryError) as error:
            if len(prompts) == 1 or out_of_memory(error) is None:
                raise
            return None

    def _batch(self, prompts: Sequence[str]) -> list[tuple[str, int]]:
        chat = bool(self.tokenizer.chat_template)
        inputs = self.tokenizer(
            list(prompts), add_special_tokens=not chat, padding=True, padding_side="left", return_tensors="pt"
        ).to(self.model.device)
        inputs.pop("token_type_ids", None)
        output = self.model.generate(**inputs, generation_config=self._settings)
        answers = output[:, inputs["input_ids"].shape[1] :].tolist()
        return [self._text(tokens) for tokens in answers]

    def _text(self, tokens: list[int]) -> tuple[str, int]:
        stops = set(self._settings.eos_token_id or [])
        length = next((index + 1 for index, token in enumerate(tokens) if token in stops), len(tokens))
        return self.tokenizer.decode(tokens[:length], skip_special_tokens=True).strip(), length


def stop_ids(model: Any, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Tokens that end an answer: the tokenizer's end of text and what the model's generation settings name."""
    known = model.generation_config.eos_token_id
    ids = set(known) if isinstance(known, list) else {known}
    return {int(token) for token in ids | {tokenizer.eos_token_id} if token is not None}
