"""What an evaluation measures beside loss and perplexity, as summaries and texts have it."""

from __future__ import annotations

from typing import Any

import pytest

from tuitune.recipe.schema import Recipe
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter
from tuitune.runs.store.records.training import Evaluation
from tuitune.views.event_texts import measured_texts

pytestmark = pytest.mark.usefixtures("home")
BASE = {"loss": 0.693, "perplexity": None, "rewards/margins": 0.0, "rewards/chosen": 0.0}
TUNED = {"loss": 0.2, "perplexity": None, "rewards/margins": 2.5, "rewards/chosen": 0.5, "rewards/accuracies": 0.9}


def view_of(*evaluations: dict[str, Any]) -> RunView:
    run = create(Recipe())
    with JournalWriter(run.metrics_file) as metrics:
        for label, figures in zip(("base", "tuned"), evaluations, strict=False):
            metrics.append(kind="eval", step=0, label=label, **figures)
    view = RunView(Run(run.path))
    view.refresh()
    return view


def test_figures_of_preferences_are_kept_for_base_and_result() -> None:
    told = view_of(BASE, TUNED).summary.as_json()
    assert told["perplexity"] == {"base": None, "tuned": None}
    assert told["held_out"] == {
        "rewards/margins": {"base": 0.0, "tuned": 2.5},
        "rewards/accuracies": {"base": None, "tuned": 0.9},
        "rewards/chosen": {"base": 0.0, "tuned": 0.5},
    }


def test_figures_of_answers_are_perplexities() -> None:
    view = view_of({"loss": 2.0, "perplexity": 7.39}, {"loss": 1.0, "perplexity": 2.72})
    assert view.summary.as_json()["held_out"] == {} and view.perplexities == (7.39, 2.72)


def test_an_evaluation_is_told_by_what_it_measured() -> None:
    preferred = dict(measured_texts(Evaluation.read({"kind": "eval", **TUNED})))
    assert preferred["reward accuracy"] == "90 %" and "perplexity" not in preferred
    assert dict(measured_texts(Evaluation.read({"kind": "eval", "perplexity": 2.5}))) == {"perplexity": "2.5000"}


def test_what_was_measured_is_written_and_read_back() -> None:
    line = Evaluation(step=3, loss=0.5, label="during", extra={"rewards/margins": 1.5})
    assert Evaluation.read(line.body()).figure("rewards/margins") == 1.5
