"""A draft outlives its screen: on disk as it is typed, offered on return, never written over by another screen."""

from __future__ import annotations

import json
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste

from tests.tui.conftest import until
from tests.tui.payloads import PAYLOADS, assert_inert, shot_of
from tests.tui.pty_session import start
from tuitune.paths import drafts_home
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.tui.app import TuituneApp
from tuitune.tui.compose.screen import ComposeScreen
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.widgets.dialogs import Choose, Confirm
from tuitune.tui.widgets.prompts_editor import PromptsEditor
from tuitune.views.draft import Draft, Version
from tuitune.views.kept_draft import KeptDraft, left_behind, take


def draft_files() -> list[Path]:
    return sorted(drafts_home().glob("*"))


def typed(**texts: str) -> Version:
    draft = Draft()
    for key, text in texts.items():
        draft.set_text(key.replace("__", "."), text)
    return draft.version


def leave_behind(version: Version, base: Path, **changes: Any) -> Path:
    """The draft of a screen that is gone."""
    kept = KeptDraft()
    kept.save(version, base)
    record = json.loads(kept.path.read_text())
    record["owner"]["start_ticks"] = 1
    kept.path.write_text(json.dumps({**record, **changes}))
    return kept.path


def test_what_was_typed_comes_back_refused_texts_too(tmp_path: Path) -> None:
    version = typed(run__name="mine", adapter__rank="many", training__epochs="7", samples__prompts='["é", "[red]"]')
    path = leave_behind(version, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    (found,), problems = left_behind()
    assert not problems
    assert found.version == version
    assert (found.name, found.changes) == ("mine", 4)
    kept, taken = take(found, tmp_path)
    assert taken == version
    assert draft_files() == [kept.path]
    assert left_behind() == ([], []), "it is this screen's own now"


def test_the_draft_of_a_screen_that_is_there_is_not_offered_and_all_defaults_need_no_file(tmp_path: Path) -> None:
    kept = KeptDraft()
    kept.save(typed(run__name="mine"), tmp_path)
    assert left_behind() == ([], [])
    assert draft_files() == [kept.path]
    kept.save(Version(Recipe()), tmp_path)
    assert draft_files() == []
    kept.save(typed(run__name="mine"), tmp_path)
    kept.drop()
    kept.save(typed(run__name="mine"), tmp_path)
    assert draft_files() == []


def test_two_screens_never_take_one_draft_and_never_write_over_each_other(tmp_path: Path) -> None:
    leave_behind(typed(run__name="mine"), tmp_path)
    (found,), _ = left_behind()
    mine = KeptDraft()
    mine.save(typed(run__name="other"), tmp_path)
    kept, _ = take(found, tmp_path)
    with pytest.raises(TuituneError, match="another tuitune"):
        take(found, tmp_path)
    assert draft_files() == sorted([kept.path, mine.path])


def test_a_draft_from_another_folder_keeps_naming_its_files(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    leave_behind(typed(data__train="rows.jsonl"), tmp_path)
    (found,), _ = left_behind()
    _, version = take(found, tmp_path.parent)
    assert version.recipe.data.train == str(tmp_path / "rows.jsonl")


def test_another_machine_s_draft_is_offered_once_it_has_rested(tmp_path: Path) -> None:
    elsewhere = {"pid": 77, "start_ticks": 5, "boot_id": "other", "host": "elsewhere", "uid": 0}
    leave_behind(typed(run__name="resting"), tmp_path, owner=elsewhere, saved_at=time.time() - 7200)
    leave_behind(typed(run__name="typing"), tmp_path, owner=elsewhere, saved_at=time.time())
    assert [one.name for one in left_behind()[0]] == ["resting"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"recipe": 7}', b'{"recipe": {"adapter": {"rank": "x"}}}', b"[" * 100_000, None],
    ids=lambda content: str(content)[:30],
)
def test_a_damaged_draft_is_named_and_hides_no_other(content: bytes | None, tmp_path: Path) -> None:
    path = leave_behind(typed(run__name="broken"), tmp_path)
    leave_behind(typed(run__name="whole"), tmp_path)
    path.unlink()
    if content is None:
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(content)
    found, (problem,) = left_behind()
    assert [one.name for one in found] == ["whole"]
    assert problem.key == str(path)


async def test_it_is_offered_and_gone_on_with() -> None:
    leave_behind(typed(run__name="mine", adapter__rank="many"), Path.cwd())
    app = TuituneApp()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: "Unfinished draft: mine" in shot_of(app).text)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Choose) and "2 settings changed" in shot_of(app).text)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        assert app.screen.draft.text("adapter.rank") == "many"
        assert app.screen.draft.recipe.run.name == "mine"
        app.screen.draft.set_text("training.epochs", "9")
        await until(pilot, lambda: b'"epochs": 9' in draft_files()[0].read_bytes())
        app.drafting.end()
        app.screen.draft.set_text("training.epochs", "8")
        app.drafting.flush()
        assert draft_files() == [], "what has become a run was kept as a draft again"


async def test_discarding_is_confirmed_and_a_new_run_leaves_it_where_it_is() -> None:
    path = leave_behind(typed(run__name="mine"), Path.cwd())
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        for answer, there in (("n", True), ("y", False)):
            await pilot.press("n")
            await until(pilot, lambda: isinstance(app.screen, Choose))
            await pilot.press(*"discard", "enter")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            assert path.exists()
            await pilot.press(answer)
            await until(pilot, lambda there=there: path.exists() is there)
            if there:
                await until(pilot, lambda: isinstance(app.screen, Choose))
                await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))

    path = leave_behind(typed(run__name="mine"), Path.cwd())
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*"a new", "enter")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        app.screen.draft.set_text("run.name", "second")
        await until(pilot, lambda: len(draft_files()) == 2)
        assert path.exists()


async def test_what_stands_in_the_prompts_window_is_kept_and_forgotten_with_it() -> None:
    app = TuituneApp()
    async with app.run_test(size=(120, 36)) as pilot:
        app.open_compose()
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, ComposeScreen)
        screen.go_to("samples.prompts")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PromptsEditor))
        app.post_message(Paste("A long prompt, hard to write twice."))
        await until(pilot, lambda: any(b"hard to write twice" in path.read_bytes() for path in draft_files()))
        await pilot.press("escape", "y")
        await until(pilot, lambda: not draft_files())
        screen.draft.set_text("run.name", "mine")
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        assert screen.draft.recipe.run.name == "mine"
        await pilot.press("N", "y")
        await until(pilot, lambda: screen.draft.recipe == Recipe())


@pytest.mark.parametrize("name", ["colour", "clear screen", "action"])
async def test_a_draft_is_foreign_text_to_the_screen(name: str) -> None:
    leave_behind(typed(run__notes=PAYLOADS[name], adapter__rank=PAYLOADS[name]), Path.cwd())
    app = TuituneApp()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert_inert(shot_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        assert_inert(shot_of(app))


def test_it_is_there_after_the_screen_was_killed() -> None:
    with start() as session:
        session.wait_for(b"No runs yet")
        session.ask(b"n", b"bundled:nano")
        session.ask(b"[", b"The run's name")
        session.send(b"\r")
        deadline = time.monotonic() + 15
        while not draft_files():
            session.send(b"x")
            patience = time.monotonic() + 3
            while not draft_files() and time.monotonic() < patience:
                session.read(0.1)
            assert time.monotonic() < deadline
        session.send(b"-kept")
        while not any(b"-kept" in path.read_bytes() for path in drafts_home().glob("[!.]*.json")):
            assert time.monotonic() < deadline
            session.read(0.05)
        session.signal(signal.SIGKILL)
        session.wait(5)
    with start() as session:
        session.wait_for(b"Unfinished draft")
        session.ask(b"n", b"1 setting changed")
        session.ask(b"\r", b"-kept")
