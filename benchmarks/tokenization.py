"""Tokenizing as training does (rendered, tokenized, labelled, written) against the tokenizer library's own batch speed.

`python benchmarks/tokenization.py` makes conversations, and in one run encodes their rendered texts with the library
alone (`encode_batch`, all cores, tokens as lists) and the rows with everything around it. Budget: ≥ 0.8 × its speed.
"""

from __future__ import annotations

import math
import os
import random
import tempfile
import time
from collections.abc import Callable

ROWS, TURNS, WORDS = 8_000, 4, 60
BUDGET = 0.8
ROUNDS = 5


def conversations() -> list[dict]:
    draw = random.Random(0)
    syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "er", "an", "ing")]
    lexicon = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(4_000)]
    return [
        {
            "messages": [
                {"role": "assistant" if turn % 2 else "user", "content": " ".join(draw.choices(lexicon, k=WORDS)) + "."}
                for turn in range(TURNS)
            ]
        }
        for _ in range(ROWS)
    ]


def tokenizer_of(texts: list[str]) -> object:
    """A byte-level BPE tokenizer as those of today's models, of 8 000 tokens, with ChatML turns and marked answers."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Regex(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8_000, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
        "<|im_end|>{% endgeneration %}\n{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return fast


def best(*works: Callable[[], object]) -> list[float]:
    """The shortest time in seconds of each over several rounds, taken in turns: the machine may be busy."""
    times = [[math.inf] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, times, strict=True):
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
    return [min(taken) for taken in times]


def main() -> None:
    os.environ["TUITUNE_HOME"] = tempfile.mkdtemp(prefix="tuitune-tokenization-")
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    from tuitune.engine.tokens.encode import Encoder
    from tuitune.engine.tokens.store import TokenDraft
    from tuitune.engine.tokens.template import ChatTemplate

    rows = conversations()
    tokenizer = tokenizer_of([turn["content"] for row in rows[:300] for turn in row["messages"]])
    encoder = Encoder(ChatTemplate(tokenizer), "assistant", 2048)
    texts = [encoder.render(row).text for row in rows]
    backend = tokenizer.backend_tokenizer

    def library() -> None:
        for start in range(0, len(texts), 512):
            for encoding in backend.encode_batch(texts[start : start + 512], add_special_tokens=False):
                encoding.ids  # noqa: B018

    def ours() -> None:
        with TokenDraft("benchmark") as draft, draft.rows("train") as write:
            for encoded in encoder.encode_all(rows[start : start + 512] for start in range(0, len(rows), 512)):
                write(encoded)

    def rendering() -> None:
        for row in rows:
            encoder.render(row)

    tokens = sum(len(row.input_ids) for row in encoder.encode(rows))
    theirs, mine, rendered = best(library, ours, rendering)
    print(f"{len(rows):,} conversations, {tokens:,} tokens, {os.cpu_count()} cores")
    print(f"library alone   {tokens / theirs:12,.0f} tokens/s")
    print(f"as in training  {tokens / mine:12,.0f} tokens/s   {theirs / mine:.2f} × the library (budget ≥ {BUDGET})")
    print(f"rendering alone {rendered:.2f} s of {mine:.2f} s")


if __name__ == "__main__":
    main()
