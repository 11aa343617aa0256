"""The data workbench, driven by keys over real files and real scans."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.compose.test_compose import composing
from tests.tui.conftest import until
from tests.tui.payloads import PAYLOADS, assert_inert, assert_literal, shot_of
from tuitune.paths import recipes_home
from tuitune.recipe.document import read
from tuitune.recipe.schema import Recipe
from tuitune.tui.app import TuituneApp
from tuitune.tui.workbench.screen import WorkbenchScreen
from tuitune.views.draft import Draft

SHARED = Path(__file__).resolve().parents[4] / "shared/data"
SIZES = [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in [(120, 36), (200, 60)])]
ANSWER = {"instruction": "Name a colour.", "input": "", "output": "Blue."}
SHAPES = {
    "alpaca": [ANSWER],
    "messages": [
        {"messages": [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Blue."}]}
    ],
    "sharegpt": [{"conversations": [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "Blue."}]}],
    "prompt-completion": [{"prompt": "Name a colour.", "completion": "Blue."}],
    "columns": [{"question": "Name a colour.", "answer": "Blue."}],
    "text": [{"text": "Name a colour. Blue."}],
    "preference": [{"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "Loud."}],
}
Shown = tuple[Pilot[str], WorkbenchScreen]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@contextlib.asynccontextmanager
async def looking_at(name: str, size: tuple[int, int] = (120, 36), **data: object) -> AsyncIterator[Shown]:
    """The workbench on a data set of a draft; the scan may still be going on."""
    async with TuituneApp().run_test(size=size, notifications=True) as pilot:
        yield pilot, await look_at(pilot, name, **data)


async def look_at(pilot: Pilot[str], name: str, **data: object) -> WorkbenchScreen:
    screen = WorkbenchScreen(Draft(Recipe.model_validate({"data": {"train": name, **data}})), Path.cwd())
    pilot.app.push_screen(screen)
    await until(pilot, lambda: screen.bench.page is not None or screen.bench.refusal)
    return screen


async def scanned(pilot: Pilot[str], screen: WorkbenchScreen) -> None:
    await until(pilot, lambda: screen.bench.scan is not None or screen.bench.jobs["scan"].error, 60)


def text_of(pilot: Pilot[str]) -> str:
    return shot_of(pilot.app).text


def cursor_of(screen: WorkbenchScreen) -> str | None:
    return screen.view.list.current


async def test_rows_of_every_shape_are_shown_as_training_reads_them(work: Path):
    async with TuituneApp().run_test(size=(120, 36)) as pilot:
        for shape, rows in SHAPES.items():
            write_rows(work / f"{shape}.jsonl", rows * 3)
            await look_at(pilot, f"{shape}.jsonl")
            text = text_of(pilot)
            assert f"shape {shape}" in text
            assert "Name a colour." in text
            assert "Blue." in text
            await pilot.press("o")
            await until(pilot, lambda: "as in the file" in text_of(pilot))
            pilot.app.pop_screen()


@pytest.mark.parametrize("size", SIZES)
async def test_compose_leads_to_the_workbench_and_back_with_what_was_changed(size: tuple[int, int], work: Path):
    write_rows(work / "rows.jsonl", [{**ANSWER, "output": str(number)} for number in range(30)])
    async with composing(Recipe.model_validate({"data": {"train": "rows.jsonl"}}), size) as (pilot, compose):
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkbenchScreen))
        await until(pilot, lambda: "shape alpaca" in text_of(pilot))
        await pilot.press("x")
        await until(pilot, lambda: "left out" in text_of(pilot) or "– " in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is compose)
        assert len(compose.draft.recipe.data.exclude) == 1
        await until(pilot, lambda: compose.composing.estimate.recipe is compose.draft.recipe)
        await pilot.press("u")
        assert compose.draft.recipe.data.exclude == []


async def test_the_mask_inspector_is_started_before_it_is_asked_and_ends_with_the_workbench(work: Path):
    write_rows(work / "rows.jsonl", SHAPES["alpaca"])
    async with looking_at("rows.jsonl") as (pilot, screen):
        await until(pilot, lambda: screen.inspector._process is not None)
        process = screen.inspector._process
        assert process is not None and process.poll() is None
        await pilot.press("escape")
        await until(pilot, lambda: process.poll() is not None)


async def test_pages_are_turned_and_rows_reached_by_number(work: Path):
    write_rows(work / "rows.jsonl", [{"text": f"the text number {number}"} for number in range(1, 451)])
    async with looking_at("rows.jsonl") as (pilot, screen):
        assert "1 to 200" in text_of(pilot)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: cursor_of(screen) == "201")
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "401 to 450" in text_of(pilot))
        await pilot.press("right_square_bracket", "left_square_bracket")
        await until(pilot, lambda: cursor_of(screen) == "400")
        await pilot.press("number_sign", *"37", "enter")
        await until(pilot, lambda: cursor_of(screen) == "37")
        assert "the text number 37" in text_of(pilot)
        await pilot.press("number_sign", *"9999", "enter")
        await until(pilot, lambda: "These are the last rows" in text_of(pilot))
        assert cursor_of(screen) == "37"


def broken(work: Path, at: int = 231) -> Path:
    """300 rows, of which row `at` is cut off, the next one lacks its answer and the next has a list for it."""
    path = write_rows(work / "rows.jsonl", [{**ANSWER, "output": f"answer {number}"} for number in range(300)])
    lines = path.read_text().splitlines()
    lines[at - 1] = '{"instruction": "cut off'
    lines[at] = json.dumps({"instruction": "no answer"})
    lines[at + 1] = json.dumps({**ANSWER, "output": ["Blue."]})
    path.write_text("\n".join(lines) + "\n")
    return path


async def test_a_broken_row_on_another_page_is_found_by_a_key_and_left_out(work: Path):
    broken(work)
    async with looking_at("rows.jsonl", (80, 24)) as (pilot, screen):
        await scanned(pilot, screen)
        assert "3 problems" in text_of(pilot)
        await pilot.press("n")
        await until(pilot, lambda: cursor_of(screen) == "231")
        assert "row 231 (line 231)" in text_of(pilot)
        mark = screen.view.target.mark
        await pilot.press("x")
        assert screen.draft.recipe.data.exclude == [mark]
        assert cursor_of(screen) == "231"
        await until(pilot, lambda: "1 dropped by hand" in text_of(pilot))
        await pilot.press("x")
        assert screen.draft.recipe.data.exclude == []
        await pilot.press("j", "N")
        assert cursor_of(screen) == "231"


async def test_problems_are_listed_filtered_left_out_and_exported(work: Path):
    broken(work)
    async with looking_at("rows.jsonl") as (pilot, screen):
        await scanned(pilot, screen)
        await pilot.press("2")
        await until(pilot, lambda: "1 to 3 of 3" in text_of(pilot))
        await pilot.press("slash", *"such")
        await until(pilot, lambda: "1 to 1 of 1" in text_of(pilot))
        await pilot.press("enter", "x")
        assert len(screen.draft.recipe.data.exclude) == 1
        await until(pilot, lambda: "– dropped" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "1 to 3 of 3" in text_of(pilot))
        await pilot.press("f")
        await until(pilot, lambda: "kind " in text_of(pilot) and "1 to 1 of 1" in text_of(pilot))
        await pilot.press("escape", "X")
        assert screen.draft.recipe.cleaning.unusable == "drop"
        await pilot.press("e", "enter")
        await until(pilot, lambda: "3 problems in" in text_of(pilot))
        written = [json.loads(line) for line in (work / "rows-problems.jsonl").read_text().splitlines()]
        assert [problem["row"] for problem in written] == [231, 232, 233]
        await pilot.press("G", "enter")
        await until(pilot, lambda: cursor_of(screen) == "233" and screen.view.NAME == "rows")


async def test_what_was_decided_shows_and_what_is_taken_back_is_said(work: Path):
    broken(work)
    async with looking_at("rows.jsonl") as (pilot, screen):
        await scanned(pilot, screen)
        await until(pilot, lambda: "✗ 3 problems" in text_of(pilot))
        await pilot.press("X")
        await until(pilot, lambda: "– 3 unusable, dropped" in text_of(pilot))
        await pilot.press("n")
        await until(pilot, lambda: "231 – " in text_of(pilot))
        await pilot.press("x", "u")
        await until(pilot, lambda: "0 rows dropped by hand" in text_of(pilot))
        await pilot.press("u")
        await until(pilot, lambda: "cleaning.unusable is now refuse" in text_of(pilot))
        assert screen.draft.recipe == Recipe.model_validate({"data": {"train": "rows.jsonl"}})


async def test_answers_that_are_not_learned_are_told_from_the_others(work: Path):
    turns = [
        {"role": "user", "content": "Name a colour."},
        {"role": "assistant", "content": "Loud.", "weight": 0},
        {"role": "user", "content": "A colour!"},
        {"role": "assistant", "content": "Blue."},
    ]
    write_rows(work / "rows.jsonl", [{"messages": turns}, {"messages": [turns[0], turns[1]]}])
    async with looking_at("rows.jsonl") as (pilot, screen):
        assert text_of(pilot).count("not trained (weight 0)") == 1
        await scanned(pilot, screen)
        await until(pilot, lambda: "✗ 1 problem" in text_of(pilot))
        await pilot.press("n")
        await until(pilot, lambda: "every answer has weight 0" in text_of(pilot))


async def test_preferences_are_mapped_by_one_key_and_undone(work: Path):
    write_rows(work / "rows.jsonl", SHAPES["preference"] * 20)
    async with looking_at("rows.jsonl", (80, 24)) as (pilot, screen):
        assert "m shows your options" in text_of(pilot)
        await pilot.press("m")
        await until(pilot, lambda: "learn from the chosen answers" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "shape columns" in text_of(pilot))
        assert screen.draft.recipe.data.columns == {"prompt": "prompt", "completion": "chosen"}
        await scanned(pilot, screen)
        await until(pilot, lambda: "every row usable" in text_of(pilot))
        await pilot.press("u")
        await until(pilot, lambda: "shape preference" in text_of(pilot))
        assert screen.draft.recipe.data.columns == {}


async def test_columns_are_mapped_by_hand_with_the_row_in_view(work: Path):
    write_rows(work / "rows.jsonl", [{"id": 7, "ask": "Name a colour.", "say": "Blue."}] * 5)
    async with looking_at("rows.jsonl", (80, 24)) as (pilot, screen):
        assert "shape unknown" in text_of(pilot)
        await pilot.press("m")
        await pilot.pause()
        dialog = pilot.app.screen
        while not dialog.list.move_to("shape"):
            await pilot.pause()
        while dialog._shape != "columns":
            await pilot.press("right")
        dialog.list.move_to("role prompt")
        await pilot.press("right", "right")
        dialog.list.move_to("role completion")
        await pilot.press("left")
        await until(pilot, lambda: "‹ say ›" in text_of(pilot))
        assert "assistant" in text_of(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "shape columns" in text_of(pilot))
        assert screen.draft.recipe.data.columns == {"prompt": "ask", "completion": "say"}


async def test_a_column_stays_mapped_through_other_shapes_until_it_is_let_go(work: Path):
    rows = [{"question": f"{n}?", "answer": f"{n}.", "note": "x", "label": n % 2 == 0} for n in range(6)]
    write_rows(work / "rows.jsonl", rows)
    async with looking_at("rows.jsonl") as (pilot, screen):
        await until(pilot, lambda: "shape unpaired-preference" in text_of(pilot))
        await pilot.press("m")
        await pilot.pause()
        dialog = pilot.app.screen
        while not dialog.list.move_to("shape"):
            await pilot.pause()
        await pilot.press(*["right"] * 3)
        while dialog._shape != "columns":
            await pilot.press("right")
        dialog.list.move_to("role prompt")
        await pilot.press("right", "left")
        await pilot.press("enter")
        await until(pilot, lambda: "shape columns" in text_of(pilot))
        mapped = {"prompt": "question", "completion": "answer", "label": "label"}
        assert screen.draft.recipe.data.columns == mapped
        await pilot.press("m")
        await pilot.pause()
        dialog = pilot.app.screen
        dialog.list.move_to("role label")
        while dialog._columns.get("label"):
            await pilot.press("right")
        await pilot.press("enter")
        await until(pilot, lambda: "label" not in screen.draft.recipe.data.columns)
        assert screen.draft.recipe.data.columns == {"prompt": "question", "completion": "answer"}


async def test_the_recipe_is_saved_from_here(work: Path):
    write_rows(work / "rows.jsonl", [ANSWER] * 3)
    async with looking_at("rows.jsonl") as (pilot, screen):
        await pilot.press("x", "w", "enter")
        await until(pilot, lambda: "Saved" in text_of(pilot))
        assert read(recipes_home() / "my-run.toml").data.exclude == screen.draft.recipe.data.exclude != []


async def test_every_data_set_of_the_recipe_can_be_looked_at(work: Path):
    for name in ("train", "general", "kept"):
        write_rows(work / f"{name}.jsonl", [{**ANSWER, "output": f"from {name}"}] * 4)
    data = {"mix": {"general.jsonl": 0.2}, "eval": "kept.jsonl"}
    async with looking_at("train.jsonl", **data) as (pilot, screen):
        for name in ("general", "kept"):
            await pilot.press("s", *name, "enter")
            await until(pilot, lambda name=name: f"from {name}" in text_of(pilot))
        await pilot.press("x")
        await until(pilot, lambda: "not trained on anyway" in text_of(pilot))
        assert screen.draft.recipe.data.exclude == []


async def test_what_a_view_cannot_do_it_says(work: Path):
    write_rows(work / "rows.jsonl", [ANSWER] * 3)
    async with looking_at("rows.jsonl") as (pilot, screen):
        for key, words in {
            "slash": "list of problems",
            "space": "cleaning steps",
            "u": "Nothing to undo",
        }.items():
            await pilot.press(key)
            await until(pilot, lambda words=words: words in text_of(pilot))
        await pilot.press("shift+tab")
        assert screen.view.NAME == "advice"
        await pilot.press("tab", "tab")
        assert screen.view.NAME == "problems"


async def test_the_scan_goes_on_without_the_screen_and_is_found_again(work: Path):
    write_rows(work / "rows.jsonl", [{**ANSWER, "output": str(number)} for number in range(5000)])
    async with looking_at("rows.jsonl") as (pilot, first):
        await until(pilot, lambda: first.bench.jobs["scan"].task is not None)
        await pilot.press("escape")
        second = WorkbenchScreen(Draft(Recipe.model_validate({"data": {"train": "rows.jsonl"}})), Path.cwd())
        pilot.app.push_screen(second)
        await scanned(pilot, second)
        assert second.bench.jobs["scan"].task.folder == first.bench.jobs["scan"].task.folder
        assert "5,000 rows" in text_of(pilot)


def hostile(work: Path) -> dict[str, str]:
    """Files that mean harm or make no sense, and a word of what is said of each."""
    (work / "empty.jsonl").write_bytes(b"")
    (work / "wide.jsonl").write_bytes('{"text": "a"}\n'.encode("utf-16"))
    (work / "packed.jsonl").write_bytes(b"\x1f\x8b\x08\0\0")
    (work / "noise.jsonl").write_bytes(bytes(range(256)) * 40)
    (work / "list.json").write_text('[{"text": "a"}, 5, {"text": "b"')
    (work / "nested.jsonl").write_text('{"text": ' + "[" * 5000 + "]" * 5000 + "}\n")
    (work / "many.jsonl").write_text(json.dumps({f"column {number}": number for number in range(20_000)}) + "\n")
    (work / "loop").symlink_to(work / "loop")
    return {
        "empty.jsonl": "is empty", "wide.jsonl": "", "packed.jsonl": "", "noise.jsonl": "", "list.json": "",
        "nested.jsonl": "nested", "many.jsonl": "unknown", "loop": "", "gone.jsonl": "no such file",
        "http://127.0.0.1/rows.jsonl": "https", "[/] [@click=app.quit]x": "",
    }  # fmt: skip


@pytest.mark.parametrize("every", [pytest.param(3, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
async def test_hostile_files_leave_the_screen_alive_with_a_clear_message(work: Path, every: int):
    async with TuituneApp().run_test(size=(80, 24), notifications=True) as pilot:
        for name, word in list(hostile(work).items())[::every]:
            screen = await look_at(pilot, name)
            await scanned(pilot, screen)
            for key in "1532":
                await pilot.press(key)
                await pilot.pause()
                assert_inert(shot_of(pilot.app))
            await pilot.press("1", "n", "o", "j")
            await pilot.pause()
            assert_inert(shot_of(pilot.app))
            assert word in text_of(pilot), name
            assert pilot.app.screen is screen, name
            pilot.app.pop_screen()


@pytest.mark.parametrize("every", [pytest.param(3, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
async def test_hostile_rows_and_names_stay_text(work: Path, every: int):
    write_rows(work / "rows.jsonl", [{"prompt": text, "completion": text} for text in PAYLOADS.values()])
    async with looking_at("rows.jsonl") as (pilot, screen):
        for place, payload in list(enumerate(PAYLOADS.values(), 1))[::every]:
            screen.view.list.move_to(str(place))
            await pilot.pause()
            shot = shot_of(pilot.app)
            assert_inert(shot)
            assert_literal(shot, payload)


async def test_hostile_columns_are_mapped_as_text(work: Path):
    write_rows(work / "rows.jsonl", [{text: number for number, text in enumerate(PAYLOADS.values())}] * 2)
    async with looking_at("rows.jsonl") as (pilot, _):
        await pilot.press("m")
        await pilot.pause()
        pilot.app.screen.list.move_to("role prompt")
        for _ in range(len(PAYLOADS)):
            await pilot.press("right")
            assert_inert(shot_of(pilot.app))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
@pytest.mark.parametrize(
    ("name", "shape", "rows"),
    [
        ("alpaca_en_demo.json", "alpaca", 999),
        ("dpo_en_demo.json", "preference", 300),
        ("kto_en_demo.json", "unpaired-preference", 300),
        ("gsm8k-train.jsonl", "columns", 7473),
    ],
)
async def test_real_data_sets_are_recognised_and_scanned(name: str, shape: str, rows: int, work: Path):
    async with looking_at(str(SHARED / name), (80, 24)) as (pilot, screen):
        assert f"shape {shape}" in text_of(pilot)
        await scanned(pilot, screen)
        assert screen.bench.scan["rows"] == rows
        await pilot.press("5")
        await until(pilot, lambda: "characters per row" in text_of(pilot))


@pytest.mark.slow
async def test_parquet_is_shown_and_scanned(work: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    parquet.write_table(pyarrow.Table.from_pylist(SHAPES["alpaca"] * 4), work / "rows.parquet")
    async with looking_at("rows.parquet") as (pilot, screen):
        assert "shape alpaca" in text_of(pilot)
        await scanned(pilot, screen)
        assert "4 rows" in text_of(pilot)
