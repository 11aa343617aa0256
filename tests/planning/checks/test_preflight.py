from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.hardware import fake_nvml
from tests.hardware.folders import LLAMA_3_1_8B, TINY, llama_tensors, model_folder
from tests.planning.models import MODELS
from tuitune.data.sources.files import open_rows
from tuitune.data.sources.rows import mark
from tuitune.hardware.gpus import Gpu, GpuProcess
from tuitune.hardware.models import hub_cache
from tuitune.hardware.session import Session
from tuitune.planning.checks.situation import Advice
from tuitune.planning.preflight import Check, check
from tuitune.problem import TuituneError
from tuitune.recipe.presets import demo_recipe
from tuitune.recipe.schema import Recipe

GIB = 2**30
CARD = Gpu(index=0, uuid=None, name="NVIDIA H200", memory_total=150 * GIB, memory_free=140 * GIB, capability=(9, 0))
ROWS = [{"instruction": f"Say {number}", "output": str(number)} for number in range(150)]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a whole model and good data in it."""
    folder = tmp_path / "base"
    model_folder(folder / "tiny")
    rows(folder / "rows.jsonl", ROWS)
    return folder


def rows(file: Path, values: list[Any]) -> None:
    file.write_text("".join(json.dumps(value) + "\n" for value in values))


def big_model(folder: Path, **config: Any) -> Path:
    """The config of Llama-3.1-8B over a small file of packed weights, so that only the config tells the size."""
    return model_folder(folder, {**LLAMA_3_1_8B, **config}, {"packed": ("U8", [64], 64)})


def unchecked(values: dict[str, Any]) -> Recipe:
    """A recipe with values that no door would let in, control characters among them."""
    recipe = Recipe()
    for key, value in values.items():
        section, _, name = key.partition(".")
        table = getattr(recipe, section).model_copy(update={name: value})
        recipe = recipe.model_copy(update={section: table})
    return recipe


def looked_at(base: Path, *, gpus: list[Gpu] | None = None, where: Session | None = None, **values: Any) -> Check:
    chosen = {"model__id": "tiny", "data__train": "rows.jsonl", "data__packing": False, **values}
    recipe = unchecked({key.replace("__", "."): value for key, value in chosen.items()})
    return check(recipe, base=base, gpus=[CARD] if gpus is None else gpus, where=where or Session())


def error(found: Check) -> tuple[str, str]:
    (problem,) = found.errors
    return problem.key, problem.message


def advice(found: Check, name: str) -> list[Advice]:
    return [one for one in found.advice if one.id == name]


def test_a_good_recipe_has_nothing_against_it(base: Path) -> None:
    found = looked_at(base)
    assert (found.errors, found.advice) == ([], [])
    assert found.trainable
    assert found.total
    assert found.forecast
    assert found.fit
    assert found.fit.state == "fits"


def test_the_demo_passes_on_this_machine(tmp_path: Path) -> None:
    found = check(demo_recipe(), base=tmp_path)
    assert found.errors == []
    assert not [one for one in found.advice if one.level == "warning"]


def test_json_has_the_keys_of_the_contract(base: Path) -> None:
    document = json.loads(json.dumps(looked_at(base, training__learning_rate=1e-6).as_json(), allow_nan=False))
    assert list(document) == ["errors", "advice", "trainable_parameters", "total_parameters", "forecast"]
    assert list(document["advice"][0]) == ["id", "level", "key", "message", "fix"]
    assert document["advice"][0]["fix"] == {"training.learning_rate": 2e-4}
    assert document["forecast"]["total"] == sum(document["forecast"]["parts"].values())
    assert document["forecast"]["fit"]["state"] == "fits"
    refused = json.loads(json.dumps(looked_at(base, model__id="nothing").as_json()))
    assert list(refused["errors"][0]) == ["key", "message"]
    assert refused["forecast"] is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "no folder 'nothing'; name bundled:nano, a folder with config.json and weights, or a Hub model"),
        ("tinny", "did you mean tiny?"),
        ("./tinny/", "did you mean tiny?"),
        ("bundled:mega", "no bundled model 'bundled:mega'; bundled: bundled:nano"),
        ("rows.jsonl", "is a file; name the folder"),
        ("a\0b", "no folder 'a␀b'"),
        ("x" * 5000, "is not the name of a folder or model"),
        ("some/where/else", "no folder 'some/where/else'"),
        ("\x1b[31mred", "␛[31mred"),
    ],
)
def test_a_model_that_is_not_there(base: Path, name: str, words: str) -> None:
    key, message = error(looked_at(base, model__id=name))
    assert key == "model.id"
    assert words in message


@pytest.mark.parametrize(
    ("missing", "words"),
    [("config.json", "no config.json"), ("tokenizer.json", "no tokenizer"), ("model.safetensors", "no weights")],
)
def test_a_model_that_lacks_a_file(base: Path, missing: str, words: str) -> None:
    (base / "tiny" / missing).unlink()
    key, message = error(looked_at(base))
    assert key == "model.id"
    assert "incomplete model" in message
    assert words in message


def test_an_adapter_is_no_base_model(base: Path) -> None:
    (base / "tiny" / "config.json").rename(base / "tiny" / "adapter_config.json")
    assert "is an adapter" in error(looked_at(base))[1]


def test_a_hub_model_is_downloaded_unless_that_is_forbidden(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_at(base, model__id="meta/tiny")
    assert found.errors == []
    assert (found.facts, found.forecast, found.fit) == (None, None, None)
    (note,) = advice(found, "download")
    assert (note.level, note.key) == ("info", "model.id")
    snapshot = hub_cache() / "models--meta--tiny" / "snapshots" / ("a" * 40)
    model_folder(snapshot, TINY)
    reference = snapshot.parents[1] / "refs" / "main"
    reference.parent.mkdir()
    reference.write_text("a" * 40)
    assert advice(looked_at(base, model__id="meta/tiny"), "download") == []
    (snapshot / "model.safetensors").unlink()
    partial = looked_at(base, model__id="meta/tiny")
    assert "the rest" in advice(partial, "download")[0].message
    assert partial.total
    (snapshot / "config.json").write_text("{")
    assert looked_at(base, model__id="meta/tiny").facts is None
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in error(looked_at(base, model__id="meta/tiny"))[1]


@pytest.mark.parametrize("kind", ["newcomer", "../models/llama", 7])
def test_code_that_comes_with_a_model_needs_an_explicit_yes(base: Path, kind: Any) -> None:
    own = {**TINY, "model_type": kind, "auto_map": {"AutoModelForCausalLM": "modeling.Model"}}
    model_folder(base / "own", own)
    key, message = error(looked_at(base, model__id="own"))
    assert key == "model.trust_remote_code"
    assert "read that code" in message
    allowed = looked_at(base, model__id="own", model__trust_remote_code=True)
    assert allowed.errors == []
    assert advice(allowed, "remote-code")[0].level == "warning"


def test_a_model_that_transformers_knows_needs_no_code_of_its_own(base: Path) -> None:
    model_folder(base / "own", {**TINY, "auto_map": {"AutoModelForCausalLM": "modeling.Model"}})
    assert looked_at(base, model__id="own").errors == []
    (note,) = advice(looked_at(base, model__id="own", model__trust_remote_code=True), "remote-code")
    assert (note.level, note.fix) == ("info", {"model.trust_remote_code": False})


def test_weights_that_are_quantized_already(base: Path) -> None:
    model_folder(base / "packed", {**TINY, "quantization_config": {"load_in_4bit": True}})
    assert looked_at(base, model__id="packed").errors == []
    assert "quantized" in error(looked_at(base, model__id="packed", quantization__bits=4))[1]
    assert error(looked_at(base, model__id="packed", adapter__method="none"))[0] == "adapter.method"


@pytest.mark.parametrize("switch", ["HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_rows_of_the_hub_are_refused_offline_unless_they_are_cached(
    base: Path, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    assert looked_at(base, data__train="someone/rows").errors == []
    monkeypatch.setenv(switch, "ON")
    key, message = error(looked_at(base, data__train="someone/rows:main"))
    assert key == "data.train" and switch in message
    (hub_cache().parent / "datasets" / "someone___rows").mkdir(parents=True)
    assert looked_at(base, data__train="someone/rows:main").errors == []


def test_a_token_past_the_embedding_is_refused_where_it_is_used(base: Path) -> None:
    added = [{"id": TINY["vocab_size"] + 1, "content": "<|call|>", "special": True}]
    (base / "tiny" / "tokenizer.json").write_text(json.dumps({"added_tokens": added, "model": {}}))
    assert looked_at(base).errors == []
    assert error(looked_at(base, samples__prompts=["now <|call|>"]))[0] == "samples.prompts"
    rows(base / "rows.jsonl", [*ROWS, {"instruction": "Call", "output": '{"a": "<|call|>"}'}])
    key, message = error(looked_at(base))
    assert key == "data.train" and "<|call|>" in message and "65" in message and "63" in message
    model_folder(base / "tiny", {**TINY, "vocab_size": 66}, llama_tensors({**TINY, "vocab_size": 66}))
    (base / "tiny" / "tokenizer.json").write_text(json.dumps({"added_tokens": added, "model": {}}))
    assert looked_at(base).errors == []


def test_positions_that_end_bound_the_rows_and_the_remedy_is_accepted(base: Path) -> None:
    gpt = {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 128, "vocab_size": 64}
    model_folder(base / "gpt", gpt, {"wte.weight": ("F32", [64, 16], 4096), "h.0.ln_1.weight": ("F32", [16], 64)})
    key, message = error(looked_at(base, model__id="gpt", data__max_length=512))
    assert key == "data.max_length" and "128" in message
    assert looked_at(base, model__id="gpt", data__max_length=128).errors == []


def test_a_type_that_the_engine_cannot_load_is_refused(base: Path) -> None:
    for kind in ("mistral3", "t5", None):
        model_folder(base / "other", {**TINY, "model_type": kind, "architectures": None})
        assert "ForCausalLM" in error(looked_at(base, model__id="other"))[1]


def test_weights_of_another_model_are_refused_and_an_adapter_beside_them_is_said(base: Path) -> None:
    model_folder(base / "tiny", {**TINY, "num_hidden_layers": 2})
    key, message = error(looked_at(base))
    assert key == "model.id" and "model.layers.1." in message
    model_folder(base / "tiny")
    assert advice(looked_at(base), "adapter-beside") == []
    (base / "tiny" / "adapter_config.json").write_text("{}")
    assert advice(looked_at(base), "adapter-beside")[0].level == "warning"


def test_a_model_that_does_not_write(base: Path) -> None:
    model_folder(base / "bert", {**TINY, "architectures": ["BertForMaskedLM"]})
    assert "does not generate text" in error(looked_at(base, model__id="bert"))[1]


def test_targets_that_the_model_does_not_have(base: Path) -> None:
    key, message = error(looked_at(base, adapter__targets=["q_proj", "Wqkv"]))
    assert key == "adapter.targets"
    assert "it has q_proj, k_proj" in message


def test_rules_of_the_recipe_come_first(base: Path) -> None:
    found = looked_at(base, adapter__method="none", quantization__bits=4, model__id="nothing", data__train="none.csv")
    assert [problem.key for problem in found.errors] == ["quantization.bits", "model.id", "data.train"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        (None, "no such file"),
        ('{"prompt": "a", "chosen": "b", "rejected": "c"}\n', "preferences"),
        ('{"colour": "red"}\n', "unknown shape"),
        ("not json\n", "row 1 (line 1):"),
        (
            '{"instruction": "a", "output": "b"}\n{"instruction": "a"}\n{bad\n' * 2,
            "unusable as alpaca: 4 of the first 6 rows: row 2 (line 2)",
        ),
    ],
)
def test_data_that_cannot_be_used(base: Path, content: str | None, words: str) -> None:
    (base / "bad.jsonl").unlink(missing_ok=True)
    if content is not None:
        (base / "bad.jsonl").write_text(content)
    key, message = error(looked_at(base, data__train="bad.jsonl"))
    assert key == "data.train"
    assert words in message


def test_many_broken_rows_are_counted_and_the_first_ones_shown(base: Path) -> None:
    rows(base / "bad.jsonl", [*ROWS[:20], *[{"instruction": "x", "output": None}] * 9])
    message = error(looked_at(base, data__train="bad.jsonl"))[1]
    assert "9 of the first 29 rows" in message
    assert "row 21 (line 21): output" in message
    assert "and 6 more" in message


def test_held_out_data_is_looked_at_too(base: Path) -> None:
    assert error(looked_at(base, data__eval="gone.jsonl"))[0] == "data.eval"
    assert looked_at(base, data__eval="bundled:triage/heldout").errors == []
    rows(base / "one.jsonl", ROWS[:1])
    assert error(looked_at(base, data__train="one.jsonl"))[0] == "data.eval"
    assert looked_at(base, data__train="one.jsonl", data__eval=None).errors == []


def test_only_the_first_rows_are_read_and_what_is_elsewhere_is_left_to_the_engine(base: Path) -> None:
    rows(base / "long.jsonl", [*ROWS, *ROWS, {"instruction": 3}])
    assert looked_at(base, data__train="long.jsonl").errors == []
    assert looked_at(base, data__train="owner/set").errors == []
    (base / "table.parquet").write_bytes(b"PAR1 whatever PAR1")
    assert looked_at(base, data__train="table.parquet").errors == []
    rows(base / "late.jsonl", [*ROWS[:3], {"instruction": 3}])
    assert looked_at(base, data__train="late.jsonl", data__limit=3).errors == []


def test_too_little_disk(base: Path) -> None:
    big_model(base / "big")
    values = {"model__id": "big", "adapter__targets": "all-linear", "adapter__rank": 4096, "checkpoints__keep": 1000}
    key, message = error(looked_at(base, **values))
    assert key == "checkpoints.keep"
    assert "1,002 checkpoints (one being written) and the result need about 129.2 TB" in message
    assert "TUITUNE_HOME" in message
    assert "1,001 checkpoints" in error(looked_at(base, **values, data__eval=None))[1]


@pytest.mark.parametrize(
    ("values", "fix"),
    [
        ({"training__learning_rate": 1e-6}, {"training.learning_rate": 2e-4}),
        ({"training__learning_rate": 5e-3}, {"training.learning_rate": 2e-4}),
        ({"training__learning_rate": 2e-4, "adapter__method": "none"}, {"training.learning_rate": 1e-5}),
    ],
)
def test_learning_rates_of_a_large_model(base: Path, values: dict[str, Any], fix: dict[str, Any]) -> None:
    big_model(base / "big")
    (note,) = [one for one in looked_at(base, model__id="big", **values).advice if one.id.startswith("learning-rate")]
    assert (note.level, note.key, note.fix) == ("warning", "training.learning_rate", fix)


PAIRS = {"objective__kind": "dpo"}


@pytest.mark.parametrize(
    ("values", "id", "fix"),
    [
        ({"model__id": "big"}, "preference-rate", {"training.learning_rate": 2e-5}),
        ({"model__id": "big", "training__learning_rate": 1e-3}, "learning-rate-high", {"training.learning_rate": 2e-5}),
        ({"objective__loss": "sigmoid_norm", "objective__beta": 0.1}, "beta-per-token", {"objective.beta": 5.0}),
        ({"objective__kind": "simpo", "objective__beta": 0.1}, "beta-per-token", {"objective.beta": 2.0}),
        ({"objective__loss": "aot", "training__batch_size": 1}, "batch-of-one", {"training.batch_size": 4}),
        ({"adapter__method": "none"}, "reference", {"adapter.method": "lora"}),
    ],
)
def test_advice_on_preferences_goes_with_its_fix(base: Path, values: dict[str, Any], id: str, fix: Any) -> None:
    big_model(base / "big")
    (note,) = advice(looked_at(base, **{**PAIRS, **values}), id)
    assert note.fix == pytest.approx(fix)
    mended = {key.replace(".", "__"): value for key, value in fix.items()}
    assert advice(looked_at(base, **{**PAIRS, **values, **mended}), id) == []
    assert advice(looked_at(base, **{**values, "objective__kind": "sft"}), id) == [] or id == "learning-rate-high"


def labelled(good: int, bad: int) -> list[dict[str, Any]]:
    return [{"prompt": f"Say {n}", "completion": f"{n}", "label": n < good} for n in range(good + bad)]


@pytest.mark.parametrize(
    ("good", "bad", "weights", "fix"),
    [
        (30, 90, {}, {"objective.desirable_weight": 3.0}),
        (90, 30, {}, {"objective.undesirable_weight": 2.25}),
        (90, 30, {"objective__undesirable_weight": 2.5}, None),
        (30, 90, {"objective__desirable_weight": 3.5}, None),
        (60, 60, {}, None),
        (70, 50, {}, None),
    ],
)
def test_labels_that_are_not_even_are_weighed(base: Path, good: int, bad: int, weights: Any, fix: Any) -> None:
    rows(base / "labelled.jsonl", labelled(good, bad))
    values = {"data__train": "labelled.jsonl", "objective__kind": "kto", **weights}
    found = advice(looked_at(base, **values), "label-balance")
    assert [note.fix for note in found] == ([] if fix is None else [pytest.approx(fix)])
    if fix is not None:
        mended = {key.replace(".", "__"): value for key, value in fix.items()}
        assert advice(looked_at(base, **{**values, **mended}), "label-balance") == []


def test_answers_that_are_all_good_teach_no_difference(base: Path) -> None:
    rows(base / "labelled.jsonl", labelled(40, 0))
    (note,) = advice(looked_at(base, data__train="labelled.jsonl", objective__kind="kto"), "one-sided")
    assert (note.level, note.key) == ("warning", "data.train")


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"objective__kind": "kto", "training__batch_size": 1}, "training.batch_size"),
        ({"objective__kind": "reward", "evaluation__answers": 5}, "evaluation.answers"),
        ({"objective__kind": "dpo", "adapter__targets": ["q_proj", "lm_head"]}, "adapter.targets"),
        ({"objective__kind": "sft", "data__shape": "text"}, "data.loss_on"),
    ],
)
def test_what_an_objective_cannot_do_is_refused(base: Path, values: dict[str, Any], key: str) -> None:
    assert key in [one.key for one in looked_at(base, **values).errors]


def test_plain_text_wants_a_large_adapter_on_a_base_model(base: Path) -> None:
    model_folder(base / "big", LLAMA_3_1_8B, {"packed": ("U8", [64], 64)}, template=False)
    rows(base / "texts.jsonl", [{"text": f"It rains on day {n}."} for n in range(120)])
    values = {"data__train": "texts.jsonl", "objective__kind": "pretrain", "model__id": "big"}
    (note,) = advice(looked_at(base, **values), "rank-for-text")
    assert note.fix == {"adapter.rank": 64, "adapter.alpha": 128}
    assert advice(looked_at(base, **values, adapter__rank=64, adapter__alpha=128), "rank-for-text") == []
    assert advice(looked_at(base, **values), "instruct-on-text") == []
    chat = {"data__train": "texts.jsonl", "objective__kind": "pretrain", "model__id": "bundled:nano"}
    assert advice(looked_at(base, **chat), "instruct-on-text")


@pytest.mark.parametrize("tied", [True, False])
def test_a_reward_model_has_a_head_of_one_score_in_place_of_its_output_head(base: Path, tied: bool) -> None:
    big_model(base / "big", tie_word_embeddings=tied)
    rows(base / "pairs.jsonl", [{"prompt": "a", "chosen": f"b {n}", "rejected": f"c {n}"} for n in range(120)])
    pairs = {"data__train": "pairs.jsonl", "model__id": "big", "adapter__targets": "all-linear"}
    written, scored = (looked_at(base, **pairs, objective__kind=kind) for kind in ("dpo", "reward"))
    assert written.total and scored.total and written.trainable and scored.trainable
    hidden, vocabulary = LLAMA_3_1_8B["hidden_size"], LLAMA_3_1_8B["vocab_size"]
    assert scored.total == written.total + hidden - (0 if tied else hidden * vocabulary)
    assert scored.trainable == written.trainable + hidden


def test_a_model_without_such_a_head_is_refused(base: Path) -> None:
    big_model(base / "big", model_type="cohere")
    rows(base / "pairs.jsonl", [{"prompt": "a", "chosen": f"b {n}", "rejected": f"c {n}"} for n in range(120)])
    pairs = {"data__train": "pairs.jsonl", "model__id": "big"}
    assert error(looked_at(base, **pairs, objective__kind="reward"))[0] == "model.id"
    assert looked_at(base, **pairs, objective__kind="dpo").errors == []


REWARDED = {"objective__kind": "grpo", "rewards__weights": {"json": 1.0}, "adapter__dropout": 0.0}


@pytest.mark.parametrize(
    ("values", "id", "fix"),
    [
        ({"rewards__weights": {"json": 1.0, "length": 1.0}, "rewards__shortest": 0}, "length-floor", 8),
        ({"adapter__dropout": 0.1}, "dropout-rl", 0.0),
        ({"adapter__method": "none", "objective__kl": 0.1}, "reference", "lora"),
        ({"rewards__weights": {"length": 1.0}}, "length-alone", None),
        ({"objective__generations": 2}, "few-answers", None),
    ],
)
def test_advice_on_rewards_goes_with_its_fix(base: Path, values: dict[str, Any], id: str, fix: Any) -> None:
    (note,) = advice(looked_at(base, **{**REWARDED, **values}), id)
    assert [*(note.fix or {}).values()] == ([] if fix is None else [fix])
    mended = {key.replace(".", "__"): value for key, value in (note.fix or {}).items()}
    assert (advice(looked_at(base, **{**REWARDED, **values, **mended}), id) == []) is (fix is not None)
    assert advice(looked_at(base, **REWARDED), id) == []


def test_steps_and_memory_of_rewards_count_answers(base: Path) -> None:
    """Two prompts with eight answers each make a step; every answer is as long as it may be."""
    plain, found = looked_at(base, data__eval=None), looked_at(base, data__eval=None, **REWARDED)
    assert plain.rows and found.steps and found.steps.per_epoch == plain.rows // 2
    longer = looked_at(base, data__eval=None, objective__answer_length=2048, **REWARDED)
    assert found.forecast and longer.forecast
    assert longer.forecast.parts["activations"] > 2 * found.forecast.parts["activations"]
    many = looked_at(base, data__eval=None, training__accumulation=64, **REWARDED)
    assert many.forecast and many.forecast.parts["generation"] > 0 == found.forecast.parts["generation"]


def test_prompts_that_are_too_few_for_a_step_are_refused(base: Path) -> None:
    key, message = error(looked_at(base, data__eval=None, data__limit=20, training__accumulation=64, **REWARDED))
    assert key == "training.accumulation" and "20" in message


def test_learning_rates_that_are_fine(base: Path) -> None:
    big_model(base / "big")
    for values in ({}, {"model__id": "big"}, {"training__learning_rate": 1e-2}, {"model__id": "owner/unknown"}):
        found = looked_at(base, **values)
        assert not [one for one in found.advice if one.id.startswith("learning-rate")], values
    for rate in (1e-5, 1e-4):
        found = looked_at(base, model__id="big", adapter__method="none", training__learning_rate=rate)
        assert not [one for one in found.advice if one.id.startswith("learning-rate")]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("learning-rate-low", {"adapter__method": "adalora"}),
        ("learning-rate-low", {"adapter__method": "ia3"}),
        ("no-effect", {"adapter__method": "adalora", "adapter__dora": True}),
        ("no-effect", {"adapter__method": "ia3", "adapter__rank": 8}),
        ("no-effect", {"objective__gamma": 2.0}),
        ("no-effect", {"rewards__margin": 9}),
        ("lora-plus", {"adapter__lora_plus": 64.0, "training__learning_rate": 1e-2}),
        ("rank-large", {"adapter__method": "adalora", "adapter__initial_rank": 512}),
        ("ia3-targets", {"adapter__method": "ia3"}),
        ("ia3-targets", {"adapter__method": "ia3", "adapter__targets": "all-linear"}),
    ],
)
def test_advice_on_a_method_is_gone_with_its_fix(base: Path, name: str, values: dict[str, Any]) -> None:
    (found,) = advice(looked_at(base, **values), name)
    assert found.fix
    fixed = {**values, **{key.replace(".", "__"): value for key, value in found.fix.items()}}
    assert not advice(looked_at(base, **fixed), name)


def test_advice_on_length_rank_rows_template_and_revision(base: Path) -> None:
    model_folder(base / "short", {**TINY, "max_position_embeddings": 64}, template=False)
    rows(base / "few.jsonl", ROWS[:20])
    found = looked_at(
        base, model__id="short", model__revision="v2", data__train="few.jsonl", data__eval=None, adapter__rank=512
    )
    assert advice(found, "length")[0].fix == {"data.max_length": 64}
    assert advice(found, "rank-large")[0].key == "adapter.rank"
    assert "20 rows" in advice(found, "few-rows")[0].message
    assert advice(found, "chat-template")[0].level == "warning"
    assert advice(found, "no-held-out")[0].fix == {"data.eval": 0.05}
    assert advice(found, "revision")[0].fix == {"model.revision": "main"}
    levels = [one.level for one in found.advice]
    assert levels == sorted(levels, reverse=True)


def test_advice_against_overfitting_and_forgetting(base: Path) -> None:
    long = {"training__epochs": 10.0}
    assert advice(looked_at(base, **long), "many-epochs")[0].fix == {"training.epochs": 3.0}
    assert not advice(looked_at(base, **long, evaluation__patience=2), "many-epochs")
    alone = looked_at(base, adapter__method="none")
    assert advice(alone, "forgetting")[0].key == "data.mix"
    assert not advice(looked_at(base, adapter__method="none", data__mix={"rows.jsonl": 0.15}), "forgetting")
    assert not advice(looked_at(base), "forgetting")


def test_advice_on_rows_held_out_and_rows_that_repeat(base: Path) -> None:
    distinct = [{"instruction": f"Say {number}", "output": f"It is {number}."} for number in range(40)]
    rows(base / "small.jsonl", distinct)
    (note,) = advice(looked_at(base, data__train="small.jsonl"), "few-held-out")
    assert (note.fix, note.message.startswith("2 held-out rows")) == ({"data.eval": 0.25}, True)
    assert not advice(looked_at(base, data__train="small.jsonl", data__eval=0.25), "few-held-out")
    assert not advice(looked_at(base, data__train="small.jsonl"), "duplicates")
    rows(base / "twice.jsonl", [*distinct, *distinct[:3]])
    (note,) = advice(looked_at(base, data__train="twice.jsonl"), "duplicates")
    assert (note.fix, "3 repeat" in note.message) == ({"cleaning.duplicates": True}, True)
    assert not advice(looked_at(base, data__train="twice.jsonl", cleaning__duplicates=True), "duplicates")


def test_advice_counts_the_rows_that_are_used(base: Path) -> None:
    broken = [{"instruction": f"Nothing {number}", "output": ""} for number in range(3)]
    rows(base / "mixed.jsonl", [*({"instruction": f"Say {n}", "output": f"It is {n}."} for n in range(57)), *broken])
    dropping = {"data__train": "mixed.jsonl", "cleaning__unusable": "drop"}
    found = looked_at(base, **dropping)
    assert "57 rows" in advice(found, "few-rows")[0].message
    assert "57 rows" in advice(found, "few-held-out")[0].message


def test_a_chat_template_is_a_file(base: Path) -> None:
    (base / "chat.jinja").write_text("{{ messages }}")
    assert not looked_at(base, data__template="chat.jinja").errors
    assert "no such file" in error(looked_at(base, data__template="none.jinja"))[1]
    key, message = error(looked_at(base, data__template="."))
    assert (key, "a folder" in message) == ("data.template", True)
    os.mkfifo(base / "pipe.jinja")
    for name, content in {
        "latin.jinja": "{{ 'café' }}".encode("latin-1"), "wide.jinja": "{{ messages }}".encode("utf-16"),
        "empty.jinja": b" \n", "long.jinja": b"x" * (2**20 + 1), "pipe.jinja": None,
    }.items():  # fmt: skip
        if content is not None:
            (base / name).write_bytes(content)
        key, message = error(looked_at(base, data__template=name))
        assert key == "data.template" and message.startswith(f"{name}: ")
    assert "\x1b" not in str(looked_at(base, data__template="\x1b[31m\0").errors)
    model_folder(base / "bare", TINY, template=False)
    assert advice(looked_at(base, model__id="bare"), "chat-template")
    assert not advice(looked_at(base, model__id="bare", data__template="chat.jinja"), "chat-template")


def test_rows_that_a_recipe_leaves_out_or_drops_are_no_errors(base: Path) -> None:
    (base / "some.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS[:3]) + '{"instruction": "Say"}\n')
    *_, broken = open_rows(base / "some.jsonl")
    key, message = error(looked_at(base, data__train="some.jsonl"))
    assert (key, 'cleaning.unusable = "drop"' in message) == ("data.train", True)
    assert "row 4 (line 4): output" in message
    assert not looked_at(base, data__train="some.jsonl", cleaning__unusable="drop").errors
    assert not looked_at(base, data__train="some.jsonl", data__exclude=[mark(broken)]).errors
    marks = [mark(row) for row in open_rows(base / "some.jsonl")]
    assert "no usable rows" in error(looked_at(base, data__train="some.jsonl", data__exclude=marks))[1]


def test_data_that_is_mixed_in_is_looked_at_too(base: Path) -> None:
    assert error(looked_at(base, data__mix={"none.jsonl": 0.1}))[0] == "data.mix"
    rows(base / "talk.jsonl", [{"question": "Why?", "answer": "So."}])
    assert not looked_at(base, data__mix={"talk.jsonl": 0.1}).errors


def test_cards_without_bfloat16(base: Path) -> None:
    old = Gpu(index=0, uuid=None, name="Tesla T4", memory_free=15 * GIB, capability=(7, 5))
    (note,) = advice(looked_at(base, gpus=[old], training__precision="bf16"), "no-bfloat16")
    assert note.fix == {"training.precision": "auto", "model.dtype": "auto"}
    assert advice(looked_at(base, gpus=[old]), "no-bfloat16") == []


def test_of_several_cards_the_one_that_the_run_gets_is_judged(base: Path) -> None:
    old = Gpu(index=0, uuid=None, name="Tesla T4", memory_free=15 * GIB, memory_used=0, capability=(7, 5))
    new = replace(CARD, index=1, memory_used=0)
    busy = replace(old, memory_used=10 * GIB)
    asked = {"training__precision": "bf16"}
    assert advice(looked_at(base, gpus=[old, new], **asked), "no-bfloat16")
    assert advice(looked_at(base, gpus=[busy, new], **asked), "no-bfloat16") == []
    assert advice(looked_at(base, gpus=[old, new], hardware__gpu="1", **asked), "no-bfloat16") == []
    biased = {"adapter__bias": "all"}
    assert error(looked_at(base, gpus=[old, new], **biased))[0] == "adapter.bias"
    assert looked_at(base, gpus=[busy, new], **biased).errors == []
    assert looked_at(base, gpus=[old, new], hardware__gpu="1", **biased).errors == []


def test_without_a_card(base: Path) -> None:
    big_model(base / "big")
    small, large = looked_at(base, gpus=[]), looked_at(base, gpus=[], model__id="big")
    assert advice(small, "no-gpu")[0].level == "info"
    assert small.errors == []
    key, message = error(large)
    assert key == "hardware.gpu"
    assert "8.03 B parameters take days on a CPU" in message
    assert 'set it to "cpu"' in message
    assert looked_at(base, gpus=[], model__id="big", hardware__gpu="cpu").errors == []
    assert small.forecast
    assert small.forecast.device == "cpu"
    assert [problem.key for problem in looked_at(base, gpus=[], training__precision="fp16").errors] == [
        "training.precision"
    ]
    assert error(looked_at(base, gpus=[], model__dtype="float16"))[0] == "model.dtype"
    assert error(looked_at(base, gpus=[], adapter__dora=True, quantization__bits=8))[0] == "adapter.dora"
    assert looked_at(base, gpus=[], adapter__dora=True, quantization__bits=4).errors == []


def test_cards_that_the_environment_hides_or_names_in_vain(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big_model(base / "big")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert looked_at(base).errors == []
    assert "CUDA_VISIBLE_DEVICES hides every GPU" in error(looked_at(base, model__id="big"))[1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    key, message = error(looked_at(base))
    assert (key, "CUDA_VISIBLE_DEVICES = 3 names no GPU of this machine" in message) == ("hardware.gpu", True)
    for refused in (looked_at(base), looked_at(base, hardware__gpu="5"), looked_at(base, gpus=[], hardware__gpu="0")):
        assert error(refused)[0] == "hardware.gpu" and advice(refused, "no-gpu") == []
    assert error(looked_at(base, model__id="big"))[1] == message
    assert looked_at(base, hardware__gpu="0").errors == looked_at(base, hardware__gpu="cpu").errors == []


@pytest.mark.parametrize("layers", [3 * 10**8, 2**40 - 1])
def test_a_config_of_countless_layers_is_counted_at_once(base: Path, layers: int) -> None:
    began = time.process_time()
    for name, config in {"llama": LLAMA_3_1_8B, "mixture": MODELS["qwen3-30b-a3b"]}.items():
        model_folder(base / name, {**config, "num_hidden_layers": layers}, {"packed": ("U8", [64], 64)})
        found = looked_at(base, model__id=name, data__max_length=512)
        assert found.fit and found.fit.state == "too big"
    unnumbered = model_folder(base / "none", {**TINY, "num_hidden_layers": layers}, {"weight": ("F32", [4], 16)})
    assert error(looked_at(base, model__id=unnumbered.name))[0] == "model.id"
    assert time.process_time() - began < 10


def test_what_libraries_cannot_open_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = base / "caf\udce9"
    model_folder(odd / "tiny")
    rows(odd / "rows.jsonl", ROWS)
    found = looked_at(odd)
    assert [problem.key for problem in found.errors] == ["model.id", "data.train"]
    assert all("not UTF-8" in problem.message for problem in found.errors)
    monkeypatch.setenv("TUITUNE_HOME", str(odd))
    with pytest.raises(TuituneError, match=r"TUITUNE_HOME.*not UTF-8"):
        looked_at(base)
    model_folder(base / "café" / "tiny")
    rows(base / "café" / "rows.jsonl", ROWS)
    monkeypatch.setenv("TUITUNE_HOME", str(base / "café"))
    assert looked_at(base / "café").errors == []


def card(gigabytes: float) -> Gpu:
    return Gpu(index=0, uuid=None, name="card", memory_total=80 * GIB, memory_free=int(gigabytes * 1e9))


def test_what_four_bits_leave_of_a_mixture_is_said(base: Path) -> None:
    model_folder(base / "mixture", MODELS["mixtral-8x7b"], {"packed": ("U8", [64], 64)})
    (note,) = advice(looked_at(base, model__id="mixture", quantization__bits=4), "experts-16-bit")
    assert (note.level, note.key) == ("warning", "quantization.bits")
    assert "90.2 GB of 91.4 GB" in note.message
    assert advice(looked_at(base, model__id="mixture"), "experts-16-bit") == []
    big_model(base / "big")
    assert advice(looked_at(base, model__id="big", quantization__bits=4), "experts-16-bit") == []


def test_an_old_card_is_forecast_with_what_it_lacks(base: Path) -> None:
    big_model(base / "big")
    old = replace(CARD, capability=(7, 5))
    values = {"model__id": "big", "adapter__targets": "all-linear"}
    before, after = (looked_at(base, gpus=[card], **values).forecast for card in (old, CARD))
    assert before and after
    assert before.parts["activations"] > after.parts["activations"]  # keys and values repeated for every head


def test_a_card_too_small_is_met_with_every_change_that_is_enough(base: Path) -> None:
    big_model(base / "big")
    values = {"model__id": "big", "data__max_length": 2048, "adapter__targets": "all-linear"}
    found = looked_at(base, gpus=[card(60)], **values)
    assert found.errors == []
    assert found.fit
    assert found.fit.state == "too big"
    fixes = [one.fix for one in advice(found, "memory")]
    assert {"training.gradient_checkpointing": True} in fixes
    assert {"training.batch_size": 1, "training.accumulation": 16} in fixes
    for one in advice(found, "memory"):
        assert one.fix
        mended = looked_at(
            base, gpus=[card(60)], **values, **{key.replace(".", "__"): value for key, value in one.fix.items()}
        )
        assert mended.fit
        assert mended.fit.state != "too big"


def test_where_one_change_is_not_enough_all_together_are_offered(base: Path) -> None:
    big_model(base / "big")
    values = {"model__id": "big", "data__max_length": 4096, "adapter__targets": "all-linear"}
    (note,) = advice(looked_at(base, gpus=[card(13)], **values), "memory")
    assert note.fix == {
        "training.gradient_checkpointing": True,
        "training.batch_size": 1,
        "training.accumulation": 16,
        "quantization.bits": 4,
    }
    (hopeless,) = advice(looked_at(base, gpus=[card(4)], **values), "memory")
    assert hopeless.fix is None
    assert "smaller model" in hopeless.message


def test_training_every_weight_is_met_with_lora(base: Path) -> None:
    big_model(base / "big")
    found = looked_at(base, gpus=[card(100)], model__id="big", adapter__method="none", training__learning_rate=1e-5)
    fixes = [one.fix for one in advice(found, "memory")]
    assert {"adapter.method": "lora", "adapter.targets": "all-linear", "training.learning_rate": 2e-4} in fixes


def test_a_card_that_just_suffices(base: Path) -> None:
    big_model(base / "big")
    roomy = looked_at(base, model__id="big")
    assert roomy.forecast
    just = card(roomy.forecast.total / 0.96 / 1e9)
    (note,) = advice(looked_at(base, gpus=[just], model__id="big"), "memory-tight")
    assert (note.level, note.fix) == ("info", None)


BUSY = Gpu(
    index=1,
    uuid="GPU-bbbb",
    name="NVIDIA H200",
    memory_total=150 * GIB,
    memory_used=149 * GIB,
    memory_free=GIB,
    capability=(9, 0),
    processes=(GpuProcess(4711, "anna", 149 * GIB, "python"),),
)


def test_a_card_in_use_is_waited_for_and_its_whole_memory_counts(base: Path) -> None:
    big_model(base / "big")
    found = looked_at(base, gpus=[BUSY], model__id="big")
    (note,) = advice(found, "gpu-in-use")
    assert (note.level, note.key, note.fix) == ("info", "hardware.gpu", None)
    assert note.message.startswith("GPU 1 (NVIDIA H200) is in use by anna: python, 160 GB: the run waits")
    assert found.fit
    assert (found.fit.state, found.fit.free) == ("fits", 150 * GIB)
    shared = looked_at(base, gpus=[BUSY], model__id="big", hardware__share=True)
    assert advice(shared, "gpu-in-use") == []
    assert shared.fit
    assert (shared.fit.state, shared.fit.free) == ("too big", GIB)


ON_A_LOST_CARD = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tuitune.planning.preflight import check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.presets import demo_recipe
for values in json.loads(sys.argv[1]):
    found = check(with_values(demo_recipe(), values), base=Path())
    notes = [one.message for one in found.advice if one.id in ("no-answer", "no-gpu")]
    print(json.dumps([len(found.errors), *notes]))
"""


def test_a_card_that_does_not_answer_is_no_machine_without_one(tmp_path: Path) -> None:
    (tmp_path / "nvml.json").write_text('{"cards": [{"memory": [9, 9], "lost": 15}]}')
    paths = f"{fake_nvml.FOLDER}:{Path(__file__).parents[3]}"
    environment = {**os.environ, "PYTHONPATH": paths, "FAKE_NVML": str(tmp_path / "nvml.json")}
    values = [{}, {"hardware.gpu": "0"}, {"training.precision": "fp16"}, {"hardware.gpu": "cpu"}]
    command = [sys.executable, "-c", ON_A_LOST_CARD, json.dumps(values)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    *waiting, processor = map(json.loads, done.stdout.splitlines())
    for errors, note in waiting:
        assert errors == 0
        assert note.startswith("GPU 0 does not answer: the GPU is lost")
        assert "the run waits for a GPU" in note
    assert processor == [0]


def test_the_card_that_the_recipe_names_is_the_one_looked_at(base: Path) -> None:
    both = [CARD, BUSY]
    assert advice(looked_at(base, gpus=both), "gpu-in-use") == []
    for name in ("1", "GPU-bbbb"):
        named = looked_at(base, gpus=both, hardware__gpu=name)
        assert advice(named, "gpu-in-use")
        assert named.fit
        assert named.fit.gpu
        assert named.fit.gpu.index == 1
    key, message = error(looked_at(base, gpus=both, hardware__gpu="7"))
    assert key == "hardware.gpu"
    assert message == 'this machine has no GPU 7: there is GPU 0 (NVIDIA H200) and 1 (GPU-bbbb); set it to "auto"'
    assert "there is none" in error(looked_at(base, gpus=[], hardware__gpu="0", training__precision="fp16"))[1]


def test_the_processor_may_be_chosen_where_there_is_a_card(base: Path) -> None:
    found = looked_at(base, hardware__gpu="cpu")
    assert (found.errors, found.advice) == ([], [])
    assert found.forecast
    assert found.forecast.device == "cpu"
    assert "the CPU is chosen" in error(looked_at(base, hardware__gpu="cpu", training__precision="fp16"))[1]


def test_a_command_in_the_recipe_is_shown(base: Path) -> None:
    (note,) = advice(looked_at(base, run__notify="sh -c 'rm -rf \x1b[8m ~'"), "runs-command")
    assert (note.level, note.key) == ("warning", "run.notify")
    assert note.message.endswith("raises an alert: sh -c 'rm -rf ␛[8m ~'")
    assert error(looked_at(base, run__notify="sh 'unclosed"))[0] == "run.notify"


def test_what_would_end_the_run_is_among_the_advice(base: Path) -> None:
    found = looked_at(base, where=Session(login="session", kills=True, container="Docker"))
    assert [one.id for one in found.advice] == ["ends-at-logout", "container"]


def test_epochs_of_a_few_steps_should_not_set_the_pace(base: Path) -> None:
    rows(base / "few.jsonl", ROWS[:110])
    short = {"data__train": "few.jsonl", "training__batch_size": 32, "training__accumulation": 4, "data__packing": True}
    (note,) = advice(looked_at(base, **short, training__epochs=100.0), "cadence")
    assert (note.level, note.key) == ("info", "evaluation.every")
    assert note.fix == {"evaluation.every": 13, "checkpoints.every": 13}
    assert "an epoch is only 1 step; evaluating and saving every 13 steps is enough" in note.message
    assert note.fix
    fix = {key.replace(".", "__"): value for key, value in note.fix.items()}
    assert advice(looked_at(base, **short, training__epochs=100.0, **fix), "cadence") == []
    (note,) = advice(
        looked_at(base, **short, training__epochs=100.0, samples__prompts=["hi"], data__eval=None), "cadence"
    )
    assert note.fix == {"samples.every": 13, "checkpoints.every": 13}
    for values in (
        {**short, "training__epochs": 5.0},
        {"training__epochs": 100.0},
        {**short, "training__epochs": 100.0, "training__max_steps": 10},
    ):
        assert advice(looked_at(base, **values), "cadence") == []
    (note,) = advice(looked_at(base, training__epochs=100.0, data__packing=True), "cadence")
    assert "epoch is only 1 step" in note.message  # all 150 rows of a few words fit into one batch


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"training__batch_size": 16}, "training.accumulation"),
        ({"training__batch_size": 64, "training__accumulation": 1}, "training.batch_size"),
        ({"data__packing": True, "data__limit": 40}, "data.packing"),
        ({"data__packing": True}, "training.accumulation"),
        ({"data__packing": True, "data__limit": 12, "training__epochs": 1.0}, "data.packing"),
        ({"data__limit": 6, "training__epochs": 1.0, "training__accumulation": 1}, "training.batch_size"),
        ({"data__limit": 12, "training__epochs": 0.3}, "training.accumulation"),
    ],
    ids=str,
)
def test_a_run_of_too_few_steps_is_warned_of_and_the_fix_makes_enough(
    base: Path, values: dict[str, Any], key: str
) -> None:
    before = looked_at(base, **values)
    (note,) = advice(before, "few-steps")
    assert (note.level, note.key) == ("warning", key)
    assert before.steps and before.steps.phrase in note.message
    fix = {name.replace(".", "__"): value for name, value in (note.fix or {}).items()}
    after = looked_at(base, **{**values, **fix})
    assert after.steps and after.steps.count >= 15 and after.steps.text in note.message
    assert not advice(after, "few-steps") and not advice(after, "many-epochs")


def test_few_steps_that_no_setting_mends_or_that_are_meant(base: Path) -> None:
    (note,) = advice(looked_at(base, data__limit=2, data__eval=None), "few-steps")
    assert (note.key, note.fix) == ("data.train", None)
    assert not advice(looked_at(base, training__max_steps=2), "few-steps")
    assert not advice(looked_at(base), "few-steps")


def test_a_warm_up_of_half_the_run_is_said(base: Path) -> None:
    for values in ({"training__max_steps": 2}, {"training__max_steps": 40, "training__warmup_ratio": 0.5}):
        (note,) = advice(looked_at(base, **values), "warm-up")
        assert note.fix is not None and note.key == "training.warmup_ratio"
        assert not advice(looked_at(base, **values, training__warmup_ratio=0.0) if len(values) == 1
                          else looked_at(base, training__max_steps=40), "warm-up")  # fmt: skip
        assert not advice(looked_at(base, **values, training__schedule="constant"), "warm-up")
    assert not advice(looked_at(base, training__max_steps=4), "warm-up")


def test_a_moment_to_stop_at_that_is_past(base: Path) -> None:
    (note,) = advice(looked_at(base, limits__until="2020-01-01T08:00"), "until-past")
    assert note.fix == {"limits.until": ""}
    for until in ("", "9999-01-01", "0001-01-01", "2020-01-01T08:00:00+99:00"):
        assert advice(looked_at(base, limits__until=until), "until-past") == []


def test_a_check_is_quick(base: Path) -> None:
    big_model(base / "big")
    looked_at(base, model__id="big")
    started = time.perf_counter()
    for _ in range(5):
        looked_at(base, model__id="big")
    assert (time.perf_counter() - started) / 5 < 0.2


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tuitune.planning.preflight import check; "
        "from tuitune.recipe.presets import demo_recipe; check(demo_recipe(), base=Path()); "
        "import tuitune.hardware.models as models; models.find_models(); "
        "heavy = {'torch', 'transformers', 'datasets', 'peft', 'trl', 'numpy', 'pandas', 'pyarrow'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_numbers_and_thoughts_in_the_first_rows_are_said(tmp_path: Path) -> None:
    rows = [{"question": "How much?", "answer": 4.0, "thinking": "2 and 2"}, {"question": "And?", "answer": "four"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = Recipe.model_validate({"data": {"train": "rows.jsonl", "eval": None}, "hardware": {"gpu": "cpu"}})
    said = {one.id: one for one in check(recipe, base=tmp_path).advice}
    assert "answer" in said["numbers"].message and "thinking" in said["unread"].message
