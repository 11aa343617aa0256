"""Records: what is written of each kind, key by key, and what is made of a line that is odd or from another version."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tuitune.runs.store.journal import JournalWriter, read_all
from tuitune.runs.store.records import event_line, lifecycle, metric_line, training
from tuitune.runs.store.records.lifecycle import Amended, Ended, Event, Kill, PauseRequested, StopRequested
from tuitune.runs.store.records.line import Line
from tuitune.runs.store.records.samples import Sample
from tuitune.runs.store.records.training import Answered, Evaluation, Resumed, Saved

DOCS = Path(__file__).resolve().parents[3] / "docs" / "run-directory.md"
KINDS = [
    kind
    for module in (training, lifecycle)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Line) and kind.kind
]

WRITTEN = [
    (Evaluation(step=3, loss=0.5), "kind step epoch loss perplexity tokens rows seconds label basis"),
    (Answered(), "kind step label basis rows exact valid_json"),
    (Saved(), "kind step path bytes seconds healthy"),
    (Resumed(), "kind step checkpoint exact reasons skipped"),
    (Sample(), "step index prompt answer label tokens seconds"),
    (Sample(nonce="n"), "step index prompt answer label tokens seconds nonce"),
    (StopRequested(by="signal"), "event by"),
    (PauseRequested(by="request n", step=3, after=9), "event by step after"),
    (Kill(rung="ask", seconds=5.0), "event rung seconds next message step after"),
    (Ended(state="crashed"), "event state reason seconds"),
]


@pytest.mark.parametrize(("line", "keys"), WRITTEN)
def test_keys_are_written_in_their_order_and_nothing_is_left_out_that_readers_of_json_expect(
    line: Line, keys: str, tmp_path: Path
) -> None:
    with JournalWriter(tmp_path / "journal.jsonl") as writer:
        writer.append(**line.body())
    (record,) = read_all(tmp_path / "journal.jsonl")
    assert list(record) == ["v", "seq", "time", *keys.split()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_every_kind_is_read_as_it_was_written_and_what_is_odd_is_missing(kind: type[Line]) -> None:
    read = event_line if issubclass(kind, Event) else metric_line
    assert read(kind().body()) == kind()
    odd = {**dict.fromkeys(kind.fields, object()), kind.KEY: kind.kind, "v": 2, "later": [1]}
    line = read(odd)
    assert line == kind()
    assert line.extra == {"later": [1]}


def test_a_kind_of_a_later_version_keeps_its_name_and_its_fields() -> None:
    for line in (metric_line({"kind": "merged", "step": 3}), event_line({"event": "merged", "step": 3})):
        assert (line.name, line.extra["step"]) == ("merged", 3)
    assert metric_line({"kind": ["odd"]}).name == "['odd']"


def test_a_record_cannot_be_changed_and_knows_its_fields() -> None:
    saved = Saved(step=3)
    with pytest.raises(FrozenInstanceError):
        saved.step = 4  # type: ignore[misc]
    with pytest.raises(TypeError, match="weight"):
        Saved(weight=3)  # type: ignore[call-arg]


def test_a_figure_is_found_whether_its_kind_knows_it_or_not() -> None:
    line = metric_line({"kind": "eval", "loss": 0.5, "rewards/margin": 0.25, "rewards/odd": "x"})
    assert [line.figure(key) for key in ("loss", "rewards/margin", "rewards/odd", "label")] == [0.5, 0.25, None, None]


def test_a_change_that_is_none_does_no_harm() -> None:
    changes = {"training.epochs": {"from": 1, "to": 2}, "training.seed": 3}
    assert Amended(changes=changes).changed == {"training.epochs": (1, 2), "training.seed": (None, None)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_in_the_docs_with_its_fields(kind: type[Line]) -> None:
    rows = [row for row in DOCS.read_text().split("\n") if re.match(rf"\| .*`{re.escape(kind.kind)}`.* \|", row)]
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert not set(kind.fields) - {"seq", "time"} - named
