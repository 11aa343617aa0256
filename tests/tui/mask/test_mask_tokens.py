"""Tokens set in lines: nothing lost, nothing too wide, whatever the texts; and the view that a cursor moves through."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual.pilot import Pilot

from tests.tui.conftest import until
from tests.tui.payloads import PAYLOADS, assert_inert, assert_literal, shot_of
from tuitune.text import clean
from tuitune.tui.app import TuituneApp
from tuitune.tui.mask.token_layout import NEWLINE, lay_out, visible
from tuitune.tui.mask.token_view import TokenView
from tuitune.views.inspector_replies import Token, TokenizedRow

WORDS = [" the", " cat", "sat", "\n", ".\n\n", "日本", "\t"]


def row_of(count: int, *, kept: int | None = None) -> TokenizedRow:
    """A row of words, of which the second half of every ten is learned; every twentieth token is special."""
    tokens = tuple(
        Token("<|end|>" if at % 20 == 19 else WORDS[at % len(WORDS)], at, at % 10 >= 5, at % 20 == 19)
        for at in range(count)
    )
    return TokenizedRow(tokens, count if kept is None else kept, count if kept is None else kept, "", ())


LEARNED, MASKED, CUT = ("learn", "ed", "</s>"), ("<|user|>", "mask"), ("gone", "<|end|>")
SPECIALS = TokenizedRow(
    (
        Token("start", 0, False, False), Token("<|user|>", 1, False, True), Token("mask", 2, False, False),
        Token("learn", 3, True, False), Token("ed", 4, True, False), Token("</s>", 5, True, True),
        Token("gone", 6, True, False), Token("<|end|>", 7, True, True),
    ), 6, 6, "", (),
)  # fmt: skip
"""The cursor is on the first; the last two are cut off."""


# Setting


@given(st.lists(st.text(max_size=40), max_size=30), st.integers(0, 60), st.integers(0, 30))
def test_every_token_is_set_in_order_and_no_line_is_too_wide(texts: list[str], width: int, kept: int) -> None:
    shown = [visible(text) for text in texts]
    layout = lay_out(shown, width, kept=kept)
    for number, text in enumerate(shown):
        assert "".join(piece.text for line in layout.lines for piece in line.pieces if piece.token == number) == text
        assert any(piece.token == number for piece in layout.lines[layout.line_of[number]].pieces)
    order = [piece.token for line in layout.lines for piece in line.pieces]
    assert order == sorted(order)
    for line in layout.lines:
        assert sum(cell_len(piece.text) for piece in line.pieces) <= max(width, 2)
        assert sum(piece.width for piece in line.pieces) == sum(cell_len(piece.text) for piece in line.pieces)
        assert not any(NEWLINE in piece.text[:-1] for piece in line.pieces)
    rules = [at for at, line in enumerate(layout.lines) if line.rule]
    assert len(rules) == (kept < len(shown))
    for at in rules:
        assert all(piece.token < kept for line in layout.lines[:at] for piece in line.pieces)
        assert all(piece.token >= kept for line in layout.lines[at:] for piece in line.pieces)


@given(st.text(max_size=60))
def test_a_token_is_seen_whatever_is_in_it(text: str) -> None:
    shown = visible(text)
    assert cell_len(shown) >= 1
    assert clean(shown) == shown
    assert not set(" \t\r\n") & set(shown)


def test_white_space_has_signs_of_its_own() -> None:
    assert visible(" a\tb\r\n") == "␣a⇥b␍⏎"
    assert visible("") == "◌"
    assert visible("\u0301") == "◌\u0301"


def test_a_line_ends_after_every_newline_and_where_it_is_full() -> None:
    layout = lay_out(["ab", "⏎⏎", "cdefgh", "ijkl"], 5)
    assert ["".join(piece.text for piece in line.pieces) for line in layout.lines] == ["ab⏎", "⏎", "cdefg", "hijkl"]
    assert layout.line_of == (0, 0, 2, 3)


# The view


@contextlib.asynccontextmanager
async def viewing(row: TokenizedRow, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Pilot[Any], TokenView]]:
    async with TuituneApp().run_test(size=size) as pilot:
        view = TokenView()
        await pilot.app.screen.mount(view)
        view.focus()
        view.show(row)
        await pilot.pause()
        yield pilot, view


@pytest.mark.parametrize(
    "size", [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in [(120, 36), (200, 60)])]
)
async def test_the_cursor_reaches_every_token_and_stays_in_sight(home: object, size: tuple[int, int]) -> None:
    async with viewing(row_of(900, kept=700), size) as (pilot, view):
        assert view.current == 0
        await pilot.press("h", "up")
        assert view.current == 0
        await pilot.press("l", "right")
        assert view.current == 2
        await pilot.press("G")
        await until(pilot, lambda: view.current == 899 and view.scroll_offset.y > 0)
        assert "899" in shot_of(pilot.app).text or "<|end|>" in shot_of(pilot.app).text
        await pilot.press("l")
        assert view.current == 899
        passed = []
        while view.current:
            passed.append(view.current)
            await pilot.press("pageup")
        assert len(passed) > 2
        assert passed == sorted(set(passed), reverse=True)


async def test_going_down_passes_the_rule_and_what_goes_on_and_comes_back(home: object) -> None:
    async with viewing(row_of(40, kept=18)) as (pilot, view):
        found = [view.current]
        for _ in range(14):
            await pilot.press("down")
            found.append(view.current)
        await until(pilot, lambda: "18 tokens kept" in shot_of(pilot.app).text)
        assert "the 22 below are cut off" in shot_of(pilot.app).text
        assert found == [0, 4, 5, 11, 12, 18, 19, 25, 26, 32, 33, 39, 39, 39, 39]
        back = []
        for _ in range(12):
            await pilot.press("k")
            back.append(view.current)
        assert back == [33, 32, 26, 25, 19, 18, 12, 11, 5, 4, 0, 0]


async def test_it_goes_from_answer_to_answer_but_not_beyond_the_cut(home: object) -> None:
    async with viewing(row_of(40, kept=28)) as (_, view):
        found = []
        while view.next_answer(1):
            found.append(view.current)
        assert found == [5, 15, 25]
        assert view.next_answer(-1)
        assert view.current == 15


async def test_tokens_are_shown_by_number_with_the_cursor_where_it_was(home: object) -> None:
    row = row_of(40)
    async with viewing(row) as (pilot, view):
        await pilot.press("l", "l", "l")
        view.show(row, numbers=True)
        await until(pilot, lambda: "12 13 14" in shot_of(pilot.app).text)
        assert view.current == 3
        view.show(row_of(41))
        assert view.current == 0


def styles_of(pilot: Pilot[Any]) -> dict[str, Style]:
    """The style of every piece of text on the screen."""
    return {one.text: one.style for line in shot_of(pilot.app).lines for one in line if one.style is not None}


async def test_what_is_learned_is_told_without_colour(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with viewing(SPECIALS) as (pilot, _):
        styles = styles_of(pilot)
        assert "▌" in styles
        assert styles["start"].reverse
        assert all(styles[text].underline and not styles[text].dim for text in LEARNED)
        assert all(styles[text].dim and not styles[text].underline and not styles[text].bold for text in MASKED)
        assert all(styles[text].strike and styles[text].dim and not styles[text].bold for text in CUT)
        assert styles["learn"].bold != styles["ed"].bold
        assert styles["mask"].italic != styles["<|user|>"].italic
        assert styles["</s>"].bold


@pytest.mark.parametrize("depth", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
async def test_what_is_masked_is_dimmer_than_what_is_learned_special_or_not(home: object, depth: ColorSystem) -> None:
    async with viewing(SPECIALS) as (pilot, _):
        styles = styles_of(pilot)
        light = {text: lightness(styles[text], depth) for text in (*LEARNED, *MASKED, *CUT)}
        assert max(light[text] for text in (*MASKED, *CUT)) < min(light[text] for text in LEARNED)
        assert not any(styles[text].bold for text in (*MASKED, *CUT))
        assert styles["</s>"].bold
        assert styles["</s>"].color == styles["learn"].color
        assert styles["<|user|>"].color != styles["mask"].color


def lightness(style: Style, depth: ColorSystem) -> float:
    """How light the letters are in a terminal of that many colours."""
    assert style.color is not None
    red, green, blue = style.color.downgrade(depth).get_truecolor()
    return 0.3 * red + 0.6 * green + 0.1 * blue


async def test_foreign_tokens_are_inert(home: object) -> None:
    texts = [text for payload in PAYLOADS.values() for text in (payload[:60], "\n")]
    row = TokenizedRow(tuple(Token(text, at, at % 3 == 0, False) for at, text in enumerate(texts)), 60, 60, "", ())
    async with viewing(row, (120, 180)) as (pilot, _):
        shot = shot_of(pilot.app)
        assert_inert(shot)
        for text in texts[::2]:
            assert_literal(shot, visible(text).split(NEWLINE)[0])


async def test_a_row_of_many_thousand_tokens_draws_only_what_is_in_view(home: object) -> None:
    drawn: list[int] = []
    async with viewing(row_of(30_000)) as (pilot, view):
        original = view.render_line
        view.render_line = lambda y: drawn.append(y) or original(y)  # type: ignore[method-assign,func-returns-value]
        await pilot.press("pagedown", "pagedown")
        await pilot.pause()
        assert drawn
        assert len(drawn) < 6 * 24
