"""A run from its recipe to its adapter: what it records, what it leaves behind, how it stops and how it fails."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.engine.live import fork
from tests.engine.support import SPAWN, Carry, conversation, save_model, spawn, wait_for, write_rows
from tuitune.cli.run_report import say_run
from tuitune.runs.store.directory import Run, read_recipe, read_record
from tuitune.runs.store.journal import read_all
from tuitune.runs.store.provenance import fingerprint, record_sources


def test_a_run_records_everything_and_leaves_a_working_adapter(carried: Carry, tiny: Path) -> None:
    outcome = carried(
        training__max_steps=4, training__learning_rate=0.01, training__warmup_ratio=0.0,
        evaluation__every=2, evaluation__answers=3, checkpoints__every=2, checkpoints__keep=1,
        samples__prompts=["Where is order 7?"], samples__every=2, samples__max_new_tokens=8,
    )  # fmt: skip
    assert (outcome.code, outcome.reason) == (0, None)
    assert "nothing-learned" not in [record["id"] for record in outcome.records("alert")]

    phases = [record["phase"] for record in outcome.records("phase")]
    assert list(dict.fromkeys(phases)) == [
        "importing", "reading", "tokenizing", "loading", "evaluating", "sampling", "training", "saving", "checking",
    ]  # fmt: skip
    (plan,) = outcome.records("plan")
    assert (plan["total_steps"], plan["train_rows"], plan["eval_rows"], plan["dropped_rows"]) == (4, 38, 2, 0)
    assert (plan["dtype"], plan["attention"]) == ("float32", "tuitune_documents")
    assert plan["trainable_parameters"] == sum(2 * 4 * (64 + out) // 2 for out in (64, 32, 32, 64)) * 2

    steps = outcome.records("step")
    assert [step["step"] for step in steps] == [1, 2, 3, 4]
    assert all(step["tokens_per_second"] > 0 and step["memory_bytes"] > 0 and step["grad_norm"] > 0 for step in steps)
    assert steps[0]["learning_rate"] == 0.01 and steps[-1]["tokens"] > steps[0]["tokens"]
    evaluations = outcome.records("eval")
    assert [(record["label"], record["step"]) for record in evaluations] == [("base", 0), ("during", 2), ("tuned", 4)]
    assert evaluations[-1]["perplexity"] < evaluations[0]["perplexity"]
    assert [(record["label"], record["rows"], record["valid_json"]) for record in outcome.records("answers")] == [
        ("base", 2, None), ("tuned", 2, None),
    ]  # fmt: skip
    assert [(sample["step"], sample["label"]) for sample in outcome.samples] == [
        (0, "base"),
        (2, "during"),
        (4, "tuned"),
    ]
    saved = {record["step"]: (record["healthy"], record["seconds"] > 0) for record in outcome.records("checkpoint")}
    assert saved == {2: (True, True), 4: (True, True)}
    assert {path.name for path in outcome.run.checkpoints.iterdir()} == {"step-000002", "step-000004"}
    checkpoint = {path.name for path in (outcome.run.checkpoints / "step-000004").iterdir()}
    assert {"adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json"} <= checkpoint
    assert "training_args.bin" not in checkpoint

    (artefact,) = outcome.records("artefact")
    names = {file["name"] for file in artefact["files"]}
    assert (
        artefact["reload_difference"] == 0.0
        and {"adapter_config.json", "adapter_model.safetensors", "README.md"} <= names
    )
    assert not any(name.endswith((".bin", ".pt")) for name in names)
    card = (outcome.run.adapter / "README.md").read_text()
    assert (
        f"{evaluations[-1]['perplexity']:.4g}" in card and "38 rows" in card and "More Information Needed" not in card
    )

    tokenizer = AutoTokenizer.from_pretrained(outcome.run.adapter)
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, outcome.run.adapter)
    assert next(p for name, p in tuned.named_parameters() if "lora_A" in name).dtype == torch.float32
    assert (
        tokenizer.chat_template
        and tuned.generate(**tokenizer("hello", return_tensors="pt"), max_new_tokens=3).shape[0] == 1
    )


def test_samples_evaluation_and_checkpoints_do_not_change_training(carried: Carry) -> None:
    plain = carried(training__max_steps=4, adapter__dropout=0.3)
    busy = carried(
        training__max_steps=4, adapter__dropout=0.3, evaluation__every=1, checkpoints__every=1,
        samples__prompts=["Where?"], samples__every=1, samples__max_new_tokens=4, samples__temperature=1.0,
    )  # fmt: skip
    assert plain.losses == busy.losses and len(plain.losses) == 4


@pytest.mark.slow
def test_a_stop_before_the_first_step_ends_the_run_at_once(prepared: Callable[..., Run]) -> None:
    run = prepared()
    process = spawn(run, env=SPAWN)
    wait_for(run, lambda record: record.get("phase") == "importing")
    status = dict(line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    held_back = int(status["SigBlk"], 16)  # an exception in the middle of torch's own import is an abort
    assert held_back >> (signal.SIGTERM - 1) & 1 and held_back >> (signal.SIGINT - 1) & 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 3
    assert read_all(run.metrics_file)[-1]["outcome"] == "stopped"
    assert not run.adapter.exists()


def test_a_stop_during_training_keeps_the_adapter(prepared: Callable[..., Run]) -> None:
    run = prepared(training__max_steps=100_000, evaluation__every="end")
    engine = fork(run)
    wait_for(run, lambda record: record["kind"] == "step" and record["step"] >= 3)
    engine.signal(signal.SIGHUP)
    engine.signal(signal.SIGTERM)
    assert engine.end().code == 3
    end = read_all(run.metrics_file)[-1]
    assert end["outcome"] == "stopped" and end["step"] >= 3
    assert (run.adapter / "adapter_model.safetensors").is_file()
    assert "stopped before its end" in (run.adapter / "README.md").read_text()


def test_a_run_that_diverges_fails_and_says_so(carried: Carry, tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    save_model(broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], 3e38)
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    outcome = carried(model__id=str(broken), training__max_steps=5, evaluation__perplexity=False)
    assert outcome.code == 1 and "diverged" in str(outcome.reason) and "learning_rate" in str(outcome.reason)
    (alert,) = [record for record in outcome.records("alert") if record["id"] == "not-finite"]
    assert alert["step"] == 1
    assert [(step["loss"], "loss" in step["nonfinite"]) for step in outcome.records("step")] == [(None, True)]
    assert not outcome.run.adapter.exists() and not list(outcome.run.checkpoints.glob("step-*"))


def test_a_run_that_changes_no_weight_is_not_finished(carried: Carry) -> None:
    """Steps of 1e-12 vanish in bfloat16."""
    outcome = carried(adapter__method="none", model__dtype="bfloat16", training__learning_rate=1e-12)
    assert outcome.code == 1 and outcome.reason is not None and "no weight changed in 2 steps" in outcome.reason
    assert not (outcome.run.path / "model").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"training__learning_rate": 1e-30},
        {"training__max_grad_norm": 1e-30, "training__optimizer": "sgd", "training__weight_decay": 0.5,
         "training__learning_rate": 0.1, "data__eval": ""},
        {"training__learning_rate": 1e-13, "adapter__method": "none", "model__dtype": "float32", "data__eval": ""},
        {"training__learning_rate": 1e-13, "adapter__method": "none", "model__dtype": "float32", "data__eval": "",
         "training__precision": "bf16"},
        {"training__learning_rate": 1e-30, "adapter__bias": "all", "training__precision": "bf16", "data__eval": ""},
    ],
)  # fmt: skip
def test_a_result_that_behaves_like_its_base_model_is_said(carried: Carry, settings: dict[str, Any]) -> None:
    outcome = carried(**settings)
    (alert,) = [record for record in outcome.records("alert") if record["id"] == "nothing-learned"]
    assert outcome.code == 0 and "training.learning_rate" in alert["message"]


def test_run_json_tells_the_data_that_a_run_trains_on(prepared: Callable[..., Run], tmp_path: Path) -> None:
    """Its file changes while it waits for its turn."""
    rows = write_rows(tmp_path / "rows.jsonl", [conversation(number) for number in range(8)])
    run = prepared(data__train=str(rows), training__max_steps=1, data__eval="")
    assert record_sources(run, read_recipe(run)) == []
    write_rows(rows, [conversation(number) for number in range(9)])
    assert fork(run).end().code == 0
    assert [record["id"] for record in read_all(run.metrics_file) if record["kind"] == "alert"] == ["data-changed"]
    assert read_record(run.run_file)["data"]["train"] == fingerprint(str(rows))


@pytest.mark.parametrize(("steps", "ratio"), [(1, 0.03), (1, 0.9), (2, 0.99)])
def test_warm_up_never_takes_the_only_steps(carried: Carry, steps: int, ratio: float) -> None:
    outcome = carried(training__max_steps=steps, training__warmup_ratio=ratio)
    assert outcome.code == 0, outcome.reason
    assert outcome.records("step")[-1]["learning_rate"] > 0
    weights = load_file(outcome.run.adapter / "adapter_model.safetensors")
    assert any(weight.any() for name, weight in weights.items() if "lora_B" in name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model__id": "/nowhere/at/all"}, "model.id: /nowhere/at/all is not a bundled model"),
        ({"data__train": "/nowhere/rows.jsonl"}, "/nowhere/rows.jsonl"),
        ({"adapter__targets": ["q_proj", "nonsense"]}, "no layer 'nonsense'"),
        ({"training__precision": "fp16"}, "needs a GPU"),
        ({"data__max_length": 8}, "no row has a token to learn"),
    ],
)
def test_failures_are_told_in_words(carried: Carry, settings: dict[str, Any], words: str) -> None:
    outcome = carried(**settings)
    assert outcome.code == 1 and words in str(outcome.reason)
    assert "Traceback" not in str(outcome.reason) and not outcome.run.adapter.exists()


def test_bad_rows_are_named(carried: Carry, tmp_path: Path) -> None:
    data = write_rows(
        tmp_path / "bad.jsonl", [conversation(1), {"messages": [{"role": "user", "content": 5}]}, conversation(2)]
    )
    with data.open("a") as file:
        file.write("{broken\n")
    outcome = carried(data__train=str(data))
    assert outcome.code == 1
    assert all(words in str(outcome.reason) for words in ("bad.jsonl", "2 of 4 rows", "row 2", "row 4"))


LONG = {"messages": [{"role": "user", "content": "x " * 200}, {"role": "assistant", "content": "yes"}]}


def test_a_few_rows_that_teach_nothing_are_dropped_and_counted(carried: Carry, tmp_path: Path) -> None:
    held_out = write_rows(tmp_path / "held.jsonl", [conversation(999)])
    rows = [conversation(number) for number in range(100)]
    data = write_rows(tmp_path / "data.jsonl", [*rows[:40], LONG, *rows[40:]])
    outcome = carried(data__train=str(data), data__eval=str(held_out))
    assert outcome.code == 0 and outcome.records("plan")[0]["dropped_rows"] == 1
    alerts = {record["id"]: record["message"] for record in outcome.records("alert")}
    assert "1 of 101 training rows were dropped" in alerts["rows-dropped"] and "row 41" in alerts["rows-dropped"]


def test_that_no_held_out_row_is_left_is_an_alert_and_stands_in_the_report(
    carried: Carry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = write_rows(tmp_path / "held.jsonl", [LONG])
    data = write_rows(tmp_path / "data.jsonl", [LONG, *(conversation(number) for number in range(4))])
    settings = {"cleaning__too_long": "drop", "data__max_length": 96, "training__max_steps": 1}
    outcome = carried(data__train=str(data), data__eval=str(held_out), **settings)
    alerts = {record["id"]: record for record in outcome.records("alert")}
    assert outcome.code == 0
    assert alerts["no-held-out-left"]["level"] == alerts["too-long"]["level"] == "warning"
    assert "4 left to train on" in alerts["too-long"]["message"]
    say_run(outcome.run)
    told = capsys.readouterr().out
    assert alerts["no-held-out-left"]["message"] in told and "4 to train on, 1 dropped, 0 held out" in told


def test_more_than_a_hundredth_is_refused_before_the_model_is_loaded(carried: Carry, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.jsonl", [conversation(1), LONG, conversation(2)])
    held_out = write_rows(tmp_path / "held.jsonl", [conversation(99)])
    outcome = carried(data__train=str(data), data__eval=str(held_out))
    assert outcome.code == 1
    assert all(words in str(outcome.reason) for words in ("data.jsonl", "1 of 3 rows", "row 2 (line 2)", "max_length"))
    assert "loading" not in [record["phase"] for record in outcome.records("phase")]


def test_out_of_memory_and_a_full_disk_are_explained() -> None:
    from tuitune.engine.process.failures import explain

    wrapped = RuntimeError("training failed")
    wrapped.__cause__ = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    assert "gradient checkpointing" in explain(wrapped) and "quantization.bits" in explain(wrapped)
    assert "disk is full" in explain(OSError(28, "No space left on device"))
    assert explain(ValueError("first line\nsecond")).startswith("ValueError: first line")


def test_secrets_do_not_reach_the_journal(carried: Carry) -> None:
    outcome = carried(model__id="/nowhere/hf_abcdefghijklmnopabcdefghijklmnop1234")
    assert outcome.code == 1 and "hf_abcdefghijklmnopabcdefghijklmnop1234" not in outcome.run.metrics_file.read_text()
