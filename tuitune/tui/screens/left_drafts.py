"""Drafts that an earlier screen left behind: offered before a new one is begun, discarded only when asked to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuitune.problem import TuituneError
from tuitune.tui.kept_draft import LeftBehind, left_behind
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm
from tuitune.units import age_text

if TYPE_CHECKING:
    from tuitune.tui.app import TuituneApp

_Picked = tuple[str, LeftBehind | None]


def offer_drafts(app: TuituneApp) -> bool:
    """Ask what becomes of the drafts that were left behind, and open Compose; False where there are none."""
    found, problems = left_behind()
    for problem in problems:
        app.notify(str(problem), title="A draft cannot be read", severity="warning")
    if found:
        app.push_screen(Choose("Unfinished draft", _options(found)), lambda picked: _chosen(app, picked))
    return bool(found)


def _options(found: Sequence[LeftBehind]) -> list[Choice[_Picked]]:
    resume: list[Choice[_Picked]] = [Choice(("resume", one), one.name, _about(one)) for one in found]
    discard: list[Choice[_Picked]] = [Choice(("discard", one), f"discard {one.name}", _about(one)) for one in found]
    kept = "the draft is kept" if len(found) == 1 else "the drafts are kept"
    return [*resume, Choice(("new", None), "a new run", kept), *discard]


def _about(one: LeftBehind) -> str:
    changed = f"{one.changes} setting{'' if one.changes == 1 else 's'} changed"
    age = age_text(one.saved_at)
    return f"{changed} · saved {'just now' if age == 'now' else f'{age} ago'}"


def _chosen(app: TuituneApp, picked: _Picked | None) -> None:
    verb, found = picked or ("", None)
    if verb == "new":
        app.drafting.begin()
        app.open_compose()
    elif verb == "resume" and found is not None:
        try:
            app.drafting.resume(found)
        except TuituneError as refusal:
            app.notify(str(refusal), severity="warning")
        app.open_compose()
    elif verb == "discard" and found is not None:
        text = f"{found.name}, {_about(found)}, is deleted for good."
        app.push_screen(Confirm("Discard the draft?", text), lambda yes: _discard(app, found if yes else None))


def _discard(app: TuituneApp, found: LeftBehind | None) -> None:
    if found is not None:
        found.path.unlink(missing_ok=True)
    app.open_compose()
