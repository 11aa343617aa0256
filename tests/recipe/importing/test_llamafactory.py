"""LLaMA-Factory's configurations, the older and the newer: the recipe is what they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.recipe.importing.configurations import LLAMAFACTORY, of_json, of_text, said_of, settings_of
from tuitune.objectives import TRAINED
from tuitune.recipe.importing.documents import UnreadableError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings as every_setting
from tuitune.recipe.settings import without_effect

CATALOGUE: dict[str, Any] = {
    "ours": {"file_name": "ours.json", "columns": {"prompt": "question", "response": "answer"}},
    "theirs": {"hf_hub_url": "acme/chats", "subset": "small", "formatting": "sharegpt"},
    "alpaca": {"file_name": "alpaca.jsonl"},
    "few": {"file_name": "few.jsonl", "num_samples": 30},
    "texts": {"file_name": "texts.txt", "columns": {"prompt": "text"}},
    "pictures": {
        "file_name": "p.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
    },
    "china": {"ms_hub_url": "acme/elsewhere"},
    "openai": {
        "file_name": "o.json",
        "formatting": "sharegpt",
        "columns": {"messages": "dialog_turns"},
        "tags": {"role_tag": "role", "content_tag": "content"},
    },
    "odd": {"file_name": "odd.json", "formatting": "sharegpt", "tags": {"role_tag": "speaks", "content_tag": "says"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a catalogue of data sets, as LLaMA-Factory's own has it, and a folder for configurations."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/dataset_info.json").write_text(json.dumps(CATALOGUE))
    (tmp_path / "examples").mkdir()
    return tmp_path / "examples"


def test_a_lora_configuration(folder: Path) -> None:
    got = settings_of(of_text(folder, LLAMAFACTORY))
    data = folder.parent / "data"
    wanted = {
        "model.id": "acme/base-7b", "data.train": str(data / "ours.json"), "data.mix": {"acme/chats:small": 0.9},
        "data.shape": "columns", "data.columns": {"prompt": "question", "completion": "answer"},
        "data.max_length": 1500, "adapter.method": "lora", "adapter.rank": 12, "adapter.alpha": 24,
        "adapter.dropout": 0.0, "adapter.targets": ["q_proj", "v_proj"], "training.batch_size": 3,
        "training.accumulation": 5, "training.learning_rate": 7e-5, "training.epochs": 2.5,
        "training.schedule": "linear", "training.warmup_ratio": 0.0, "training.max_grad_norm": 1.0,
        "training.gradient_checkpointing": True, "data.packing": False, "data.eval": None,
    }  # fmt: skip
    assert {key: got[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("line", "settings", "kind"),
    [
        ("quantization_bit: 4", {"quantization.bits": 4}, "carried"),
        ("quantization_bit: 3", {"quantization.bits": 4}, "changed"),
        ("lora_target: all", {"adapter.targets": "all-linear"}, "carried"),
        ("disable_gradient_checkpointing: true", {"training.gradient_checkpointing": False}, "carried"),
        ("train_on_prompt: true", {"data.loss_on": "all"}, "carried"),
        ("mask_history: true", {"data.loss_on": "completion"}, "carried"),
        ("packing: true", {"data.packing": True}, "changed"),
        ("neat_packing: true", {"data.packing": True}, "carried"),
        ("disable_shuffling: true", {"data.shuffle": False}, "carried"),
        ("val_size: 0.1", {"data.eval": 0.1}, "carried"),
        ("flash_attn: disabled", {"model.attention": "eager"}, "carried"),
        ("flash_attn: fa2", {"model.attention": "auto"}, "changed"),
        ("max_samples: 100", {"data.limit": 100}, "changed"),
        ("template: llama3", {}, "lost"),
        ("report_to: none", {}, "carried"),
        ("report_to: wandb", {}, "lost"),
        ("deepspeed: z3.json", {}, "lost"),
        ("use_galore: true", {}, "lost"),
        ("finetuning_type: full", {"adapter.method": "none"}, "carried"),
        (
            "finetuning_type: freeze",
            {"adapter.method": "none", "adapter.layers": "last 2", "adapter.freeze_embeddings": True},
            "changed",
        ),
        ("additional_target: embed_tokens,lm_head", {"adapter.modules_to_save": "both"}, "carried"),
    ],
)
def test_a_line_becomes(line: str, settings: dict[str, object], kind: str, folder: Path) -> None:
    found = of_text(folder, LLAMAFACTORY, line)
    got = settings_of(found)
    assert {key: got[key] for key in settings} == settings
    assert said_of(found, line.partition(":")[0])[0] == kind


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("alpaca", {"data.shape": "alpaca", "data.columns": {}}),
        ("theirs", {"data.train": "acme/chats:small", "data.shape": "sharegpt", "data.columns": {}}),
        ("openai", {"data.shape": "messages", "data.columns": {"messages": "dialog_turns"}}),
        ("texts", {"data.shape": "text", "data.columns": {"text": "text"}, "data.loss_on": "all"}),
    ],
)
def test_the_catalogue_says_how_rows_are_read(name: str, settings: dict[str, object], folder: Path) -> None:
    got = settings_of(of_text(folder, LLAMAFACTORY, f"dataset: {name}"))
    assert {key: got[key] for key in settings} == settings


@pytest.mark.parametrize(("most", "limit"), [(20, 20), (500, 30)])
def test_the_fewer_of_two_limits_counts(most: int, limit: int, folder: Path) -> None:
    found = of_text(folder, LLAMAFACTORY, "dataset: few", f"max_samples: {most}")
    assert settings_of(found)["data.limit"] == limit


def test_shares_of_interleaved_sets_are_the_recipes(folder: Path) -> None:
    changes = ("mix_strategy: interleave_under", "interleave_probs: 0.75,0.25")
    assert settings_of(of_text(folder, LLAMAFACTORY, *changes))["data.mix"] == {"acme/chats:small": 0.25}


@pytest.mark.parametrize(("name", "words"), [("pictures", "images"), ("china", "china"), ("ours, pictures", "images")])
def test_data_that_cannot_be_trained_on_is_refused(name: str, words: str, folder: Path) -> None:
    found = of_text(folder, LLAMAFACTORY, f"dataset: {name}")
    assert found.recipe is None
    assert words in found.problems[0].message and "line" in found.problems[0].key


def test_what_the_objective_does_not_read_cannot_be_and_is_not_in_the_recipe(folder: Path) -> None:
    unread = ("packing: true", "neftune_noise_alpha: 5", "ld_alpha: 0.5", "pref_ftx: 1.0", "mask_history: true")
    found = of_text(folder, LLAMAFACTORY, "stage: dpo", "pref_loss: orpo", *unread, "dataset: alpaca")
    for line in unread:
        kind, why = said_of(found, line.partition(":")[0])
        assert kind == "lost" and "no effect" in why and "objective" in why
    assert not {"data.packing", "training.neftune_alpha", "objective.ld_alpha"} & set(found.defaults)
    recipe = found.recipe
    assert recipe is not None
    changed = {one.key for one in every_setting() if one.of(recipe) != one.default}
    assert not changed & without_effect(recipe).keys()


def test_a_full_fine_tuning_has_no_rank_of_its_trainer(folder: Path) -> None:
    found = of_text(folder, LLAMAFACTORY, "finetuning_type: full", "dataset: alpaca")
    assert not any(key.startswith("adapter.") for key in found.defaults)
    assert said_of(found, "lora_rank")[0] == "lost"
    assert settings_of(found)["adapter.rank"] == Recipe().adapter.rank


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("enable_thinking: false", "lost", "thinking"),
        ("enable_thinking: true", "carried", ""),
        ("ignore_pad_token_for_loss: false", "lost", "padding"),
        ("optm: adamw_torch", "lost", "did you mean 'optim'"),
        ("invented_key: 4", "lost", "no setting"),
        ("dataset_dir: elsewhere", "lost", "dataset_info.json"),
    ],
)
def test_what_is_not_as_it_was_is_said(line: str, kind: str, words: str, tmp_path: Path) -> None:
    got, why = said_of(of_text(tmp_path, LLAMAFACTORY, line), line.partition(":")[0])
    assert got == kind and words in why


def test_turn_keys_that_are_not_read_are_named(folder: Path) -> None:
    kind, why = said_of(of_text(folder, LLAMAFACTORY, "dataset: odd"), "dataset")
    assert kind == "changed" and "speaks" in why and "says" in why


def test_a_name_outside_the_catalogue_is_refused(folder: Path) -> None:
    with pytest.raises(UnreadableError, match=r"line \d+: dataset: 'nowhere' is not in .*dataset_info.json"):
        of_text(folder, LLAMAFACTORY, "dataset: nowhere")


def test_without_a_catalogue_the_names_stay_and_that_is_said(tmp_path: Path) -> None:
    found = of_text(tmp_path, LLAMAFACTORY)
    assert settings_of(found)["data.train"] == "ours"
    kind, why = said_of(found, "dataset")
    assert kind == "changed" and "dataset_info.json" in why


@pytest.mark.parametrize(("more", "beta"), [("seed: 1", 0.1), ("pref_beta: 2.5", 2.5)])
def test_simpo_has_the_margin_and_the_beta_that_it_had_there(more: str, beta: float, folder: Path) -> None:
    found = of_text(folder, LLAMAFACTORY, "stage: dpo", "pref_loss: simpo", more, "dataset: alpaca")
    settings = settings_of(found)
    assert (settings["objective.beta"], settings["objective.gamma"], settings["objective.sft_weight"]) == (beta, 0.5, 0)


@pytest.mark.parametrize(
    ("stage", "more", "name"),
    [
        ("dpo", "pref_loss: sigmoid", "dpo"),
        ("dpo", "pref_loss: simpo", "simpo"),
        ("kto", "pref_beta: 0.2", "kto"),
        ("pt", "packing: true", "pretrain"),
        ("rm", "seed: 1", "reward"),
        ("ppo", "ppo_epochs: 4", "ppo"),
    ],
)
def test_an_objective_comes_over_as_soon_as_it_is_trained(stage: str, more: str, name: str, folder: Path) -> None:
    found = of_text(folder, LLAMAFACTORY, f"stage: {stage}", more, "dataset: alpaca")
    if name in TRAINED:
        assert settings_of(found)["objective.kind"] == name
    else:
        assert any("stage" in one.message and name in one.message for one in found.problems)


@pytest.mark.parametrize(
    "change", ["do_train: false", "adapter_name_or_path: old", "finetuning_type: oft", "train_from_scratch: true"]
)
def test_what_would_train_something_else_is_refused(change: str, folder: Path) -> None:
    found = of_text(folder, LLAMAFACTORY, change)
    assert found.recipe is None
    assert any(one.message.startswith(change.partition(":")[0]) for one in found.problems)


def test_a_configuration_that_merges_trains_nothing(folder: Path) -> None:
    found = of_text(folder, "model_name_or_path: a/b\nadapter_name_or_path: c\ntemplate: x\nexport_dir: out")
    assert found.recipe is None
    assert any("does not train" in one.message for one in found.problems)


V1 = """
model: acme/base-4b
peft_config: {name: lora, r: 16, lora_alpha: 64, target_modules: all}
quant_config: {name: bnb, quantization_bit: 8}
dist_config: {name: fsdp2, dcp_path: null}
train_dataset: data/sets.yaml
micro_batch_size: 2
global_batch_size: 12
cutoff_len: 900
learning_rate: 2.0e-4
max_steps: 30
"""


def test_the_newer_keys(folder: Path) -> None:
    (folder.parent / "data/sets.yaml").write_text("a: {path: acme/rows, split: part, converter: sharegpt}\n")
    found = of_text(folder, V1)
    got = settings_of(found)
    wanted = {
        "model.id": "acme/base-4b", "adapter.rank": 16, "adapter.alpha": 64, "adapter.targets": "all-linear",
        "quantization.bits": 8, "data.train": "acme/rows", "data.split": "part", "data.shape": "sharegpt",
        "training.batch_size": 2, "training.accumulation": 6, "training.max_steps": 30, "data.max_length": 900,
        "training.learning_rate": 2e-4, "training.schedule": "constant",
    }  # fmt: skip
    assert {key: got[key] for key in wanted} == wanted
    assert said_of(found, "dist_config")[0] == "lost"


def test_frozen_layers_are_those_of_the_older_keys(folder: Path) -> None:
    (folder.parent / "data/sets.yaml").write_text("a: {path: acme/rows, converter: sharegpt}\n")
    got = settings_of(of_text(folder, V1, "peft_config: {name: freeze, freeze_trainable_layers: -3}", "quant_config:"))
    assert (got["adapter.method"], got["adapter.layers"], got["adapter.freeze_embeddings"]) == ("none", "0-2", True)


def test_pairs_make_it_a_preference_run(folder: Path) -> None:
    (folder.parent / "data/sets.yaml").write_text("a: {path: acme/pairs, converter: pair}\n")
    found = of_text(folder, V1)
    assert settings_of(found)["objective.kind"] == "dpo" if "dpo" in TRAINED else found.recipe is None


def test_the_json_form(folder: Path) -> None:
    values = {
        "model_name_or_path": "a/b",
        "stage": "sft",
        "finetuning_type": "lora",
        "dataset": "alpaca",
        "lora_rank": 6,
    }
    assert settings_of(of_json(folder, values, "train.json"))["adapter.rank"] == 6
    with pytest.raises(UnreadableError, match=r"train.json, line 6: lora_rank"):
        of_json(folder, {**values, "lora_rank": "many"}, "train.json")
