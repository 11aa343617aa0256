"""Going on from a checkpoint: exactly as if nothing had happened, or approximately and with the reason."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.live import fork, hit, says
from tests.engine.support import Carry, Outcome, conversation, save_model, wait_for, write_rows
from tuitune.recipe import document
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.summary import summarize
from tuitune.runs.store import checkpoints, manifest
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import Record, read_all

Again = Callable[[Run], Outcome]

EXACT = {
    "accumulation, dropout, packed rows, a checkpoint between two records": (
        {"training__accumulation": 2, "adapter__dropout": 0.3, "training__log_every": 3, "data__max_length": 48},
        5,
    ),
    "the edge of an epoch": ({"training__max_steps": 14, "training__accumulation": 2, "data__packing": False}, 10),
    "ranks that are cut": (
        {
            "adapter__method": "adalora", "adapter__cut_from": 0.0, "adapter__cut_every": 1,
            "adapter__dropout": 0.3, "training__accumulation": 2,
        },
        4,
    ),
}  # fmt: skip
SLOW = {
    "data workers, padded rows, noise in the embeddings": (
        {"training__workers": 2, "data__packing": False, "training__neftune_alpha": 5.0},
        3,
    ),
    "4 bits, DoRA": (
        {"quantization__bits": 4, "adapter__dora": True, "adapter__dropout": 0.1, "adapter__bias": "all"},
        3,
    ),
    "every weight": ({"adapter__method": "none", "training__learning_rate": 1e-3, "training__precision": "bf16"}, 3),
    "LoRA+, begun with the base's components": ({"adapter__init": "pissa", "adapter__lora_plus": 4.0}, 3),
    "begun with what 8 bits took": ({"quantization__bits": 8, "adapter__init": "loftq"}, 3),
    "an 8-bit optimizer": ({"training__optimizer": "adamw_8bit", "training__weight_decay": 0.01}, 3),
    "paged": ({"training__optimizer": "paged_adamw_8bit"}, 3),
    "paged, 32 bits": ({"training__optimizer": "paged_adamw_32bit"}, 3),
    "adafactor": ({"training__optimizer": "adafactor"}, 3),
    "sgd": ({"training__optimizer": "sgd", "training__schedule": "constant"}, 3),
    "adamw": ({"training__optimizer": "adamw_torch", "training__schedule": "polynomial"}, 3),
    "inverse square root": ({"training__schedule": "inverse_sqrt"}, 3),
    "8 bits": ({"quantization__bits": 8}, 3),
    "4 bits in bfloat16": ({"quantization__bits": 4, "training__precision": "bf16"}, 3),
    "in order": ({"data__shuffle": False, "training__workers": 1}, 3),
    "recomputed activations": ({"training__gradient_checkpointing": True, "adapter__dropout": 0.3}, 3),
    "another attention": ({"model__attention": "sdpa", "data__packing": False, "adapter__dropout": 0.3}, 3),
    "ranks that have been cut, 4 bits": ({"adapter__method": "adalora", "quantization__bits": 4}, 6),
    "begun with a part of a base in 4 bits": ({"adapter__init": "olora", "quantization__bits": 4}, 3),
    "vectors that scale": ({"adapter__method": "ia3", "adapter__targets": ["k_proj", "v_proj", "down_proj"]}, 3),
    "the first step": ({"adapter__dropout": 0.3, "training__log_every": 4}, 1),
    "the step before the last": ({"adapter__dropout": 0.3, "training__accumulation": 3}, 7),
}
LENGTH: dict[str, Any] = {
    "training__max_steps": 8, "training__learning_rate": 0.01, "training__warmup_ratio": 0.25,
    "checkpoints__every": 1, "checkpoints__keep": 100, "evaluation__every": 4,
}  # fmt: skip
TWO_BATCHES: dict[str, Any] = {"training__accumulation": 2}


@pytest.fixture(scope="module")
def eight_steps(tmp_path_factory: pytest.TempPathFactory, tiny: Path, chats: Path) -> Run:
    """A run of eight steps that is over."""
    from tuitune.engine.worker import carry_out

    values = {**LENGTH, **TWO_BATCHES, "training__batch_size": 2, "data__max_length": 64,
              "adapter__rank": 4, "model__id": str(tiny), "data__train": str(chats)}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUITUNE_HOME", str(tmp_path_factory.mktemp("home")))
        run = create(apply(Recipe(), assignments(values)))
        assert carry_out(run.path) == 0
    return run


@pytest.fixture
def whole(eight_steps: Run, home: Path) -> Run:
    """A copy of it that may be changed."""
    (home / "runs").mkdir(parents=True)
    copy = Run(home / "runs" / eight_steps.path.name)
    shutil.copytree(eight_steps.path, copy.path)
    return copy


@pytest.fixture
def half_way(whole: Run) -> Run:
    """A run of eight steps, cut off after the fourth."""
    return cut_off_after(4, whole, "cut")


@pytest.fixture
def again() -> Again:
    """Carries out a run once more, in this process."""

    def run(made: Run) -> Outcome:
        from tuitune.engine.worker import carry_out

        return Outcome(made, carry_out(made.path))

    return run


def cut_off_after(step: int, run: Run, name: str) -> Run:
    """A copy of a run as a kill right after the checkpoint of `step` would have left it, but for its records."""
    copy = Run(run.path.with_name(name))
    shutil.copytree(run.path, copy.path)
    shutil.rmtree(copy.adapter, ignore_errors=True)
    shutil.rmtree(copy.path / "model", ignore_errors=True)
    for checkpoint in checkpoints.listing(copy):
        if checkpoint.step > step:
            shutil.rmtree(checkpoint.path)
    return copy


def standing(run: Run, kind: str) -> list[Record]:
    """The records of a kind that no resume has superseded, without what depends on the clock; repeated ones once."""
    found: list[Record] = []
    for record in read_all(run.metrics_file):
        if record["kind"] == "resumed":
            found = [earlier for earlier in found if earlier["step"] <= record["step"]]
        elif record["kind"] == kind:
            found.append(record)
    names = ("step", "epoch", "label", "loss", "learning_rate", "grad_norm", "tokens", "perplexity")
    timeless = [{name: record[name] for name in names if name in record} for record in found]
    return [record for index, record in enumerate(timeless) if record not in timeless[:index]]


def result(run: Run) -> dict[str, bytes]:
    folder = run.adapter if run.adapter.exists() else run.path / "model"
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def last_files(run: Run) -> dict[str, Any]:
    """Sizes and hashes of everything in the last checkpoint: weights, optimizer, schedule, random numbers, state."""
    found = checkpoints.listing(run)[-1].manifest
    assert found is not None
    return dict(found["files"])


def assignments(settings: dict[str, Any]) -> list[str]:
    return [f"{key.replace('__', '.')}={json.dumps(value)}" for key, value in settings.items()]


def amend(run: Run, **settings: Any) -> None:
    recipe = apply(document.read(run.recipe_file), assignments(settings))
    run.recipe_file.write_text(document.render(recipe, full=True))


def assert_same(one: Run, other: Run) -> None:
    assert result(one) == result(other) != {}
    assert last_files(one) == last_files(other)
    for kind in ("step", "eval"):
        assert standing(one, kind) == standing(other, kind) != []


def goes_on_exactly(carried: Carry, again: Again, settings: dict[str, Any], step: int) -> None:
    whole = carried(**{**LENGTH, **settings})
    assert whole.code == 0, whole.reason
    assert whole.records("resumed") == []
    resumed = again(cut_off_after(step, whole.run, "cut"))
    assert resumed.code == 0, resumed.reason
    (record,) = resumed.records("resumed")
    assert (record["step"], record["exact"], record["reasons"], record["skipped"]) == (step, True, [], [])
    assert_same(whole.run, resumed.run)
    assert [record["label"] for record in resumed.records("eval")].count("base") == 1


@pytest.mark.parametrize(("settings", "step"), EXACT.values(), ids=EXACT)
def test_a_run_goes_on_exactly(carried: Carry, again: Again, settings: dict[str, Any], step: int) -> None:
    goes_on_exactly(carried, again, settings, step)


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "step"), SLOW.values(), ids=SLOW)
def test_a_run_goes_on_exactly_with_everything(
    carried: Carry, again: Again, settings: dict[str, Any], step: int
) -> None:
    goes_on_exactly(carried, again, settings, step)


@pytest.mark.slow
@pytest.mark.parametrize("bias", ["all", "lora_only"])
def test_trained_biases_go_on_exactly(carried: Carry, again: Again, tmp_path: Path, bias: str) -> None:
    model = save_model(tmp_path / "qwen2", "qwen2")
    goes_on_exactly(carried, again, {"model__id": str(model), "adapter__bias": bias, "adapter__dropout": 0.1}, 3)


@pytest.mark.slow
@pytest.mark.parametrize("packing", [True, False])
def test_a_run_goes_on_exactly_from_every_step(carried: Carry, again: Again, packing: bool) -> None:
    settings = {
        "training__accumulation": 2, "training__epochs": 2, "adapter__dropout": 0.3, "training__log_every": 3,
        "training__neftune_alpha": 5.0, "data__packing": packing, "evaluation__every": "epoch",
    }  # fmt: skip
    length = {key: value for key, value in LENGTH.items() if key != "training__max_steps"}
    whole = carried(**{**length, **settings})
    for step in range(1, len(checkpoints.listing(whole.run))):
        resumed = again(cut_off_after(step, whole.run, f"cut-{step}"))
        assert resumed.code == 0, resumed.reason
        assert_same(whole.run, resumed.run)


def test_lives_that_end_in_every_way_come_to_the_same(carried: Carry, prepared: Callable[..., Run]) -> None:
    """Three processes: one is killed, the next is stopped, the last finishes."""
    settings = {**LENGTH, "adapter__dropout": 0.3, "training__accumulation": 2}
    whole = carried(**settings)
    run = prepared(**settings)
    assert fork(run, at=says("step 4 "), do=lambda: hit(signal.SIGKILL)).end().code == -signal.SIGKILL
    stopped = fork(run, at=says("step 5 ")).end()
    assert (stopped.code, stopped.records("end")[-1]["step"]) == (3, 5)
    assert (run.adapter / "adapter_model.safetensors").is_file()
    outcome = fork(run).end()
    assert outcome.code == 0, outcome.reason
    assert [(record["step"], record["exact"]) for record in outcome.records("resumed")] == [(3, True), (5, True)]
    assert_same(whole.run, run)


def test_a_signal_to_the_whole_group_spares_the_data_workers(prepared: Callable[..., Run]) -> None:
    run = prepared(training__max_steps=100_000, training__workers=2, evaluation__every="end")
    engine = fork(run)
    os.setpgid(engine.pid, engine.pid)
    wait_for(run, lambda record: record["kind"] == "step" and record["step"] >= 3)
    os.killpg(engine.pid, signal.SIGTERM)
    assert engine.end().code == 3, run.log_file.read_text()[-2000:]
    end = read_all(run.metrics_file)[-1]
    assert end["outcome"] == "stopped" and checkpoints.listing(run)[-1].step == end["step"]


def test_a_pause_in_the_last_evaluation_leaves_the_result_to_the_next_life(
    eight_steps: Run, prepared: Callable[..., Run], again: Again
) -> None:
    run = prepared(**LENGTH, **TWO_BATCHES)
    engine = fork(run, at=says("evaluating on", after="step 8 "), do=lambda: hit(signal.SIGSTOP))
    os.waitid(os.P_PID, engine.pid, os.WSTOPPED)
    engine.ask("pause")
    for number in (signal.SIGTERM, signal.SIGCONT):
        engine.signal(number)
    paused = engine.end()
    assert (paused.code, paused.records("end")[-1]["outcome"]) == (4, "paused") and not run.adapter.exists()
    assert again(run).code == 0
    assert_same(eight_steps, run)


@pytest.mark.parametrize("place", [pytest.param("checkpoints/.staging", marks=pytest.mark.slow), ".adapter"])
def test_a_stop_while_saving_loses_nothing(
    carried: Carry, prepared: Callable[..., Run], again: Again, place: str
) -> None:
    settings = {**LENGTH, "training__max_steps": 4, "adapter__dropout": 0.3}
    whole = carried(**settings)
    run = prepared(**settings)
    with signal_once(lambda: (run.path / place).exists()):
        stopped = again(run)
    assert (stopped.code, stopped.records("end")[-1]["outcome"]) == (3, "stopped")
    assert all(checkpoints.verify(checkpoint) == "" for checkpoint in checkpoints.listing(run))
    assert checkpoints.listing(run)[-1].step == stopped.records("end")[-1]["step"]
    assert (run.adapter / "adapter_model.safetensors").is_file()
    assert again(run).code == 0
    assert_same(whole.run, run)


@contextmanager
def signal_once(condition: Callable[[], bool]) -> Iterator[None]:
    """Sends this process SIGTERM as soon as something is so."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if condition():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


# ---- what is left of a run


def test_a_run_without_a_checkpoint_begins_again(carried: Carry, again: Again) -> None:
    settings = {**LENGTH, "training__max_steps": 3, "samples__prompts": ["Where?"], "samples__max_new_tokens": 3}
    whole = carried(**settings, evaluation__answers=1)
    resumed = again(cut_off_after(0, whole.run, "cut"))
    (record,) = resumed.records("resumed")
    assert (record["step"], record["checkpoint"], record["exact"]) == (0, None, True)
    assert_same(whole.run, resumed.run)
    for records in (resumed.records("eval"), resumed.records("answers"), resumed.samples):
        assert [record.get("label") for record in records].count("base") == 1


def test_a_damaged_checkpoint_is_passed_over_and_said(eight_steps: Run, half_way: Run, again: Again) -> None:
    run = half_way
    weights = run.checkpoints / "step-000004" / "adapter_model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    resumed = again(run)
    (record,) = resumed.records("resumed")
    assert record["step"] == 3 and record["exact"]
    assert [(Path(one["path"]).name, "adapter_model" in one["reason"]) for one in record["skipped"]] == [
        ("step-000004", True)
    ]
    assert_same(eight_steps, run)
    assert all(checkpoints.verify(checkpoint) == "" for checkpoint in checkpoints.listing(run))


def test_a_run_that_is_done_is_only_measured_and_saved(whole: Run, again: Again) -> None:
    before, card = result(whole), (whole.adapter / "README.md").read_text()
    (whole.adapter / "stale").write_text("of an earlier life")
    resumed = again(whole)
    assert resumed.code == 0 and result(resumed.run) == before
    assert [record["step"] for record in resumed.records("step")] == list(range(1, 9))
    (record,) = resumed.records("resumed")
    assert (record["step"], record["exact"]) == (8, True)
    assert (resumed.run.adapter / "README.md").read_text() == card
    assert not (resumed.run.adapter / "stale").exists()
    assert not [path.name for path in resumed.run.path.iterdir() if path.name.startswith(".")]


def test_what_a_kill_left_behind_is_cleared_up(eight_steps: Run, half_way: Run, again: Again) -> None:
    run = half_way
    for debris in (run.checkpoints / ".staging", run.checkpoints / ".trash-step-000001-17", run.path / ".adapter"):
        debris.mkdir()
        (debris / "optimizer.pt").write_bytes(b"half of i")
    assert again(run).code == 0
    assert_same(eight_steps, run)
    assert [path for path in (*run.checkpoints.iterdir(), *run.path.iterdir()) if path.name.startswith(".")] == []


# ---- what is not the same any more


def reasons(outcome: Outcome) -> str:
    assert outcome.code == 0, outcome.reason
    record = outcome.records("resumed")[-1]
    assert record["exact"] is (record["reasons"] == [])
    return "; ".join(record["reasons"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training__batch_size": 1, "training__accumulation": 4}, "1 × 4 instead of 2 × 2: the same rows"),
        pytest.param({"training__batch_size": 4}, "8 rows instead of 4", marks=pytest.mark.slow),
        pytest.param({"training__max_steps": 12}, "12 steps long instead of 8", marks=pytest.mark.slow),
        pytest.param(
            {"training__optimizer": "sgd", "training__schedule": "linear"},
            "training.optimizer was adamw_torch_fused",
            marks=pytest.mark.slow,
        ),
        ({"training__learning_rate": 0.002, "training__weight_decay": 0.1}, "training.learning_rate was 0.01 and is"),
        ({"data__loss_on": "all"}, "the rows or their order have changed"),
        ({"training__workers": 1, "training__log_every": 2, "checkpoints__every": 8, "run__notes": "more"}, ""),
    ],
    ids=["same-rows", "batch", "longer", "optimizer", "rate", "data", "nothing-that-matters"],
)
def test_a_changed_recipe_is_followed_and_said(
    half_way: Run, again: Again, changes: dict[str, Any], words: str
) -> None:
    amend(half_way, **changes)
    outcome = again(half_way)
    assert words in reasons(outcome) and bool(words) == bool(reasons(outcome))
    steps = standing(half_way, "step")
    recipe = document.read(half_way.recipe_file)
    assert steps[-1]["step"] == recipe.training.max_steps
    if "training__learning_rate" in changes:
        assert 0 < steps[4]["learning_rate"] <= 0.002 < steps[3]["learning_rate"]


@pytest.mark.parametrize("steps", [2, 4])
def test_a_run_that_is_shorter_than_what_was_done_does_not_finish_again(
    half_way: Run, again: Again, steps: int
) -> None:
    amend(half_way, training__max_steps=steps)
    outcome = again(half_way)
    assert outcome.code == 1 and not half_way.adapter.exists()
    assert str(outcome.reason).startswith(f"training.max_steps: {steps} leaves nothing to do") and "4" in outcome.reason


def test_figures_of_other_tokens_are_not_compared(half_way: Run, again: Again) -> None:
    """All tokens are harder than the answers alone: against the loss of those, patience would end the run at once."""
    amend(half_way, data__loss_on="all", evaluation__patience=1, evaluation__every=1)
    outcome = again(half_way)
    assert "not compared" in reasons(outcome)
    assert "early-stop" not in [alert["id"] for alert in outcome.records("alert")]
    former, *_, base, fifth, _, _, tuned = outcome.records("eval")
    assert (former["label"], base["label"], base["step"], fifth["step"]) == ("base", "base", 0, 5)
    assert former["tokens"] < base["tokens"] == tuned["tokens"] and base["basis"] == tuned["basis"] != former["basis"]
    assert fifth["loss"] > min(record["loss"] for record in outcome.records("eval") if record["step"] == 4)
    assert summarize(half_way).perplexity == {"base": base["perplexity"], "tuned": tuned["perplexity"]}
    assert f"{base['perplexity']:.4g}" in (half_way.adapter / "README.md").read_text()
    manifest_now = checkpoints.listing(half_way)[-1].manifest
    assert manifest_now is not None and manifest_now["progress"]["best"][0] > 4
    assert reasons(again(half_way)) == ""
    assert [record["label"] for record in outcome.records("eval")].count("base") == 2


def test_changed_data_libraries_threads_and_devices_are_said(half_way: Run, again: Again, tmp_path: Path) -> None:
    import torch

    held_out = held_out_of(half_way)
    rows = [conversation(number + shift) for shift in (0, 100) for number in range(40)]
    amend(half_way, data__train=str(write_rows(tmp_path / "others.jsonl", rows)))
    folder = half_way.checkpoints / "step-000004"
    body = manifest.read(folder)
    assert body is not None
    body["versions"]["torch"], body["device"] = "1.0", "NVIDIA H200"
    (folder / manifest.NAME).unlink()
    manifest.seal(folder, {key: value for key, value in body.items() if key not in ("files", "v")})
    said = reasons(again(half_way))
    assert held_out_of(half_way) == held_out
    assert "the rows or their order have changed" in said and "and was 1.0" in said and "instead of NVIDIA H200" in said
    torch.set_num_threads(2)
    try:
        assert "2 threads instead of 1" in reasons(again(half_way))
    finally:
        torch.set_num_threads(1)


def test_another_base_model_of_the_same_size_is_said(half_way: Run, again: Again, tiny: Path, tmp_path: Path) -> None:
    """A base that was replaced under a run: only what is in its files tells. Its figures are measured again."""
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    amend(half_way, model__id=str(model))
    assert "base model" not in reasons(again(half_way))
    file = model / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    said = reasons(again(half_way))
    assert "base model" in said and "(weights)" in said and "not compared" in said
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.5}))
    outcome = again(cut_off_after(4, half_way, "config"))
    assert "(config.json, weights)" in reasons(outcome)
    first, *_, base, _ = outcome.records("eval")
    assert base["label"] == "base" and base["perplexity"] != first["perplexity"]


def held_out_of(run: Run) -> list[str]:
    return json.loads(run.data_file.read_text())["held_out_marks"]


def test_rows_held_out_once_are_never_trained_on_though_the_file_grows(
    carried: Carry, again: Again, tmp_path: Path
) -> None:
    rows = [conversation(number) for number in range(16)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    settings = {**LENGTH, "data__train": str(path), "data__eval": 0.25, "training__max_steps": 2}
    run = carried(**settings).run
    first = held_out_of(run)
    write_rows(path, [*rows, *(conversation(number) for number in range(100, 140))])
    amend(run, training__max_steps=3)
    assert again(run).code == 0
    assert held_out_of(run) == first
    assert set(held_out_of(carried(**settings).run)) != set(first), "a run of its own draws from all the rows"


@pytest.mark.parametrize(("before", "after"), [(0.25, "file"), ("", 0.25)])
def test_rows_that_may_have_been_trained_on_are_never_held_out(
    carried: Carry, again: Again, tmp_path: Path, before: Any, after: Any
) -> None:
    others = write_rows(tmp_path / "others.jsonl", [conversation(number) for number in range(4)])
    run = carried(data__eval=before).run
    former = run.data_file.read_bytes()
    amend(run, data__eval=str(others) if after == "file" else after, training__max_steps=3)
    outcome = again(run)
    assert outcome.code == 1 and outcome.records("end")[-1]["step"] == 2
    assert str(outcome.reason).startswith(f"data.eval was {before or 'empty'} and is ")
    assert str(run.recipe_file) in str(outcome.reason) and run.data_file.read_bytes() == former


def test_a_longer_run_of_constant_rate_is_the_same_run(carried: Carry, again: Again) -> None:
    settings = {**LENGTH, "training__schedule": "constant", "adapter__dropout": 0.3}
    whole = carried(**settings)
    part = carried(**{**settings, "training__max_steps": 5})
    amend(part.run, training__max_steps=8)
    resumed = again(part.run)
    assert reasons(resumed) == "" and result(resumed.run) == result(whole.run)


def test_weights_that_do_not_fit_are_refused_in_words(half_way: Run, again: Again) -> None:
    amend(half_way, adapter__rank=2)
    outcome = again(half_way)
    assert outcome.code == 1 and "do not fit this model" in str(outcome.reason) and "new run" in str(outcome.reason)
    assert not half_way.adapter.exists()


# ---- when saving fails


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system of so many bytes on a folder, or gives one that is mounted another size."""
    mounted: list[Path] = []

    def mount(folder: Path, size: int) -> Path:
        again = ["-o", f"remount,size={size}"] if folder in mounted else ["-t", "tmpfs", "-o", f"size={size}"]
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *again, "tmpfs", str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in set(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def test_a_full_disk_costs_a_checkpoint_and_nothing_else(
    carried: Carry, prepared: Callable[..., Run], again: Again, small_disk: Callable[..., Path]
) -> None:
    settings = {**LENGTH, "checkpoints__every": 3, "checkpoints__keep": 1}
    whole = carried(**settings)
    run = prepared(**settings)
    size = sum(file["size"] for file in last_files(whole.run).values())
    small_disk(run.checkpoints, 3 * size // 2)
    full = again(run)
    assert full.code == 0 and result(run) == result(whole.run)
    assert [record["step"] for record in full.records("checkpoint")] == [3]
    (alert,) = [record for record in full.records("alert") if record["id"] == "checkpoint-skipped"]
    assert alert["step"] == 6 and "disk" in alert["message"]
    assert [path.name for path in run.checkpoints.iterdir()] == ["step-000003"]

    small_disk(run.checkpoints, 20_000_000)
    resumed = again(run)
    assert resumed.records("resumed")[0]["step"] == 3 and reasons(resumed) == ""
    assert_same(whole.run, run)
