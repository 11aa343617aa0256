"""Answers from the model as it stands: in batches, without disturbing the training that it interrupts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig

from tuitune.engine.load.device import give_back_memory
from tuitune.engine.load.model import Base, set_attention
from tuitune.engine.load.tokenizer import refuse_unknown, with_end_of_text
from tuitune.engine.process.failures import out_of_memory
from tuitune.rewards import Attempt

BATCH = 32
"""Prompts that are answered at once."""


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


def in_batches(
    prompts: Sequence[list[int]], size: int, answer: Callable[[Sequence[list[int]]], list[list[int]]]
) -> tuple[list[list[int]], int]:
    """The answers to prompts, `size` of them at a time; where the GPU's memory is too small for that, half as many from
    there on. And how many at a time it came to.
    """
    answers: list[list[int]] = []
    while len(answers) < len(prompts):
        batch = prompts[len(answers) : len(answers) + size]
        try:
            answers += answer(batch)
            continue
        except (RuntimeError, MemoryError) as error:
            if len(batch) == 1 or out_of_memory(error) is None:
                raise
        give_back_memory()  # only here, where the error no longer holds what was computed
        size = len(batch) // 2
    return answers, size


_PLAIN = {"repetition_penalty": 1.0}
_PLAIN_DRAWS = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
"""What training draws its answers with, which are trl's defaults, in place of what the base's files say."""


def attempt(
    text: str, ids: Sequence[int], question: str, expected: str, *, most: int, ends: Collection[int]
) -> Attempt:
    """An answer as rewards judge it: of at most so many tokens, cut where it has them all and not the last one of an
    end.
    """
    cut = len(ids) >= most and ids[-1] not in ends
    return Attempt(text, question, expected, tokens=len(ids), most=most, cut=cut)


class Generator:
    """Answers prompts with a model. `temperature` 0 takes the likeliest token; otherwise `seed` fixes the draws.

    What else its generation_config.json says of drawing holds, as it does for whoever uses the model, unless answers
    are to be `plain`: as those of a training that draws its own, from all tokens as likely as the model has them.
    """

    def __init__(
        self, model: Any, base: Base, max_new_tokens: int, temperature: float, seed: int, *, plain: bool = False
    ) -> None:
        self.model = model
        self.tokenizer = base.tokenizer
        self._attention = base.stock_attention
        self._seed = seed
        self._size = BATCH
        self._most = base.positions
        stops = sorted(with_end_of_text(model.generation_config.eos_token_id, base.tokenizer))
        self._filler = next((one for one in (base.tokenizer.pad_token_id, *stops) if one is not None), 0)
        drawn = temperature > 0
        self._settings = GenerationConfig(
            max_new_tokens=max_new_tokens,
            eos_token_id=stops or None,
            pad_token_id=self._filler,
            use_cache=True,
            do_sample=drawn,
            **({"temperature": temperature} if drawn else {}),
            **(_PLAIN if plain else {}),
            **(_PLAIN_DRAWS if plain and drawn else {}),
        )

    @property
    def ends(self) -> set[int]:
        """The tokens that end an answer."""
        return {*(self._settings.eos_token_id or []), self._filler}

    def answer(self, prompts: Sequence[str]) -> list[tuple[str, int]]:
        """The answer to each rendered prompt, without its end-of-turn token, and the number of tokens generated."""
        chat = bool(self.tokenizer.chat_template)
        rows = [self.tokenizer(prompt, add_special_tokens=not chat)["input_ids"] for prompt in prompts]
        return [(self._text(tokens), len(tokens)) for tokens in self.answer_tokens(rows)]

    def answer_tokens(self, prompts: Sequence[list[int]]) -> list[list[int]]:
        """The tokens of the answer to each prompt of tokens, with the one that ends it."""
        with undisturbed(self.model):
            torch.manual_seed(self._seed)
            before = set_attention(self.model, self._attention)
            try:
                answers, self._size = in_batches([self._kept(prompt) for prompt in prompts], self._size, self._batch)
                return answers
            finally:
                set_attention(self.model, before)

    def _batch(self, rows: Sequence[list[int]]) -> list[list[int]]:
        width = max(map(len, rows))
        ids = [[self._filler] * (width - len(row)) + row for row in rows]
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
        on = self.model.device
        output = self.model.generate(
            input_ids=torch.tensor(ids, device=on),
            attention_mask=torch.tensor(mask, device=on),
            generation_config=self._settings,
        )
        return [self._ended(tokens) for tokens in output[:, width:].tolist()]

    def _kept(self, prompt: list[int]) -> list[int]:
        """A prompt, from its beginning on cut to what leaves room for the answer where positions end."""
        refuse_unknown(prompt, self.tokenizer, self.model, "samples.prompts")
        room = None if self._most is None else max(1, self._most - self._settings.max_new_tokens)
        return prompt if room is None else prompt[-room:]

    def _ended(self, tokens: list[int]) -> list[int]:
        stops = set(self._settings.eos_token_id or [])
        return tokens[: next((index + 1 for index, token in enumerate(tokens) if token in stops), len(tokens))]

    def _text(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()
