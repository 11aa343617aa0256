"""An adapter's configuration, with what its training left beside it: the recipe is how it was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.recipe.importing.configurations import ADAPTER, of_json, said_of, settings_of

TRAINER = {
    "output_dir": "out", "per_device_train_batch_size": 6, "gradient_accumulation_steps": 2, "learning_rate": 9e-5,
    "num_train_epochs": 5.0, "max_steps": -1, "optim": "adamw_torch", "lr_scheduler_type": "cosine",
    "warmup_steps": 0, "warmup_ratio": 0.04, "bf16": True, "fp16": False, "gradient_checkpointing": True,
    "weight_decay": 0.02, "max_grad_norm": 0.7, "seed": 5, "save_strategy": "no", "eval_strategy": "no",
    "push_to_hub": False, "hub_token": "<HUB_TOKEN>", "adam_beta1": 0.9, "tf32": None, "report_to": ["wandb"],
}  # fmt: skip
DATA = "data.train=mine.jsonl"


def test_an_adapter_and_its_trainers_arguments(tmp_path: Path) -> None:
    (tmp_path / "training_args.json").write_text(json.dumps(TRAINER))
    found = of_json(tmp_path, ADAPTER, "adapter_config.json", DATA)
    got = settings_of(found)
    wanted = {
        "model.id": "acme/base-7b", "data.train": "mine.jsonl", "adapter.method": "lora", "adapter.rank": 20,
        "adapter.alpha": 10, "adapter.dropout": 0.1, "adapter.targets": ["v_proj", "q_proj"],
        "training.batch_size": 6, "training.accumulation": 2, "training.learning_rate": 9e-5, "training.epochs": 5.0,
        "training.optimizer": "adamw_torch", "training.warmup_ratio": 0.04, "training.precision": "bf16",
        "training.gradient_checkpointing": True, "training.weight_decay": 0.02, "training.max_grad_norm": 0.7,
        "run.seed": 5, "checkpoints.every": "end", "training.max_steps": None,
    }  # fmt: skip
    assert {key: got[key] for key in wanted} == wanted
    assert said_of(found, "report_to")[0] == "lost"


def test_a_state_and_a_card_say_what_they_know(tmp_path: Path) -> None:
    state = {
        "num_train_epochs": 7,
        "train_batch_size": 3,
        "max_steps": 812,
        "log_history": [{"loss": 1.5}],
        "epoch": 7.0,
    }
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    (tmp_path / "README.md").write_text(
        "---\nbase_model: acme/base-7b\ndatasets:\n- acme/rows\ntags: [lora]\n---\n# Hi\n"
    )
    got = settings_of(of_json(tmp_path, ADAPTER))
    assert (got["training.epochs"], got["training.batch_size"], got["training.max_steps"]) == (7.0, 3, None)
    assert got["data.train"] == "acme/rows"


CARD = """---
base_model: acme/base-7b
---
## Training procedure

### Training hyperparameters

The following hyperparameters were used during training:
- learning_rate: 6e-05
- train_batch_size: 2
- gradient_accumulation_steps: 16
- num_devices: 4
- optimizer: Use OptimizerNames.ADAMW_BNB with betas=(0.9,0.999) and epsilon=1e-08 and optimizer_args=No additional
- lr_scheduler_type: cosine
- lr_scheduler_warmup_steps: 5
- training_steps: 250
- invented: 1

### Training results
- learning_rate: 1
"""


def test_the_hyperparameters_of_a_card_stand_in_for_pickled_arguments(tmp_path: Path) -> None:
    (tmp_path / "training_args.bin").write_bytes(b"\x80\x04.")
    (tmp_path / "README.md").write_text(CARD)
    found = of_json(tmp_path, ADAPTER, "adapter_config.json", DATA)
    got = settings_of(found)
    wanted = {
        "training.learning_rate": 6e-5, "training.batch_size": 2, "training.accumulation": 16,
        "training.optimizer": "adamw_8bit", "training.schedule": "cosine", "training.warmup_ratio": 0.02,
        "training.max_steps": 250, "training.max_grad_norm": 1.0,
    }  # fmt: skip
    assert {key: got[key] for key in wanted} == wanted
    assert said_of(found, "num_devices")[0] == said_of(found, "invented")[0] == "lost"
    [place] = [one.place for one in found.entries if one.key == "num_devices"]
    assert place.endswith("README.md, line 12")


def test_known_arguments_outweigh_a_card(tmp_path: Path) -> None:
    (tmp_path / "training_args.json").write_text(json.dumps(TRAINER))
    (tmp_path / "README.md").write_text(CARD)
    assert settings_of(of_json(tmp_path, ADAPTER, "adapter_config.json", DATA))["training.learning_rate"] == 9e-5


def test_pickled_arguments_are_named_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "training_args.bin").write_bytes(b"\x80\x04.")
    kind, why = said_of(of_json(tmp_path, ADAPTER, "adapter_config.json", DATA), "training_args.bin")
    assert kind == "lost" and "pickle" in why


def test_that_the_training_is_not_known_is_said(tmp_path: Path) -> None:
    assert said_of(of_json(tmp_path, ADAPTER, "adapter_config.json", DATA), "training_args.json")[0] == "lost"


def test_data_that_nothing_names_is_asked_for(tmp_path: Path) -> None:
    found = of_json(tmp_path, ADAPTER)
    assert found.recipe is None
    assert "--set data.train=" in found.problems[0].message


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"task_type": "SEQ_2_SEQ_LM"}, "task_type"),
        ({"peft_type": "VBLORA"}, "peft_type"),
        ({"layer_replication": [[0, 4]]}, "layer_replication"),
    ],
)
def test_what_would_train_something_else_is_refused(change: dict[str, object], key: str, tmp_path: Path) -> None:
    found = of_json(tmp_path, {**ADAPTER, **change}, "adapter_config.json", DATA)
    assert found.recipe is None
    assert any(one.message.startswith(key) for one in found.problems)


def test_what_lora_has_and_tuitune_has_not_is_named(tmp_path: Path) -> None:
    found = of_json(tmp_path, {**ADAPTER, "use_qalora": True, "exclude_modules": ["x"]}, "adapter_config.json", DATA)
    assert {said_of(found, key)[0] for key in ("use_qalora", "exclude_modules")} == {"lost"}


def test_the_arguments_can_be_named_instead(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(ADAPTER))
    found = of_json(tmp_path, TRAINER, "training_args.json", DATA)
    assert settings_of(found)["adapter.rank"] == 20
    assert settings_of(found)["training.learning_rate"] == 9e-5


def test_layers_come_over_by_their_numbers(tmp_path: Path) -> None:
    found = of_json(tmp_path, {**ADAPTER, "layers_to_transform": [9, 8, 10]}, "adapter_config.json", DATA)
    assert settings_of(found)["adapter.layers"] == "8, 9, 10"


def test_what_stands_beside_the_matrices_comes_over(tmp_path: Path) -> None:
    more = {
        "modules_to_save": ["embed_tokens", "model.lm_head"],
        "rank_pattern": {"q_proj": 4},
        "alpha_pattern": {},
        "init_lora_weights": "eva",
        "loftq_config": {},
    }
    got = settings_of(of_json(tmp_path, {**ADAPTER, **more}, "adapter_config.json", DATA))
    assert (got["adapter.modules_to_save"], got["adapter.rank_pattern"]) == ("both", {"q_proj": 4})
    assert got["adapter.init"] == "eva"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("modules_to_save", ["embed_tokens", "score"]),
        ("rank_pattern", {"^model.layers.0.*": 4}),
        ("trainable_token_indices", [5, 6]),
    ],
)
def test_what_cannot_stand_beside_them_is_named(tmp_path: Path, key: str, value: Any) -> None:
    assert said_of(of_json(tmp_path, {**ADAPTER, key: value}, "adapter_config.json", DATA), key)[0] == "lost"


def test_settings_are_found_by_the_names_that_peft_has_for_them(tmp_path: Path) -> None:
    adalora = {
        **ADAPTER,
        "peft_type": "ADALORA",
        "init_r": 20,
        "target_r": 10,
        "deltaT": 5,
        "tinit": 200,
        "tfinal": 900,
    }
    found = of_json(tmp_path, adalora, "adapter_config.json", DATA)
    got = settings_of(found)
    assert (got["adapter.method"], got["adapter.initial_rank"], got["adapter.target_rank"]) == ("adalora", 20, 10)
    assert got["adapter.cut_every"] == 5
    assert {said_of(found, key)[0] for key in ("tinit", "tfinal")} == {"lost"}
    known = settings_of(of_json(tmp_path, {**adalora, "total_step": 2000}, "adapter_config.json", DATA))
    assert (known["adapter.cut_from"], known["adapter.cut_until"]) == (0.1, 0.55)
    late = of_json(tmp_path, {**adalora, "total_step": 2000, "tinit": 1990, "tfinal": 0}, "adapter_config.json", DATA)
    assert said_of(late, "tinit")[0] == "lost" and settings_of(late)["adapter.cut_until"] == 1
