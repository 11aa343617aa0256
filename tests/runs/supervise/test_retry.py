"""Running out of memory, and trying again with smaller batches of the same effective size."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.harness import engine, events, records
from tuitune.recipe import document
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.state import derive
from tuitune.runs.read.summary import RunView
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import read_all
from tuitune.runs.supervise.retry import smaller
from tuitune.runs.supervise.supervisor import supervise

SIZES = st.integers(1, 4096)


@given(SIZES, SIZES)
def test_the_effective_batch_stays_and_the_batch_is_at_most_half(size: int, accumulation: int) -> None:
    found = smaller(size, accumulation)
    if found is None:
        assert size == 1 or all(
            size * accumulation % part or size * accumulation // part > 4096 for part in range(1, size // 2 + 1)
        )
    else:
        assert found[0] * found[1] == size * accumulation
        assert 1 <= found[0] <= size // 2
        assert found[1] <= 4096


def test_even_sizes_are_halved_and_odd_ones_divided_exactly() -> None:
    assert [smaller(8, 2), smaller(7, 1), smaller(5, 4), smaller(3, 4), smaller(6, 1)] == [
        (4, 4),
        (1, 7),
        (2, 10),
        (1, 12),
        (3, 2),
    ]
    assert smaller(1, 64) is None
    assert smaller(2, 4096) is None
    assert (smaller(4, 1, least=2), smaller(2, 8, least=2), smaller(6, 1, least=2)) == ((2, 2), None, (3, 2))


def greedy(batch_size: int, accumulation: int, **run: Any) -> Run:
    """A run with these batches that may try again."""
    recipe = Recipe()
    training = recipe.training.model_copy(update={"batch_size": batch_size, "accumulation": accumulation})
    retrying = recipe.run.model_copy(update={"on_oom": "retry", **run})
    return create(recipe.model_copy(update={"training": training, "run": retrying}))


def test_it_goes_on_with_half_the_batch_until_it_fits() -> None:
    run = greedy(8, 2)
    (run.checkpoints / "x").mkdir(parents=True)
    (run.checkpoints / "x" / "weights").write_bytes(b"w")
    checkpoints.commit(run.checkpoints, run.checkpoints / "x", {"step": 5, "healthy": True})
    assert supervise(run, engine(run, "hungry", "2")) == 0
    assert derive(run) == ("finished", "")
    training = document.read(run.recipe_file).training
    assert (training.batch_size, training.accumulation) == (2, 8)
    kinds = [event["event"] for event in read_all(run.events_file)]
    again = ["exited", "amended", "retry", "engine"]
    assert kinds == ["supervisor", "slot", "engine", *again, *again, "exited", "ended"], "one life"
    first, second = events(run, "retry")
    assert (first["batch_size"], first["accumulation"], first["step"]) == (4, 4, 5)
    assert second["reason"] == "out of memory: resumes from step 5 with batches of 2, 8 per step"
    assert [event["why"] for event in events(run, "amended")] == ["out of memory"] * 2
    assert events(run, "amended")[0]["changes"]["training.accumulation"] == {"from": 2, "to": 4}
    assert "batches of 8\nbatches of 4\nbatches of 2" in run.log_file.read_text()
    view = RunView(run)
    view.refresh()
    assert [mark.kind for mark in view.marks].count("retry") == 2


def test_it_ends_when_nothing_smaller_is_left_and_says_so() -> None:
    run = greedy(2, 1)
    supervise(run, engine(run, "hungry", "0"))
    state, reason = derive(run)
    assert state == "failed"
    assert reason == "the GPU ran out of memory (not retried: training.batch_size = 1 cannot be smaller)"
    assert len(events(run, "retry")) == 1


def test_without_leave_it_is_a_failure(run: Run) -> None:
    supervise(run, engine(run, "hungry", "0"))
    assert derive(run) == ("failed", "the GPU ran out of memory")
    assert events(run, "retry") == events(run, "amended") == []


def test_other_failures_are_not_tried_again() -> None:
    run = greedy(4, 1)
    supervise(run, engine(run, "fail"))
    assert derive(run) == ("failed", "the card is out of memory: lower the batch size"), "words alone are no proof"
    assert len(events(run, "engine")) == 1
    assert records(run, "end")[0]["cause"] is None


@pytest.mark.parametrize(("behaviour", "state"), [("hungry", "failed"), ("finish", "finished")])
def test_a_recipe_that_broke_meanwhile_takes_nothing_from_the_end(behaviour: str, state: str) -> None:
    run = greedy(4, 1)
    command = " ".join(f"'{part}'" for part in engine(run, behaviour, "0"))
    supervise(run, ["/bin/sh", "-c", f"{command}; code=$?; echo > '{run.recipe_file}'; exit $code"])
    assert derive(run)[0] == state
    if state == "failed":
        assert derive(run)[1].startswith("the GPU ran out of memory (not retried: ")
        assert "recipe.toml" in derive(run)[1]
