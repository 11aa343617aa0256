"""Make the bundled model from scratch: python sample_data/build/make_nano.py [--out DIR] [--steps N].

The text is composed here, the tokenizer is trained on it, and then the model is trained. All seeds are fixed. On one
machine, with the same versions and thread count, the weights come out the same; other processors round differently.
"""

import argparse
import math
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import nano_tokenizer
import torch
from corpus import conversations
from make_sets import HERE, compose
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

STEPS = 2000
ROWS = 24
CHUNK = 80 * ROWS
PEAK_RATE = 2.5e-3
WARM_UP = 100
THREADS = 1  # on a model this small nearly as fast as two, and not held up by other work on the machine
PROMPT_WEIGHT = 0.2

Batch = tuple[torch.Tensor, torch.Tensor]


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A small Llama with random weights."""
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            intermediate_size=704,
            num_hidden_layers=5,
            num_attention_heads=8,
            num_key_value_heads=4,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            **special,
        )
    )
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=128, **special)
    return model


def batches(tokenizer: PreTrainedTokenizerFast) -> Iterator[Batch]:
    """Endless batches of rows of like length: the tokens, and the weight of each token in the loss."""
    barred = frozenset(row["messages"][0]["content"] for rows in compose("triage").values() for row in rows)
    stream = conversations("tuitune nano", barred)
    while True:
        rows = [nano_tokenizer.encode(tokenizer, talk) for talk in islice(stream, CHUNK)]
        rows.sort(key=lambda row: len(row[0]))
        for start in (torch.randperm(CHUNK // ROWS) * ROWS).tolist():
            yield padded(rows[start : start + ROWS], tokenizer.pad_token_id)


def padded(rows: list[tuple[list[int], list[bool]]], pad: int) -> Batch:
    """The rows as one rectangle; padding weighs nothing, what the user says weighs little."""
    width = max(len(ids) for ids, _ in rows)
    tokens = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in rows])
    weights = [[1.0 if mine else PROMPT_WEIGHT for mine in written] for _, written in rows]
    return tokens, torch.tensor([row + [0.0] * (width - len(row)) for row in weights])


def loss_of(model: LlamaForCausalLM, tokens: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The weighted mean loss of the next token."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
    losses = cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    weights = weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def rate(step: int, steps: int) -> float:
    """The learning rate: a linear warm-up, then half a cosine down to nothing."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP)))


def train(model: LlamaForCausalLM, stream: Iterator[Batch], steps: int) -> None:
    """Train in place for a number of steps, and say how it goes."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    begun = time.monotonic()
    for step, (tokens, weights) in enumerate(islice(stream, steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        loss = loss_of(model, tokens, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step:5} loss {loss.item():.4f} {time.monotonic() - begun:6.0f} s", flush=True)


def make(out: Path, steps: int) -> None:
    """Train the tokenizer and the model and save both."""
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    tokenizer = nano_tokenizer.train(islice(conversations("tuitune words"), 20_000))
    model = new_model(tokenizer)
    print(f"{model.num_parameters():,} parameters")
    train(model, batches(tokenizer), steps)
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "nano", help="the folder to write to")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"training steps (default {STEPS})")
    arguments = parser.parse_args()
    make(arguments.out, arguments.steps)
