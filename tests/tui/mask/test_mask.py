"""The mask inspector on real files, with a stand-in for the engine's process: rows, odd rows, fixes, and what fails."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import shows, until
from tests.tui.payloads import assert_inert, assert_literal, shot_of
from tests.views.stand_in_inspector import COMMAND
from tuitune.data.sources.rows import Row, mark
from tuitune.recipe.schema import Recipe
from tuitune.tui.app import TuituneApp
from tuitune.tui.mask.screen import MaskInspector
from tuitune.tui.mask.token_view import TokenView
from tuitune.tui.widgets.dialogs import TextView
from tuitune.views.draft import Draft
from tuitune.views.inspector_client import Inspector

ROWS: list[dict[str, Any]] = [
    {"text": "user: hi\nassistant: Good day."},
    {"text": "user: tell me\nassistant: " + "once upon a time " * 10},
    {"nothing": "here"},
    {"do": "die"},
    {"text": "user: [red]x[/] \x1b[2J\nassistant: [@click=app.quit]y[/]"},
]
PAIR = {"chosen": "user: hi\nassistant: Good day.", "rejected": "user: hi\nassistant: " + "no " * 12}
ODD = [{"row": 2, "kind": "cut"}, {"row": 3, "kind": "lost"}, {"row": 3, "kind": "no-stop"}]
MAX_LENGTH = 16


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@contextlib.asynccontextmanager
async def inspecting(
    path: Path,
    row: int = 1,
    odd: Sequence[Mapping[str, Any]] = (),
    size: tuple[int, int] = (80, 24),
    inspector: Inspector | None = None,
) -> AsyncIterator[tuple[Pilot[Any], Draft]]:
    """The screen on a row of a file, with a stand-in for the engine's process unless an inspector is given."""
    draft = Draft(Recipe.model_validate({"data": {"train": str(path), "max_length": MAX_LENGTH}}))

    def apply(values: Mapping[str, Any]) -> Recipe:
        draft.set_values(values)
        return draft.recipe

    asked = inspector or Inspector(command=COMMAND, row_seconds=2.0)
    async with TuituneApp().run_test(size=size) as pilot:
        pilot.app.push_screen(MaskInspector(draft.recipe, path.parent, str(path), row, asked, odd, apply))
        await until(pilot, lambda: any(title in text_of(pilot) for title in ("─ Tokens", "─ Chosen")))
        yield pilot, draft
    asked.close()


def text_of(pilot: Pilot[Any]) -> str:
    return shot_of(pilot.app).text


async def notices(pilot: Pilot[Any], text: str) -> None:
    def told() -> bool:
        return any(text in f"{one.title} {one.message}" for one in pilot.app._notifications)

    await until(pilot, lambda: text in text_of(pilot) or told(), 15)


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 36), marks=pytest.mark.slow), (200, 60)])
async def test_a_row_is_shown_as_its_tokens_with_figures_verdicts_and_where_the_mask_comes_from(
    data: Path, size: tuple[int, int]
) -> None:
    async with inspecting(data, size=size) as (pilot, _):
        await shows(pilot, "row 1 (line 1)", "rows.jsonl")
        await shows(pilot, "10 tokens", "4 trained (40 %)", "6 masked", "all kept, limit 16")
        await shows(pilot, "stand-in", "the tokenizer's chat template", "answers marked by the template")
        await shows(pilot, "✓ the template marks the answers", "✓ the end of a turn is learned")
        await shows(pilot, "<s>user:␣hi⏎", "▌assistant:␣Good␣day.</s>")
        await shows(pilot, "token 1 of 10", "'<s>'", "special (BOS)", "masked: template text")
        await pilot.press("G")
        await shows(pilot, "token 10 of 10", "special (EOS)", "trained")


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 36), marks=pytest.mark.slow)])
async def test_the_answers_of_a_pair_stand_side_by_side(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(PAIR) + "\n" + json.dumps(ROWS[0]) + "\n")
    async with inspecting(path, size=size) as (pilot, _):
        await shows(pilot, "─ Chosen ─", "─ Rejected ─", "chosen 10 tokens", "rejected 20 tokens", "⚠ 4 cut")
        await shows(pilot, "⚠ rejected: 20 tokens, of which 16 are kept", "token 1 of 10")
        lines = [line for line in text_of(pilot).splitlines() if "<s>user:␣hi⏎" in line]
        assert lines and lines[0].count("<s>user:␣hi⏎") == 2
        await pilot.press("tab", "G")
        await shows(pilot, "token 20 of 20")
        await pilot.press("r")
        await shows(pilot, "chosen:", "rejected:", "Good day.</s>")
        await pilot.press("escape", "right_square_bracket")
        await shows(pilot, "row 2 (line 2)", "─ Tokens ─", "token 1 of 10")
        assert "Rejected" not in text_of(pilot)


async def test_the_next_rows_and_no_further_than_the_last(data: Path) -> None:
    async with inspecting(data) as (pilot, _):
        await pilot.press("left_square_bracket")
        await notices(pilot, "This is the first row")
        await pilot.press("right_square_bracket")
        await shows(pilot, "row 2 (line 2)", "of the 16 kept)", "cut off at 16", "the model never sees them")
        await pilot.press(*["right_square_bracket"] * 20)
        await notices(pilot, "row 5 is the last")
        await shows(pilot, "row 5 (line 5)")
        await pilot.press("left_square_bracket")
        await shows(pilot, "row 4 (line 4)")


async def test_odd_rows_are_named_and_reached_in_turn(data: Path) -> None:
    async with inspecting(data, odd=ODD, size=(120, 36)) as (pilot, _):
        await pilot.press("n")
        await shows(pilot, "row 2 (line 2) ⚠ cut at the max length, odd row 1 of 2")
        await pilot.press("n")
        await shows(pilot, "⚠ loses every label, never learns to stop, odd row 2 of 2", "✗ text: is missing")
        await pilot.press("n")
        await shows(pilot, "odd row 1 of 2", "49 tokens")
        await pilot.press("N")
        await shows(pilot, "odd row 2 of 2")


async def test_without_odd_rows_it_says_so(data: Path) -> None:
    async with inspecting(data) as (pilot, _):
        await pilot.press("n")
        await notices(pilot, "No odd rows known")


async def test_a_fix_goes_into_the_draft_and_the_row_is_looked_at_again(data: Path) -> None:
    async with inspecting(data, row=2) as (pilot, draft):
        await shows(pilot, "⚠ 49 tokens, of which 16 are kept  x sets data.max_length = 49")
        await pilot.press("x")
        await shows(pilot, "all kept, limit 49")
        await notices(pilot, "data.max_length is 49 now")
        assert draft.recipe.data.max_length == 49
        assert draft.can_undo
        await pilot.press("x")
        await notices(pilot, "No verdict here has a fix")


async def test_a_draft_that_does_not_take_a_fix_says_why(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inspecting(data, row=2) as (pilot, draft):
        await shows(pilot, "x sets data.max_length")

        def refuse(values: Mapping[str, Any]) -> None:
            raise ValueError("at most 8")

        monkeypatch.setattr(draft, "set_values", refuse)
        await pilot.press("x")
        await notices(pilot, "Not changed at most 8")


async def test_what_goes_wrong_with_a_row_is_told_and_the_next_one_is_shown(data: Path) -> None:
    async with inspecting(data, row=3) as (pilot, _):
        await shows(pilot, "✗ text: is missing [/] ␛[31m")
        assert_inert(shot_of(pilot.app))
        await pilot.press("t")
        await notices(pilot, "This row has no tokens to show")
        await pilot.press("right_square_bracket")
        await shows(pilot, "✗ the inspector ended with code 3: MemoryError: no room")
        await pilot.press("right_square_bracket")
        await shows(pilot, "[@click=app.quit]y[/]</s>", "✗ 0 trained")
        assert_inert(shot_of(pilot.app))
        assert_literal(shot_of(pilot.app), "[red]x[/]␣␛[2J")


async def test_a_row_that_cannot_be_read_and_a_file_that_is_not_there(data: Path) -> None:
    data.write_text('{"text": "assistant: a"}\n{broken\n')
    async with inspecting(data, row=2) as (pilot, _):
        await shows(pilot, "row 2 (line 2)", "✗")
        data.unlink()
    async with inspecting(data) as (pilot, _):
        await shows(pilot, "✗", "rows.jsonl")


async def test_a_model_that_cannot_be_opened_is_told_of(data: Path) -> None:
    with Inspector(command=COMMAND) as inspector:
        async with TuituneApp().run_test(size=(80, 24)) as pilot:
            recipe = Recipe.model_validate({"model": {"id": "no/such"}})
            pilot.app.push_screen(MaskInspector(recipe, data.parent, str(data), 1, inspector))
            await shows(pilot, "✗ model.id: there is no such model␛[2J")
            await pilot.press("x")
            await notices(pilot, "No draft to change here")
            assert_inert(shot_of(pilot.app))


async def test_tokens_by_number_the_text_as_rendered_and_every_verdict(data: Path) -> None:
    async with inspecting(data, row=2) as (pilot, _):
        await shows(pilot, "once")
        await pilot.press("t")
        await shows(pilot, "3 4", "17 18")
        await pilot.press("t", "right_curly_bracket")
        await shows(pilot, "token 8 of 49", "trained")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextView))
        await shows(pilot, "Row 2 as rendered", "<s>user: tell me")
        await pilot.press("escape", "v")
        await shows(pilot, "fix: data.max_length = 49", "✓ the end of a turn is learned")


async def test_leaving_keeps_the_process_for_the_next_row_that_is_looked_at(data: Path) -> None:
    inspector = Inspector(command=COMMAND)
    async with inspecting(data, inspector=inspector) as (pilot, draft):
        await shows(pilot, "10 tokens")
        assert inspector._process is not None
        pid = inspector._process.pid
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, MaskInspector)
        pilot.app.push_screen(MaskInspector(draft.recipe, data.parent, str(data), 2, inspector))
        await shows(pilot, "once")
        assert inspector._process is not None and inspector._process.pid == pid


async def test_the_engine_shows_the_mask_of_the_bundled_model(warm: None, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    answer = "Sorry. Another one is sent today."
    turns = [{"role": "user", "content": "My parcel\tis late."}, {"role": "assistant", "content": answer}]
    rows = [{"messages": turns * 2}, {"messages": turns[:1]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    async with inspecting(path, size=(120, 36), inspector=Inspector()) as (pilot, draft):
        await until(pilot, lambda: "token 1 of" in text_of(pilot), 90)
        await shows(pilot, "bundled:nano", "cut off at 16", "x sets data.max_length")
        await pilot.press("x")
        await shows(pilot, "all kept, limit", "✓ the end of answers is learned")
        assert draft.recipe.data.max_length > MAX_LENGTH
        await pilot.press("right_curly_bracket")
        await shows(pilot, "trained")
        view = pilot.app.screen.query_one(TokenView)
        learned = [token for token in view.tokens if token.learned]
        assert "".join(token.text for token in learned) == f"{answer}<|end|>" * 2
        assert view.tokens[view.current or 0] == learned[0]
        await pilot.press("w")
        await shows(pilot, "answer with weight 0")
        assert draft.recipe.data.unlearned == [f"{mark(Row(1, 1, rows[0]))}:2"]
        await pilot.press("right_curly_bracket", "w")
        await notices(pilot, "the only answer of the row that is learned")
        await pilot.press("g", "w")
        await notices(pilot, "The cursor is in no answer")
        await pilot.press(*["right"] * next(at for at, token in enumerate(view.tokens) if token.why == "weight"), "w")
        await until(pilot, lambda: draft.recipe.data.unlearned == [])
        await until(pilot, lambda: sum(token.learned for token in view.tokens) == len(learned))
        await pilot.press("right_square_bracket")
        await shows(pilot, "row 2 (line 2)", "✗", "messages")
