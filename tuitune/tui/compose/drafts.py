"""Drafts are offered before a new one is begun: the one in hand, then those that an earlier screen left behind.

None is discarded unasked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.tui.compose.checking import fact
from tuitune.tui.shell import AppShell
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm, Dialog
from tuitune.units import age_text, counted
from tuitune.views.draft import Draft
from tuitune.views.kept_draft import LeftBehind, left_behind

_Picked = tuple[str, LeftBehind | None]


class OfferDraft(Dialog[bool]):
    """Gives whether to go on with the draft in hand (True) or to begin anew; None for Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer(True)", show=False),
        Binding("n,N", "answer(False)", show=False),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__("Unfinished draft", "Enter resume · N new · Esc back")
        self._draft = draft

    def compose(self) -> ComposeResult:
        recipe = self._draft.recipe
        facts = [
            fact("run", recipe.run.name),
            fact("model", recipe.model.id),
            fact("data", recipe.data.train),
            fact("changed", counted(len(self._draft.changed()), "setting")),
        ]
        with self._window:
            yield Static(Content("\n").join([*facts, Content("\nN starts from the defaults; u undoes that.")]))

    def action_answer(self, resume: bool) -> None:
        self.dismiss(resume)


def offer_draft(app: AppShell) -> bool:
    """Ask whether to go on with a draft, then open Compose; False where there is none."""
    draft = app.drafting.draft
    if draft is None:
        return _offer_left_behind(app)
    if draft.changed():
        app.push_screen(OfferDraft(draft), lambda resume: _go_on(app, draft, resume))
    return bool(draft.changed())


def _go_on(app: AppShell, draft: Draft, resume: bool | None) -> None:
    if resume is None:
        return
    if not resume:
        draft.replace(Recipe())
    app.open_compose()


def _offer_left_behind(app: AppShell) -> bool:
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
    age = age_text(one.saved_at)
    return f"{counted(one.changes, 'setting')} changed · saved {'just now' if age == 'now' else f'{age} ago'}"


def _chosen(app: AppShell, picked: _Picked | None) -> None:
    verb, found = picked or ("", None)
    if verb == "new":
        app.drafting.begin()
        app.open_compose()
    elif verb == "resume" and found is not None:
        try:
            app.drafting.resume(found)
        except TuituneError as refusal:
            app.notify(str(refusal), severity="warning")
            app.new_run()
        else:
            app.open_compose()
    elif verb == "discard" and found is not None:

        def answered(yes: bool | None) -> None:
            if yes:
                found.path.unlink(missing_ok=True)
            app.new_run()

        text = f"{found.name}, {_about(found)}, is deleted for good."
        app.push_screen(Confirm("Discard the draft?", text), answered)
