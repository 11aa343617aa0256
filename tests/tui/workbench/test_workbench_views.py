"""Cleaning and tokens on the workbench, with reports as their processes make them, and the parts that draw them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.tui.conftest import until
from tests.tui.payloads import PAYLOADS, assert_inert, shot_of
from tests.tui.workbench.test_workbench import ANSWER, cursor_of, looking_at, text_of, work, write_rows
from tuitune.data.scan.report import Inspection
from tuitune.data.sources.rows import Row, mark
from tuitune.data.tasks import Progress
from tuitune.problem import TuituneError
from tuitune.tui.workbench import screen as workbench
from tuitune.tui.workbench.examples import difference, in_full
from tuitune.tui.workbench.histogram import bar, histogram, merged
from tuitune.tui.workbench.row_text import whole
from tuitune.views.data_page import PageRow

__all__ = ["work"]

STEP = {"step": "duplicates", "key": "cleaning.duplicates", "title": "duplicates", "changed": 0}
TOKENS = {
    "rows": 90, "held_out": 10, "tokens": 9000, "trained_tokens": 3000, "trained_share": 1 / 3, "longest": 700,
    "cut": 4, "lengths": {"edges": [0, 100, 200, 700], "counts": [50, 36, 4]}, "max_length": 200, "packed_rows": 45,
    "fill": 0.99, "steps": 12, "lost": [{"row": 3, "place": "row 3 (line 3)", "why": "nothing is learned"}],
    "lost_count": 1, "odd": [{"row": 3, "kind": "lost", "mark": "0123456789abcdef"}],
    "verdicts": [
        {"id": "stop", "level": "ok", "text": "the end of a turn is trained", "fix": None},
        {"id": "cut", "level": "warning", "text": "4 rows are cut", "fix": {"data.max_length": 768}},
    ],
    "errors": [],
}  # fmt: skip


class StandIn:
    """A task whose process does nothing: it shows whatever progress it is given."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.folder = Path("/nowhere")
        self.cancelled = False

    def look(self) -> Progress:
        return self.progress

    def cancel(self) -> None:
        self.cancelled = True


Tasks = dict[str, list[StandIn]]


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    """The tasks that the workbench began, by kind; each is at work until the test says otherwise."""
    begun: Tasks = {"scan": [], "clean": [], "tokens": []}

    def begin_work(kind: str, *_arguments: object) -> StandIn:
        task = StandIn(Progress("working", "reading", 5, 10))
        begun[kind].append(task)
        return task

    monkeypatch.setattr(workbench, "begin_work", begin_work)
    return begun


def done(result: dict[str, Any]) -> Progress:
    return Progress("done", result=result)


def cleaned(dropped: int, examples: list[dict[str, Any]], notes: tuple[str, ...] = ()) -> Progress:
    step = {**STEP, "before": 10, "found": dropped, "dropped": dropped, "examples": examples}
    return done({"steps": [step], "rows": 10 - dropped, "train": 9 - dropped, "held_out": 1, "notes": list(notes)})


async def test_steps_are_switched_and_worked_out_anew(work: Path, tasks: Tasks):
    write_rows(work / "rows.jsonl", [ANSWER] * 10)
    async with looking_at("rows.jsonl", (80, 24)) as (pilot, screen):
        await pilot.press("3")
        await until(pilot, lambda: "5 of 10 rows" in text_of(pilot) and tasks["clean"])
        await pilot.press("j", "j", "j", "space")
        assert screen.draft.recipe.cleaning.shortest == 50
        await pilot.press("plus", "plus", "minus")
        assert screen.draft.recipe.cleaning.shortest == 60
        await pilot.press("j", "space")
        assert screen.draft.recipe.cleaning.doubtful == "drop"
        await pilot.press("j", "space")
        assert screen.draft.recipe.cleaning.duplicates
        job = screen.bench.jobs["clean"]
        await until(pilot, lambda: job.key == screen.bench.key_of("clean") and job.task is tasks["clean"][-1])
        assert tasks["clean"][0].cancelled, "work that nobody waits for any more went on"
        example = {
            "row": 7,
            "place": "row 7",
            "source": "",
            "before": "Name a colour.",
            "reason": "equals row 1",
            "other": 1,
        }
        tasks["clean"][-1].progress = cleaned(9, [example], ("general.jsonl has 5 rows of 20",))
        await until(pilot, lambda: "9 dropped" in text_of(pilot))
        assert "0 to train on · 1 held out" in text_of(pilot)
        assert "general.jsonl has 5 rows" in text_of(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "equals row 1" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: cursor_of(screen) == "7")


async def test_a_process_that_died_is_said_to_have_died(work: Path, tasks: Tasks):
    write_rows(work / "rows.jsonl", [ANSWER] * 10)
    async with looking_at("rows.jsonl") as (pilot, screen):
        await pilot.press("4")
        await until(pilot, lambda: tasks["tokens"] and tasks["scan"])
        for kind in ("tokens", "scan"):
            tasks[kind][-1].progress = Progress("failed", error=f"the {kind} was killed\x1b[2J")
        for words in ("the tokens was killed", "the scan was killed"):
            await until(pilot, lambda words=words: words in text_of(pilot))
        assert_inert(shot_of(pilot.app))
        assert screen.bench.page is not None


async def test_work_that_cannot_be_begun_says_why(work: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_arguments: object) -> None:
        raise TuituneError("no room on the disk")

    monkeypatch.setattr(workbench, "begin_work", refuse)
    write_rows(work / "rows.jsonl", [ANSWER] * 10)
    async with looking_at("rows.jsonl") as (pilot, _):
        await pilot.press("5")
        await until(pilot, lambda: "no room on the disk" in text_of(pilot))


async def test_the_list_of_rows_marks_what_scan_and_tokens_found(work: Path, tasks: Tasks):
    rows = [{**ANSWER, "output": str(number)} for number in range(30)]
    write_rows(work / "rows.jsonl", [*rows, rows[6]])
    async with looking_at("rows.jsonl") as (pilot, _):
        await until(pilot, lambda: tasks["scan"])
        assert "⚠" not in text_of(pilot)
        scan = {"shape": "alpaca", "columns": {}, "reason": "", "duplicates": 1, "duplicate_rows": [[31, 7]]}
        tasks["scan"][-1].progress = done(Inspection(path="", rows=31, **scan).as_json())
        await pilot.press("4")
        await until(pilot, lambda: tasks["tokens"])
        odd = [{"row": 31, "kind": "cut", "mark": ""}, {"row": 30, "kind": "lost", "mark": ""}]
        tasks["tokens"][-1].progress = done({**TOKENS, "odd": odd})
        await pilot.press("1", "G")
        await until(pilot, lambda: "31 ⚠ repeats row 7, cut at" in text_of(pilot))
        assert "30 ⚠ loses every label" in text_of(pilot) and text_of(pilot).count("⚠") == 2
        assert "repeats row 7 · cut at the max length" in text_of(pilot), "below, with the row in full"
        await pilot.press("x")
        await until(pilot, lambda: "31 – repeats row 7" in text_of(pilot))
        await pilot.press("question_mark")
        await until(pilot, lambda: "The row repeats an earlier one" in text_of(pilot))


async def test_tokens_show_lengths_verdicts_and_what_is_lost(work: Path, tasks: Tasks):
    write_rows(work / "rows.jsonl", [ANSWER] * 10)
    async with looking_at("rows.jsonl", (80, 24)) as (pilot, screen):
        await pilot.press("4")
        await until(pilot, lambda: tasks["tokens"])
        tasks["tokens"][-1].progress = done(TOKENS)
        await until(pilot, lambda: "cut after 200" in text_of(pilot))
        lines = text_of(pilot).splitlines()
        limit = next(at for at, line in enumerate(lines) if "cut after 200" in line)
        assert "100–200" in lines[limit - 1]
        assert "200–700" in lines[limit + 1]
        assert "packed into 45, 99 % full" in text_of(pilot)
        await pilot.press("x")
        assert screen.draft.recipe.data.max_length == 768
        await until(pilot, lambda: len(tasks["tokens"]) == 2)
        tasks["tokens"][-1].progress = done(TOKENS)
        await until(pilot, lambda: "cut after 200" in text_of(pilot))
        await pilot.press("G")
        await until(pilot, lambda: "Enter shows its tokens" in text_of(pilot))
        await pilot.press("x")
        assert screen.draft.recipe.data.exclude == ["0123456789abcdef"]


async def test_keys_answer_while_the_work_goes_on(work: Path, tasks: Tasks):
    write_rows(work / "rows.jsonl", [{**ANSWER, "output": str(number)} for number in range(50)])
    async with looking_at("rows.jsonl") as (pilot, screen):
        await until(pilot, lambda: tasks["scan"])
        for number in range(2, 20):
            tasks["scan"][-1].progress = Progress("working", "reading", number, 50)
            await pilot.press("j")
            assert cursor_of(screen) == str(number)
        await until(pilot, lambda: "19 of 50 rows" in text_of(pilot))


# Parts


@pytest.mark.parametrize(
    ("before", "after", "plain"),
    [
        ("one two", "one two", "one two"),
        ("one  two ", "one two", "one␣ two␣"),
        ("a\r\nb", "a\nb", "a␍⏎\n⏎\nb"),
        ("Name a colour", "Name a sound", "Name a coloursound"),
    ],
)
def test_differences_show_white_space_that_changed(before: str, after: str, plain: str):
    assert difference(before, after).plain.replace("  ", " ") in (plain, plain.replace("␣ ", " ␣"))


def test_what_was_cut_off_is_no_change():
    assert difference("a  b c d", "a b c d e", cut=True).plain.endswith(" b c d")


def test_rows_that_resemble_each_other_stand_side_by_side():
    example = {
        "row": 7,
        "place": "row 7",
        "before": "one red car",
        "after": "one blue car",
        "other": 2,
        "reason": "67% like",
    }
    lines = in_full(example, 43).plain.splitlines()
    assert lines[1].split() == ["row", "7", "│", "row", "2"]
    assert lines[2].split() == ["one", "red", "car", "│", "one", "blue", "car"]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_texts_of_examples_are_cleaned(payload: str):
    unsafe = set("\x1b\x9b\x07\x00\x08\r\u202e\ud800")
    example = {"row": 1, "place": payload, "before": payload, "after": f"{payload}!", "other": 2, "reason": payload}
    assert not unsafe & set(in_full(example, 60).plain)
    assert not unsafe & set(difference(payload, f"x{payload}").plain)
    row = Row(1, 1, {payload: payload})
    assert not unsafe & set(whole(PageRow(row, None, payload), original=True).plain)


@pytest.mark.parametrize("from_end", [False, True])
def test_a_histogram_keeps_every_count_whatever_its_width(from_end: bool):
    ranges = [(float(at), float(at + 1), at * at) for at in range(33)]
    for together in (1, 5, 8, 40):
        found = merged(ranges, together, from_end=from_end)
        assert sum(count for _, _, count in found) == sum(at * at for at in range(33))
        assert found[0][0] == 0 and found[-1][1] >= 33
        assert all(before[1] == after[0] for before, after in pairwise(found))
    assert merged([], 3) == []


@pytest.mark.parametrize(
    ("edges", "limit"), [(range(100, 265, 5), None), (range(100, 265, 5), 200), (range(7, 172, 5), 51)]
)
def test_a_histograms_ranges_are_of_one_width_to_the_ends(edges: Sequence[int], limit: int | None):
    rows = histogram(list(edges), [1] * (len(edges) - 1), 8, limit and limit + 1)
    spans = [row.draw(60)[0].plain.split()[0].split("–") for row in rows if row.key != "limit"]
    assert len({int(high) - int(low) for low, high in spans}) == 1 and 4 <= len(spans) <= 8


def test_a_histogram_draws_what_is_not_nothing_and_marks_the_limit():
    rows = histogram([0, 100, 200, 300], [1000, 1, 3], 8, 150)
    drawn = [row.draw(60)[0].plain for row in rows]
    assert "▏ 1" in drawn[1]
    assert "cut after 150" in drawn[2]
    assert max(len(line) for line in drawn) <= 60
    assert histogram([0, 1], [0], 8) == []
    assert (bar(1, 10), bar(0, 10), bar(0.5, 3)) == ("█" * 10, "", "█▌")


def test_a_long_row_is_shown_in_part():
    row = Row(1, 1, {f"column {number}": "text\n" * 500 for number in range(20_000)})
    shown = whole(PageRow(row, None, None), original=True).plain
    assert len(shown) < 70_000
    assert shown.endswith("not shown")
    assert len(mark(row)) == 16
