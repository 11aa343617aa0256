"""Learning by rewards, from prompts to result: what is measured, and that every way through a run comes to the same."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationMixin

from tests.engine.live import fork, hit, says
from tests.engine.loop.test_resume import amend, assert_same, assignments, cut_off_after, last_files, result
from tests.engine.support import Carry, Outcome, write_rows
from tuitune.objectives import TRAINED
from tuitune.objectives.grpo import GRPO
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.rewards.python_file import fingerprint
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import read_all

PLAIN = "def reward(completion):\n    return sum(map(str.isascii, completion)) / 12\n"
SOME = "rewards/python/mean"
LENGTH: dict[str, Any] = {
    "objective__kind": "grpo", "objective__generations": 4, "objective__answer_length": 12, "data__max_length": 48,
    "training__max_steps": 4, "training__batch_size": 4, "training__accumulation": 2, "training__learning_rate": 0.01,
    "training__warmup_ratio": 0, "adapter__dropout": 0.1, "checkpoints__every": 1, "checkpoints__keep": 100,
    "evaluation__every": 2, "data__eval": 0.2,
}  # fmt: skip


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [{"prompt": f"Name {number} vowels.", "solution": str(number)} for number in range(1, 31)]
    return write_rows(tmp_path_factory.mktemp("data") / "prompts.jsonl", rows)


@pytest.fixture
def rewarded(home: Path, tiny: Path, prompts: Path, tmp_path: Path) -> Callable[..., Run]:
    """Makes a run that is rewarded for plain letters, or by the source that it is given."""

    def make(*, source: str = PLAIN, **settings: Any) -> Run:
        file = tmp_path / "mine.py"
        file.write_text(source)
        mine = {"rewards__file": str(file), "rewards__approved": fingerprint(source.encode())}
        common = {"model__id": str(tiny), "data__train": str(prompts), "adapter__rank": 4}
        weights = settings.pop("weights", "python=2")
        given = assignments({**common, **LENGTH, **mine, **settings})
        return create(apply(Recipe(), [f"rewards.weights={weights}", *given]))

    return make


@pytest.fixture
def carried_out(rewarded: Callable[..., Run]) -> Carry:
    def carry(**settings: Any) -> Outcome:
        from tuitune.engine.worker import carry_out

        run = rewarded(**settings)
        return Outcome(run, carry_out(run.path))

    return carry


def metrics(run: Run) -> list[dict[str, Any]]:
    """The figures of its own that a run recorded, step by step, as its newest life has them."""
    found: dict[int, dict[str, Any]] = {}
    for record in read_all(run.metrics_file):
        if record["kind"] == "step":
            found[record["step"]] = {metric.key: record.get(metric.key) for metric in GRPO.metrics}
    return [found[step] for step in sorted(found)]


@pytest.mark.parametrize("kind", ["grpo", pytest.param("rloo", marks=pytest.mark.slow)])
def test_it_learns_what_is_rewarded_and_says_so_in_its_own_figures(carried_out: Carry, kind: str) -> None:
    weights = "{ python = 2, length = 0.5 }"
    many = {
        "objective__generations": 8,
        "training__batch_size": 16,
        "training__schedule": "constant",
        "training__learning_rate": 0.05,
    }
    done = carried_out(objective__kind=kind, training__max_steps=12, weights=weights, adapter__dropout=0.0, **many)
    assert done.code == 0, done.reason
    steps = done.records("step")
    for record in steps:
        assert record["reward"] == pytest.approx(2 * record[SOME] + 0.5 * record["rewards/length/mean"], rel=1e-4)
        assert 0 <= record["frac_reward_zero_std"] <= 1 and 0 < record["completions/mean_length"] <= 12
    assert sum(record[SOME] for record in steps[6:]) > 1.05 * sum(record[SOME] for record in steps[:6])
    base, *_, tuned = done.records("eval")
    assert base["loss"] == -base["reward"] and tuned["perplexity"] is None
    assert tuned["reward"] == pytest.approx(2 * tuned[SOME] + 0.5 * tuned["rewards/length/mean"])
    assert summarize(done.run).held_out["reward"] == {"base": base["reward"], "tuned": tuned["reward"]}
    card = (done.run.adapter / "README.md").read_text()
    assert "reward" in card and "erplexity" not in card and TRAINED[kind].title in card
    assert {alert["id"] for alert in done.records("alert")}.isdisjoint({"loss-zero", "diverging", "nothing-learned"})
    plan = done.records("plan")[-1]
    assert (plan["train_rows"], plan["steps_per_epoch"]) == (24, 6), "four prompts a step, eight answers each"


GOES_ON = [
    pytest.param({"objective__iterations": 2, "objective__kl": 0.1}, 1, id="within a generation, held to the base"),
    pytest.param(
        {"data__limit": 5, "data__eval": "", "training__log_every": 3}, 3, id="within a later epoch",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        {"data__limit": 5, "data__eval": "", "training__max_steps": 5}, 4, id="between two epochs",
        marks=pytest.mark.slow,
    ),
    pytest.param({"objective__kind": "rloo", "objective__iterations": 2}, 3, id="rloo", marks=pytest.mark.slow),
    pytest.param(
        {"adapter__method": "none", "training__learning_rate": 1e-3, "objective__kl": 0.1}, 2,
        id="every weight, held to a copy", marks=pytest.mark.slow,
    ),
    pytest.param({"quantization__bits": 4}, 2, id="4 bits", marks=pytest.mark.slow),
    pytest.param({"training__gradient_checkpointing": True}, 2, id="recomputed", marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.slow
def test_answers_judged_by_another_schema_are_not_the_same_run(carried_out: Carry, tmp_path: Path) -> None:
    from tuitune.engine.worker import carry_out

    schema = tmp_path / "record.json"
    schema.write_text("true")
    whole = carried_out(weights="{ python = 2, schema = 1 }", rewards__schema_file=str(schema))
    assert whole.code == 0, whole.reason
    same, other = (cut_off_after(2, whole.run, name) for name in ("same", "other"))
    assert carry_out(same.path) == 0
    schema.write_text('{"type": "array"}')
    assert carry_out(other.path) == 0
    (exact,), (told,) = (Outcome(run, 0).records("resumed") for run in (same, other))
    assert exact["exact"] and not told["exact"]
    assert any("rewards.schema_file" in reason for reason in told["reasons"])
    assert {alert["id"] for alert in Outcome(other, 0).records("alert")} >= {"data-changed"}
    bases = [{one["basis"] for one in Outcome(run, 0).records("eval")} for run in (same, other)]
    assert [len(found) for found in bases] == [1, 2]


@pytest.mark.parametrize(("settings", "step"), GOES_ON)
def test_a_run_goes_on_exactly(carried_out: Carry, settings: dict[str, Any], step: int) -> None:
    from tuitune.engine.worker import carry_out

    whole = carried_out(**settings)
    assert whole.code == 0, whole.reason
    cut = cut_off_after(step, whole.run, "cut")
    resumed = Outcome(cut, carry_out(cut.path))
    assert resumed.code == 0, resumed.reason
    (record,) = resumed.records("resumed")
    assert (record["step"], record["exact"], record["reasons"]) == (step, True, [])
    assert result(whole.run) == result(cut) != {}
    assert last_files(whole.run) == last_files(cut)
    assert metrics(whole.run) == metrics(cut)
    if settings.get("objective__kl"):
        first, *_, last = metrics(whole.run)
        assert abs(first["kl"]) < 1e-5 < last["kl"]


@pytest.mark.parametrize(
    "settings",
    [
        {"adapter__bias": "all"},
        pytest.param({"adapter__method": "adalora", "objective__kl": 0.1}, marks=pytest.mark.slow),
    ],
)
def test_rloo_takes_an_adapter_that_has_to_be_the_only_one(carried_out: Carry, settings: dict[str, Any]) -> None:
    done = carried_out(objective__kind="rloo", evaluation__every="end", **settings)
    assert done.code == 0, done.reason
    assert not [file for file in done.run.adapter.iterdir() if file.is_dir()], "no second adapter is saved"
    first, *_, last = done.records("step")
    assert "objective__kl" not in settings or abs(first["kl"]) < 1e-6 < abs(last["kl"])


@pytest.mark.slow
def test_a_killed_run_and_a_paused_one_come_to_the_same(carried_out: Carry, rewarded: Callable[..., Run]) -> None:
    settings = {"objective__iterations": 2}
    whole, run = carried_out(**settings), rewarded(**settings)
    assert fork(run, at=says("step 2 "), do=lambda: hit(signal.SIGKILL)).end().code == -signal.SIGKILL
    engine = fork(run, at=says("step 3 "), do=lambda: hit(signal.SIGTERM), told=(("pause", {}),))
    assert engine.end().code in (3, 4)
    outcome = fork(run).end()
    assert outcome.code == 0, outcome.reason
    assert_same(whole.run, run)
    assert metrics(whole.run) == metrics(run)


@pytest.mark.slow
def test_with_half_the_batch_it_goes_on_with_the_same_answers(carried_out: Carry) -> None:
    """What a retry does where memory ran out, in the middle of a generation."""
    from tuitune.engine.worker import carry_out

    settings = {
        "adapter__dropout": 0.0, "data__eval": "", "training__batch_size": 8, "training__accumulation": 1,
        "objective__iterations": 2, "training__max_steps": 2,
    }  # fmt: skip
    whole = carried_out(**settings)
    cut = cut_off_after(1, whole.run, "cut")
    amend(cut, training__batch_size=4, training__accumulation=2)
    resumed = Outcome(cut, carry_out(cut.path))
    assert resumed.code == 0, resumed.reason
    (one, other) = (done.records("step")[-1] for done in (whole, resumed))
    for key in ("loss", "grad_norm"):
        assert one[key] == pytest.approx(other[key], rel=1e-3, abs=1e-5), key


def test_a_file_that_is_no_reward_is_refused_before_anything_is_loaded(carried_out: Carry) -> None:
    done = carried_out(source="def score(completion):\n    return 1\n")
    assert done.code != 0 and "no function reward" in str(done.reason)
    assert not any("loading" in str(phase["text"]) for phase in done.records("phase"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grpo", "rloo"])
def test_where_memory_ends_fewer_answers_are_written_at_once(
    carried_out: Carry, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    generate, sizes = GenerationMixin.generate, []

    def limited(model: Any, *positional: Any, **named: Any) -> Any:
        sizes.append(len(named["input_ids"]))
        if sizes[-1] > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return generate(model, *positional, **named)

    monkeypatch.setattr(GenerationMixin, "generate", limited)
    done = carried_out(objective__kind=kind, data__eval="", training__max_steps=2)
    assert done.code == 0, done.reason
    assert sizes == [8, 4, 4, 4, 4]


def test_a_reward_that_throws_ends_the_run_with_its_name(carried_out: Carry) -> None:
    done = carried_out(
        source="def reward(completion, answer):\n    return 1 / (int(answer) - int(answer))\n", data__eval=""
    )
    assert done.code != 0
    assert "the reward python failed" in str(done.reason) and "an answer to “Name" in str(done.reason)


def test_answers_of_a_group_that_get_the_same_are_told_of(carried_out: Carry) -> None:
    """A reward of the prompt alone: groups are those of one prompt each, so that none has any spread."""
    source = "def reward(prompt): return int(prompt.split()[1])\n"
    few = {"objective__generations": 2, "objective__answer_length": 4, "training__accumulation": 1}
    done = carried_out(source=source, data__eval="", training__max_steps=20, checkpoints__every="end", **few)
    assert done.code != 0 and "same reward" in str(done.reason)
    assert all(step["frac_reward_zero_std"] == 1 and step["reward_std"] > 0 for step in done.records("step"))
    (alert,) = [alert for alert in done.records("alert") if alert["id"] == "no-spread"]
    assert "python" in alert["message"]


def test_rows_that_a_reward_cannot_compare_are_refused_by_row(carried_out: Carry, tmp_path: Path) -> None:
    rows = [{"prompt": "Say seven.", "solution": "seven"}, *({"prompt": f"Say {n}.", "solution": n} for n in range(9))]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    done = carried_out(data__train=str(path), weights="numeric=1", data__eval="")
    assert done.code != 0
    assert "line 1" in str(done.reason) and "numeric" in str(done.reason) and "no number" in str(done.reason)


def test_too_few_prompts_for_a_step_are_refused(carried_out: Carry) -> None:
    done = carried_out(data__limit=4, data__eval="", training__batch_size=20)
    assert done.code != 0 and "only 4" in str(done.reason)
