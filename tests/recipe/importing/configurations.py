"""Configurations of other trainers, written for the tests, and what is asked of one that is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuitune.recipe.importing.imported import Imported
from tuitune.recipe.importing.origins import import_file

AXOLOTL = """
base_model: acme/base-7b
adapter: qlora
load_in_4bit: true
lora_r: 24
lora_alpha: 48
lora_target_linear: true
datasets:
  - path: acme/chats
    type: chat_template
sequence_len: 3072
sample_packing: true
micro_batch_size: 2
gradient_accumulation_steps: 8
num_epochs: 2
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 3e-4
bf16: auto
"""

LLAMAFACTORY = """
model_name_or_path: acme/base-7b
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 12
lora_target: q_proj,v_proj
dataset: ours, theirs
template: default
cutoff_len: 1500
per_device_train_batch_size: 3
gradient_accumulation_steps: 5
learning_rate: 7.0e-5
num_train_epochs: 2.5
bf16: true
"""

ADAPTER = {
    "base_model_name_or_path": "acme/base-7b",
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "r": 20,
    "lora_alpha": 10,
    "lora_dropout": 0.1,
    "target_modules": ["v_proj", "q_proj"],
    "inference_mode": True,
}


def of_text(folder: Path, text: str, *changes: str, name: str = "config.yml", trainer: str = "") -> Imported:
    """What comes of YAML with lines changed or added: `key: value` takes the place of the key's line."""
    lines = text.strip().splitlines()
    for change in changes:
        key = change.partition(":")[0]
        lines = [*_without(lines, key), change]
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return import_file(path, trainer)


def _without(lines: list[str], key: str) -> Iterator[str]:
    """The lines without a key and the indented ones below it."""
    below = False
    for line in lines:
        below = line.partition(":")[0] == key or (below and line.startswith(" "))
        if not below:
            yield line


def of_json(folder: Path, values: dict[str, Any], name: str = "adapter_config.json", *given: str) -> Imported:
    path = folder / name
    path.write_text(json.dumps(values, indent=2))
    return import_file(path, assignments=given)


def settings_of(found: Imported) -> dict[str, Any]:
    """The recipe's settings, by key."""
    assert found.recipe is not None, found.problems
    tables = found.recipe.model_dump()
    return {f"{section}.{name}": value for section, table in tables.items() for name, value in table.items()}


def said_of(found: Imported, key: str) -> tuple[str, str]:
    """What became of a key, and why."""
    [one] = [entry for entry in found.entries if entry.key == key]
    return one.outcome.kind, one.outcome.why


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all single values, and of empty tables and lists."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path


def accounts_for(entry: str, leaf: str) -> bool:
    """Whether an entry's key is that of a value, or of what the value lies in."""
    return leaf == entry or leaf.startswith((f"{entry}.", f"{entry}["))
