"""Axolotl's configurations: the recipe is what they mean."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.recipe.importing.configurations import AXOLOTL, of_text, said_of, settings_of
from tuitune.methods import FIRST_CLASS
from tuitune.objectives import TRAINED
from tuitune.recipe import document
from tuitune.recipe.importing.common import names_in
from tuitune.recipe.importing.documents import UnreadableError


def test_a_qlora_configuration(tmp_path: Path) -> None:
    got = settings_of(of_text(tmp_path, AXOLOTL))
    wanted = {
        "model.id": "acme/base-7b", "data.train": "acme/chats", "data.shape": "messages", "data.max_length": 3072,
        "data.packing": True, "adapter.method": "lora", "adapter.rank": 24, "adapter.alpha": 48,
        "adapter.targets": "all-linear", "quantization.bits": 4, "training.batch_size": 2, "training.accumulation": 8,
        "training.epochs": 2.0, "training.optimizer": "adamw_8bit", "training.learning_rate": 3e-4,
        "training.precision": "auto",
    }  # fmt: skip
    assert {key: got[key] for key in wanted} == wanted


def test_what_axolotl_does_untold_is_in_the_recipe(tmp_path: Path) -> None:
    got = settings_of(of_text(tmp_path, "base_model: acme/base\ndatasets: [{path: acme/rows, type: alpaca}]"))
    untold = {
        "adapter.method": "none", "data.max_length": 512, "data.packing": False, "data.eval": None,
        "cleaning.too_long": "drop", "training.epochs": 1.0, "training.batch_size": 1, "training.accumulation": 1,
        "training.max_grad_norm": 1.0,
    }  # fmt: skip
    assert {key: got[key] for key in untold} == untold


def test_the_recipe_reads_back_equal(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "val_set_size: 0.1", "seed: 7")
    (tmp_path / "r.toml").write_text(document.render(found.recipe))
    assert document.read(tmp_path / "r.toml") == found.recipe


@pytest.mark.parametrize(
    ("line", "settings", "kind"),
    [
        ("val_set_size: 0", {"data.eval": None}, "carried"),
        ("val_set_size: 0.07", {"data.eval": 0.07}, "carried"),
        ("val_set_size: 500", {"data.eval": 0.05}, "changed"),
        ("warmup_steps: 10", {"training.warmup_ratio": 0.03}, "changed"),
        ("warmup_ratio: 0.2", {"training.warmup_ratio": 0.2}, "carried"),
        ("evals_per_epoch: 4", {"evaluation.every": "epoch"}, "changed"),
        ("eval_steps: 40", {"evaluation.every": 40}, "carried"),
        ("save_steps: 0.25", {"checkpoints.every": "epoch"}, "changed"),
        ("optimizer: adamw_torch_8bit", {"training.optimizer": "adamw_8bit"}, "changed"),
        ("optimizer: lion_8bit", {"training.optimizer": "adamw_torch_fused"}, "changed"),
        ("lr_scheduler: one_cycle", {"training.schedule": "cosine"}, "changed"),
        ("learning_rate: '2e-5'", {"training.learning_rate": 2e-5}, "carried"),
        ("bf16: true", {"training.precision": "bf16"}, "carried"),
        ("train_on_inputs: true", {"data.loss_on": "all"}, "carried"),
        ("excess_length_strategy: truncate", {"cleaning.too_long": "cut"}, "carried"),
        ("dataset_exact_deduplication: true", {"cleaning.duplicates": True}, "carried"),
        ("gradient_checkpointing: offload", {"training.gradient_checkpointing": True}, "changed"),
        ("peft_use_dora: true", {"adapter.dora": True}, "carried"),
        ("batch_size: 32", {}, "carried"),
        ("trust_remote_code: true", {"model.trust_remote_code": False}, "changed"),
        ("deepspeed: zero3.json", {}, "lost"),
        ("wandb_project: mine", {}, "lost"),
        ("hub_model_id: acme/result", {}, "lost"),
        ("wandb_project:", {}, "carried"),
        ("load_in_8bit: false", {}, "carried"),
        ("output_dir: ./out", {}, "changed"),
        ("adam_beta2: 0.999", {}, "carried"),
        ("adam_beta2: 0.95", {}, "lost"),
        ("lora_rr: 8", {}, "lost"),
    ],
)
def test_a_line_becomes(line: str, settings: dict[str, object], kind: str, tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, line)
    got = settings_of(found)
    assert {key: got[key] for key in settings} == settings
    assert said_of(found, line.partition(":")[0])[0] == kind


def test_an_adapter_that_begins_with_what_quantization_takes_is_on_a_quantized_base(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "peft: {loftq_config: {loftq_bits: 8}}", "adapter: lora", "load_in_4bit:")
    got = settings_of(found)
    assert (got["adapter.init"], got["quantization.bits"]) == ("loftq", 8)
    assert said_of(found, "peft.loftq_config")[0] == "changed"


@pytest.mark.parametrize(("accumulation", "fitting"), [(8, (2, 4)), (1, None)])
def test_rows_that_are_compared_come_more_at_a_time(
    accumulation: int, fitting: tuple[int, int] | None, tmp_path: Path
) -> None:
    steps = ("micro_batch_size: 1", f"gradient_accumulation_steps: {accumulation}")
    found = of_text(tmp_path, AXOLOTL, "rl: kto", *steps)
    if fitting is None:
        assert found.recipe is None and found.problems[0].key == "training.batch_size"
        return
    got = settings_of(found)
    assert (got["training.batch_size"], got["training.accumulation"]) == fitting
    assert {said_of(found, line.partition(":")[0])[0] for line in steps} == {"changed"}


@pytest.mark.parametrize(
    ("patterns", "layers", "ends"),
    [
        (["^model.language_model.*", "lm_head"], "", True),
        (["model.layers.2[0-1]+"], "20, 21", False),
        (["^model.layers.7.", "^lm_head.weight$", "^model.embed_tokens.weight$"], "7", True),
        (["model.layers.3.", "lm_head"], None, None),
        (["model.layers.3.self_attn"], None, None),
        (["model.layers.3.", "model.embed_tokens.weight$[:320]", "lm_head"], None, None),
        (["[0-9"], None, None),
    ],
)
def test_weights_that_are_not_frozen_are_whole_layers(
    patterns: list[str], layers: str | None, ends: bool | None, tmp_path: Path
) -> None:
    changes = ("adapter:", "load_in_4bit:", f"unfrozen_parameters: {patterns}")
    if layers is None:
        with suppress(UnreadableError):
            assert of_text(tmp_path, AXOLOTL, *changes).recipe is None
        return
    got = settings_of(of_text(tmp_path, AXOLOTL, *changes))
    assert (got["adapter.method"], got["adapter.layers"]) == ("none", layers)
    assert got["adapter.freeze_embeddings"] is not ends


def test_warm_up_steps_are_a_share_of_known_steps(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "max_steps: 200", "warmup_steps: 10")
    assert settings_of(found)["training.warmup_ratio"] == 0.05
    assert said_of(found, "warmup_steps")[0] == "carried"


def test_rows_of_a_whole_step_give_the_accumulation(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "gradient_accumulation_steps:", "batch_size: 32")
    assert settings_of(found)["training.accumulation"] == 16


@pytest.mark.parametrize(
    ("datasets", "settings"),
    [
        ("[{path: a/b, type: alpaca}]", {"data.train": "a/b", "data.shape": "alpaca"}),
        (
            "[{path: a/b, type: chat_template, field_messages: turns, message_property_mappings: {role: from}}]",
            {"data.shape": "sharegpt", "data.columns": {"messages": "turns"}},
        ),
        (
            "[{path: a/b, type: completion, field: body}]",
            {"data.shape": "text", "data.columns": {"text": "body"}, "data.loss_on": "all"},
        ),
        (
            "[{path: a/b, type: {field_instruction: q, field_output: a, format: '{instruction}'}}]",
            {"data.shape": "columns", "data.columns": {"prompt": "q", "completion": "a"}},
        ),
        ("[{path: json, data_files: rows.jsonl, type: alpaca}]", {"data.train": "rows.jsonl"}),
        ("[{path: a/b, name: small, type: alpaca}]", {"data.train": "a/b:small"}),
        (
            "[{path: a/b, data_files: [x.jsonl], type: alpaca}]",
            {"data.train": "https://huggingface.co/datasets/a/b/resolve/main/x.jsonl"},
        ),
        ("[{path: a/b, split: 'train[:50]'}]", {"data.split": "train", "data.limit": 50, "data.shape": "auto"}),
        ("[{path: a/b}, {path: a/c}, {path: a/d}]", {"data.train": "a/b", "data.mix": {"a/c": 0.4499, "a/d": 0.4499}}),
        ("[{path: a/b}, {path: a/b}]", {"data.train": "a/b", "data.mix": {}}),
    ],
)
def test_data_sets(datasets: str, settings: dict[str, object], tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, f"datasets: {datasets}")
    got = settings_of(found)
    for key, value in settings.items():
        assert got[key] == (pytest.approx(value, abs=1e-3) if key == "data.mix" else value)


def test_each_key_of_a_written_type_is_told(tmp_path: Path) -> None:
    written = "{system_prompt: Be a pirate., field_instruction: q, field_output: a, format: '[I] {instruction}'}"
    found = of_text(tmp_path, AXOLOTL, f"datasets: [{{path: a/b, type: {written}}}]")
    told = {name: said_of(found, f"datasets[0].type.{name}") for name in ("system_prompt", "field_output", "format")}
    assert [kind for kind, _ in told.values()] == ["lost", "carried", "changed"]
    assert "system turn" in told["system_prompt"][1] and "headings" in told["format"][1]
    assert settings_of(found)["data.columns"] == {"prompt": "q", "completion": "a"}


def test_a_slice_that_is_not_taken_is_named(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "datasets: [{path: a/b, split: 'train[:5%]', type: alpaca}]")
    kind, why = said_of(found, "datasets[0].split")
    assert (kind, settings_of(found)["data.split"]) == ("changed", "train") and "[:5%]" in why and "data.limit" in why


@pytest.mark.parametrize(
    ("line", "meant"), [("optimzer: lion", "optimizer"), ("sequence_length: 9", "sequence_len"), ("zzz: 1", "")]
)
def test_an_unknown_key_is_told_with_the_one_that_is_meant(line: str, meant: str, tmp_path: Path) -> None:
    text = "\n".join(one for one in AXOLOTL.splitlines() if not meant or not one.startswith(f"{meant}:"))
    kind, why = said_of(of_text(tmp_path, text, line), line.partition(":")[0])
    assert kind == "lost" and (f"did you mean '{meant}'" in why if meant else "did you mean" not in why)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("rl: ebft", "rl"),
        ("adapter: llama-adapter", "adapter"),
        ("processor_type: AutoProcessor", "processor_type"),
        ("lora_model_dir: ./old", "lora_model_dir"),
        ("reinit_weights: true", "reinit_weights"),
        ("datasets: [{path: 's3://bucket/rows'}]", "datasets[0].path"),
        ("plugins: [axolotl.integrations.kd.KDPlugin]", "plugins[0]"),
    ],
)
def test_what_would_train_something_else_is_refused_by_its_line(change: str, key: str, tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, change)
    assert found.recipe is None
    [problem] = [one for one in found.problems if one.message.startswith(key)]
    assert "config.yml, line" in problem.key


@pytest.mark.parametrize(("more", "weight"), [("seed: 1", 1.0), ("cpo_alpha: 0.5", 0.5)])
def test_simpo_adds_the_supervised_loss_that_it_had_there(more: str, weight: float, tmp_path: Path) -> None:
    settings = settings_of(of_text(tmp_path, AXOLOTL, "rl: simpo", "simpo_gamma: 0.8", more))
    assert (settings["objective.gamma"], settings["objective.sft_weight"]) == (0.8, weight)


@pytest.mark.parametrize("name", ["dpo", "kto", "orpo", "grpo"])
def test_an_objective_comes_over_as_soon_as_it_is_trained(name: str, tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, f"rl: {name}")
    if name in TRAINED and TRAINED[name].generates:
        assert found.recipe is None and any("rewards.weights" in one.message for one in found.problems)
    elif name in TRAINED:
        assert settings_of(found)["objective.kind"] == name
    else:
        assert any(f"{name}" in one.message and "yet" in one.message for one in found.problems)


@pytest.mark.parametrize("name", ["adalora", "ia3", "oft"])
def test_a_method_comes_over_as_soon_as_there_is_one(name: str, tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, f"adapter: {name}", "load_in_4bit: false")
    if name in FIRST_CLASS:
        assert settings_of(found)["adapter.method"] == name
    else:
        assert any(name in one.message for one in found.problems)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("lora_r: many", "whole number"),
        ("lora_dropout: 3", "from 0"),
        ("learning_rate: -1", "above 0"),
        ("sample_packing: sometimes", "true or false"),
        ("datasets: acme/rows", "list of data sets"),
        ("datasets: [{type: alpaca}]", "path"),
        ("bf16: maybe", "auto"),
        ("load_in_4bit: 4", "true or false"),
        ("val_set_size: .nan", "a number"),
        ("warmup_steps: 1.0e+999", "a number"),
    ],
)
def test_a_wrong_value_is_refused_by_line_and_key(change: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError) as caught:
        of_text(tmp_path, AXOLOTL, change)
    [problem] = caught.value.problems
    assert "config.yml, line" in problem.key
    assert problem.message.startswith(change.partition(":")[0])
    assert words in problem.message


def test_keys_that_say_different_things_are_refused(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "load_in_8bit: true")
    assert found.recipe is None
    assert "load_in_8bit" in found.problems[0].message and "quantization.bits" in found.problems[0].message


def test_a_key_may_have_a_point_in_it(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "special_tokens: {a.b: x, 'a[0]': y}")
    assert [one.value for one in found.entries if one.key.startswith("special_tokens")] == ["x", "y"]


def test_no_credential_is_repeated(tmp_path: Path) -> None:
    found = of_text(tmp_path, AXOLOTL, "swanlab_api_key: abcd1234", "hub_token: hf_" + "a1" * 20)
    assert "abcd1234" not in str(found.entries) and "a1a1a1" not in str(found.entries)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (r"model.layers.[\d]+.(mlp|self_attn).(up|down|q)_proj", ["up_proj", "down_proj", "q_proj"]),
        (r".*\.layers\.(3|7)\.self_attn\.(q|k)_proj|.*\.mlp\.gate_proj", ["q_proj", "k_proj", "gate_proj"]),
        (r"^.*q_proj$", ["q_proj"]),
        (r"model\.(a\.(b|c)|d\.e[12])", []),
        (".*", []),
    ],
)
def test_names_are_read_from_the_end_of_a_pattern(pattern: str, names: list[str]) -> None:
    assert names_in(pattern) == names
