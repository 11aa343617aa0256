"""Other data mixed in by its share of the whole, and training rows that held-out rows resemble."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.preparation.sets import altered, asked, questions, row, sentence, step, write
from tuitune.data.preparation.assembled import Assembled, DataRefused
from tuitune.data.preparation.prepare import prepare
from tuitune.data.preparation.task import summary
from tuitune.data.sources.names import resolve, stamp
from tuitune.data.tasks import begin
from tuitune.recipe.schema import Recipe

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
ROWS = [row(sentence(number)) for number in range(100)]
GENERAL = [{"instruction": sentence(number), "output": "A general answer."} for number in range(1000, 1060)]


def counts(made: Assembled) -> dict[str, int]:
    sources = [Path(item.source).stem for item in made.train]
    return {name: sources.count(name) for name in dict.fromkeys(sources)}


def test_a_share_is_one_of_the_whole_and_shapes_may_differ(tmp_path: Path) -> None:
    train, general = write(tmp_path / "train.jsonl", ROWS), write(tmp_path / "general.jsonl", GENERAL)
    made = prepare(asked(train, mix={general: 0.2}))
    assert counts(made) == {"train": 100, "general": 25}
    other = write(tmp_path / "other.jsonl", GENERAL)
    assert counts(prepare(asked(train, mix={general: 0.2, other: 0.3}))) == {"train": 100, "general": 40, "other": 60}


def test_the_rows_drawn_depend_on_content_and_seed_alone(tmp_path: Path) -> None:
    train, general = write(tmp_path / "train.jsonl", ROWS), write(tmp_path / "general.jsonl", GENERAL)
    turned = write(tmp_path / "turned.jsonl", GENERAL[::-1])
    drawn = [
        {item.mark for item in prepare(asked(train, mix={name: 0.2}, seed=seed)).train}
        for name, seed in ((general, 1), (turned, 1), (general, 2))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_too_few_rows_are_all_used_and_it_is_said(tmp_path: Path) -> None:
    train, general = write(tmp_path / "train.jsonl", ROWS), write(tmp_path / "general.jsonl", GENERAL[:10])
    made = prepare(asked(train, mix={general: 0.5}))
    assert counts(made) == {"train": 100, "general": 10}
    assert "10 of the 100 rows" in made.notes[0] and "50 %" in made.notes[0]


def test_mixed_rows_are_cleaned_and_held_out_like_the_others(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ROWS)
    general = write(tmp_path / "general.jsonl", [*GENERAL, *GENERAL])
    made = prepare(asked(train, eval=0.3, mix={general: 0.3}, cleaning={"duplicates": True}))
    assert (len(made.train) + len(made.held_out), step(made, "duplicates").dropped) == (143, 60)
    assert {item.source for item in made.held_out} == {train, general}


def test_a_source_that_cannot_be_mixed_in_is_refused_by_its_setting(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ROWS)
    with pytest.raises(DataRefused) as refused:
        prepare(asked(train, mix={"missing.jsonl": 0.1}), base=tmp_path)
    assert refused.value.problems[0].key == "data.mix" and "missing.jsonl" in refused.value.problems[0].message


def test_leakage_is_reported_in_pairs_and_dropped_only_where_asked(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ROWS)
    held_out = write(tmp_path / "held.jsonl", [ROWS[4], row(altered(ROWS[9]["question"], 1)), row(sentence(500))])
    reported = prepare(asked(train, eval=held_out))
    report = step(reported, "leakage")
    assert (report.found, report.dropped, len(reported.train)) == (2, 0, 100)
    assert [(one["row"], one["other"]) for one in report.examples] == [(5, 1), (10, 2)]
    assert (report.examples[0]["similarity"], report.examples[1]["similarity"] < 1) == (1.0, True)
    dropped = prepare(asked(train, eval=held_out, cleaning={"leakage": "drop"}))
    assert (step(dropped, "leakage").dropped, len(dropped.train), len(dropped.held_out)) == (2, 98, 3)
    assert not {ROWS[4]["question"], ROWS[9]["question"]} & set(questions(dropped.train))


def test_white_space_does_not_hide_leakage_where_it_is_tidied(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ROWS)
    held_out = write(tmp_path / "held.jsonl", [row(f"  {ROWS[4]['question']}  ")])
    made = prepare(asked(train, eval=held_out, cleaning={"whitespace": True}))
    assert step(made, "leakage").examples[0]["similarity"] == 1.0


def test_data_that_leaks_as_a_whole_is_refused(tmp_path: Path) -> None:
    train, held_out = write(tmp_path / "train.jsonl", ROWS), write(tmp_path / "held.jsonl", ROWS)
    with pytest.raises(DataRefused, match=r"cleaning\.leakage: every training row"):
        prepare(asked(train, eval=held_out, cleaning={"leakage": "drop"}))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real data sets, ../shared/data, is not here")
def test_the_task_says_of_real_data_what_assembling_it_does() -> None:
    name = str(SHARED / "alpaca_en_demo.json")
    tables = Recipe.model_validate(
        {"data": {"train": name}, "cleaning": {"duplicates": True, "near_duplicates": 0.8, "shortest": 50}}
    ).model_dump(mode="json")
    task = begin("clean", {"recipe": tables, "base": None}, [stamp(resolve(name))])
    while (progress := task.look()).state == "working":
        pass
    made = summary(prepare(Recipe.model_validate(tables), preview=True))
    assert progress.result == json.loads(json.dumps(made))
    steps = {one["step"]: one for one in made["steps"]}
    assert (
        made["rows"]
        == 999 - steps["shortest"]["dropped"] - steps["near_duplicates"]["dropped"] - (steps["duplicates"]["dropped"])
    )
    assert steps["shortest"]["dropped"] > 0 and steps["leakage"]["found"] == 0
