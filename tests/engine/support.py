"""Small models, tokenizers, rows and run outcomes for the engine's tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import read_all

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|end|>{% endgeneration %}"
    "{% else %}{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIALS = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
VOCABULARY = 320

SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 512,
    "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 1,
}  # fmt: skip
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 8},
    "qwen2": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    "qwen3": {},
    "phi3": {"sliding_window": 8},
    "gemma2": {"sliding_window": 8, "query_pre_attn_scalar": 16, "attn_logit_softcapping": 5.0},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48},
}
"""Model types with what makes each of them special, at the smallest size; Phi-3 counts its head size itself."""


def make_config(kind: str, **changes: Any) -> Any:
    from transformers import AutoConfig

    values = {**SMALL, **ARCHITECTURES[kind], **changes}
    if kind == "phi3":
        del values["head_dim"]
    return AutoConfig.for_model(kind, **values)


def make_model(kind: str = "llama", **changes: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(make_config(kind, **changes), dtype=torch.float32)


def make_tokenizer(template: str | None = TEMPLATE) -> Any:
    """A byte-level tokenizer that knows every text, with turn markers as special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["the order is late", "answer the question"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>")
    fast.chat_template = template
    return fast


def save_model(folder: Path, kind: str = "llama", template: str | None = TEMPLATE, **changes: Any) -> Path:
    model = make_model(kind, **changes)
    model.generation_config.eos_token_id = 1
    model.save_pretrained(folder)
    make_tokenizer(template).save_pretrained(folder)
    return folder


def conversation(number: int) -> dict[str, Any]:
    question = f"Where is order {number}? " + "please " * (number % 4)
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"Order {number} is late."},
        ]
    }


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Outcome:
    """A run that was carried out: its directory, its exit code, and its records by kind."""

    run: Run
    code: int

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in read_all(self.run.metrics_file) if record["kind"] == kind]

    @property
    def reason(self) -> str | None:
        return self.records("end")[-1]["reason"]

    @property
    def losses(self) -> list[float]:
        return [record["loss"] for record in self.records("step")]

    @property
    def samples(self) -> list[dict[str, Any]]:
        return read_all(self.run.samples_file)


Carry = Callable[..., Outcome]


SPAWN = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def spawn(run: Run, **options: Any) -> subprocess.Popen[bytes]:
    """The engine on a run, in a process of its own."""
    command = [sys.executable, "-P", "-m", "tuitune.engine", "train", str(run.path)]
    return subprocess.Popen(command, stdout=run.log_file.open("ab"), stderr=subprocess.STDOUT, cwd=run.path, **options)


def wait_for(run: Run, wanted: Callable[[dict[str, Any]], bool], seconds: float = 120) -> dict[str, Any]:
    """The first record of the run's metrics that is `wanted`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for record in read_all(run.metrics_file):
            if wanted(record):
                return record
        time.sleep(0.05)
    raise AssertionError(f"nothing of the kind in {seconds} s: {run.log_file.read_text()[-2000:]}")
