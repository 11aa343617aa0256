"""Compose: the settings of a new run as forms, with a forecast that follows every change."""

from __future__ import annotations

import asyncio
from functools import partialmethod
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer

from tuitune.hardware.gpus import GpuSampler
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import section_titles, setting, settings
from tuitune.runs.store.directory import Run
from tuitune.tui.actions import bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.compose.composing import REVIEW, Composing
from tuitune.tui.compose.forecast import ForecastLine, ForecastPane
from tuitune.tui.compose.keys import ComposeKeys
from tuitune.tui.compose.launch import LaunchDialog
from tuitune.tui.compose.review import explanation, review_rows
from tuitune.tui.compose.section_list import SectionPane, SectionTabs
from tuitune.tui.draft_keys import DraftKeys
from tuitune.tui.widgets.dialogs import Confirm
from tuitune.tui.widgets.field_row import FieldView, field_row, heading_key, help_text, section_heading
from tuitune.tui.widgets.form import Form
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.row_list import ListRow, RowList
from tuitune.units import counted
from tuitune.views.draft import Draft, Version
from tuitune.views.estimate import Estimate, ask_hub, ask_tuner, look

TALL = 30
"""Rows of a screen that has room for more than the section in hand."""

_DEBOUNCE_SECONDS = 0.15


class ComposeScreen(TuituneScreen):
    """Edits a draft. The app keeps it when the screen is left."""

    NAME = "compose"
    WHAT: ClassVar[str] = "New run"
    SETTLED: ClassVar[frozenset[str]] = frozenset()
    """Settings that are not to be changed here, and not shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("compose")]
    CSS_PATH = "compose.tcss"

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft
        self.composing = Composing(draft, Path.cwd(), self.SETTLED)
        self.form = Form(id="form")
        self.keys = ComposeKeys(
            self, self.composing, self.form, use=self.set_values, changed=self.changed, go_to=self.go_to
        )
        self.handlers = (self.keys, DraftKeys(self, draft, self.composing.base, self._moved))
        self._sampler = GpuSampler()
        self._pending: Timer | None = None
        self._drawn: Version | None = None
        self._views: dict[str, FieldView] = {}

    def compose(self) -> ComposeResult:
        yield SectionTabs()
        with Horizontal():
            yield SectionPane(self.WHAT, id="section-pane")
            with Pane(id="form-pane"):
                yield self.form
            yield ForecastPane(id="forecast")
        yield ForecastLine(id="forecast-line")
        yield KeyBar()

    def on_mount(self) -> None:
        self.form.takes = lambda key, text: key not in self.draft.trial(key, text).refused
        self.redraw()
        self.bring_section()
        self.form.rows.focus()
        self.look_again(at_once=True)

    def on_screen_resume(self) -> None:
        """The data workbench may have changed the draft."""
        if self._drawn is not None and self._drawn is not self.draft.version:
            self.changed()

    def on_resize(self) -> None:
        if self._views:
            self.redraw(cursor=self.form.rows.current)
            self.bring_section()

    # What is shown

    def redraw(self, *, cursor: str | None = None) -> None:
        """Draw sections, form and forecast; what stays the same is not sent again."""
        self._drawn = self.draft.version
        errors = self.composing.errors
        marks = self.composing.marks(errors)
        if self.composing.estimate is not None:
            self.query_one(ForecastPane).show(self.composing.estimate, len(errors))
            self.query_one(ForecastLine).show(self.composing.estimate, len(errors))
        self.query_one(SectionPane).show(marks, self.composing.section)
        self.query_one(SectionTabs).show(marks, self.composing.section)
        title = next(mark.title for mark in marks if mark.name == self.composing.section)
        self.query_one("#form-pane", Pane).set_title(title, f"{self.WHAT.lower()} {self.draft.recipe.run.name}")
        self._views = self.composing.fields(errors, self._sections, self.form.editing)
        if self.composing.section == REVIEW:
            self.form.show(review_rows(self.draft, errors, self.composing.advice), cursor=cursor)
        else:
            self.form.show(self._rows(), cursor=cursor)
        self._explain(self.form.rows.current)
        self.refresh_keys()

    @property
    def _sections(self) -> list[str]:
        """The sections in sight: all of them where the screen is tall, the one in hand with its neighbours."""
        return list(section_titles()) if self.size.height >= TALL else [self.composing.section]

    def _rows(self) -> list[ListRow]:
        """The fields in sight, under the names of their sections where there are several."""
        rows: list[ListRow] = []
        for section in self._sections:
            fields = [field_row(view) for view in self._views.values() if view.setting.section == section]
            if len(self._sections) > 1 and fields:
                rows += [section_heading(section, current=section == self.composing.section, first=not rows)]
            rows += fields
        return rows

    def _explain(self, row: str | None) -> None:
        if row is not None and self.composing.section == REVIEW:
            self.form.explain(explanation(row, self.composing.errors, self.composing.advice))
        else:
            self.form.explain(help_text(self._views[row]) if row in self._views else Content(""))

    def go_to(self, key: str) -> None:
        """Show the section of a setting with the cursor on it."""
        if any(one.key == key for one in settings()):
            self.composing.section = setting(key).section
            self.composing.advanced = self.composing.advanced or setting(key).advanced
            self.redraw(cursor=key)
            self.bring_section()
            self.form.rows.focus()

    def show_section(self, name: str) -> None:
        if name != self.composing.section:
            self.composing.section = name
            first = next((one.key for one in settings() if one.section == name and one.key in self._views), "")
            self.redraw(cursor=first)
            self.bring_section()

    def bring_section(self) -> None:
        """Have the section in hand in sight from its name to its last field, and the cursor in it."""
        keys = [key for key in self._views if setting(key).section == self.composing.section]
        if keys:
            self.form.rows.bring(heading_key(self.composing.section), keys[-1])
            if self.keys.current not in keys:
                self.form.rows.move_to(keys[0])

    # What is typed and chosen

    def changed(self) -> None:
        """The draft is another one now: draw it, and forecast again."""
        self.composing.trial = None
        self.redraw()
        self.look_again()

    def set_values(self, values: dict[str, Any]) -> None:
        """Make a step of the draft; what a field does not take (a file with control characters in its name) is said."""
        try:
            self.draft.set_values(values)
        except ValueError as error:
            self.notify(str(error), title="Refused", severity="warning")
        else:
            self.changed()

    @on(RowList.Highlighted, "#sections")
    def _section_highlighted(self, event: RowList.Highlighted) -> None:
        if event.key == event.row_list.current:
            self.show_section(event.key)

    @on(RowList.Highlighted, "#rows")
    def _row_highlighted(self, event: RowList.Highlighted) -> None:
        if self.composing.section != REVIEW and event.key in self._views and event.key == self.form.rows.current:
            self.composing.section, before = setting(event.key).section, self.composing.section
            if self.composing.section != before:
                self.redraw()
        self._explain(event.key)
        self.refresh_keys()

    @on(SectionTabs.Chosen)
    def _tab_chosen(self, event: SectionTabs.Chosen) -> None:
        self.show_section(event.key)

    @on(RowList.Clicked, "#rows")
    async def _row_clicked(self) -> None:
        await self.action_perform("pick")

    @on(Form.Stepped)
    def _stepped(self, event: Form.Stepped) -> None:
        self.keys.stepped(event)

    @on(Form.Typed)
    def _typed(self, event: Form.Typed) -> None:
        self.composing.trial = self.draft.trial(event.key, event.text)
        self.draft.told(self.composing.trial)
        self.redraw()
        self.look_again()

    @on(Form.Entered)
    def _entered(self, event: Form.Entered) -> None:
        self.draft.set_text(event.key, event.text)
        self.changed()

    @on(Form.Abandoned)
    def _abandoned(self) -> None:
        self.draft.told(self.draft.version)
        self.changed()

    # What is known about it

    def look_again(self, *, at_once: bool = False) -> None:
        """Forecast what is on the screen, once nothing has changed for a moment."""
        if self._pending is not None:
            self._pending.stop()
        self._pending = self.set_timer(0.001 if at_once else _DEBOUNCE_SECONDS, self._look)

    @work(exclusive=True, group="look", exit_on_error=False, name="The forecast")
    async def _look(self) -> None:
        recipe = self.composing.version.recipe
        estimate = self.composing.estimate = await asyncio.to_thread(self._estimate, recipe)
        self.redraw()
        if estimate.to_ask:
            ask_hub(recipe.model, self._more_is_known)
        if estimate.tuner_to_ask and self.composing.trial is None:
            ask_tuner(recipe, self.composing.base, self._more_is_known)

    def _estimate(self, recipe: Recipe) -> Estimate:
        known = self.composing.inspections
        known.begin(recipe.data, self._more_is_known)
        return look(recipe, base=self.composing.base, sampler=self._sampler, inspections=known)

    def _more_is_known(self) -> None:
        """The rows have been counted, or the Hub or PEFT has answered. Called from another thread."""
        self.call_later(self.look_again, at_once=True)

    # Keys: sections, the data, the launch

    def why_disabled(self, name: str) -> str | None:
        if name == "fresh" and not self.draft.changed():
            return "Every setting is at its default"
        return super().why_disabled(name)

    def action_advanced(self) -> None:
        self.composing.advanced = not self.composing.advanced
        self.redraw()
        self.bring_section()

    def _turn(self, by: int) -> None:
        names = [*section_titles(), REVIEW]
        self.show_section(names[(names.index(self.composing.section) + by) % len(names)])

    action_section_next = partialmethod(_turn, 1)
    action_section_previous = partialmethod(_turn, -1)

    def action_preview(self) -> None:
        from tuitune.tui.workbench.screen import WorkbenchScreen

        held_out = self.draft.recipe.data.eval
        looked_at = held_out if self.keys.current == "data.eval" and isinstance(held_out, str) else None
        self.app.push_screen(WorkbenchScreen(self.draft, self.composing.base, looked_at))

    def _moved(self, keys: list[str] | None) -> None:
        self.changed()
        if keys and self.composing.section not in (setting(keys[0]).section, REVIEW):
            self.go_to(keys[0])
        elif keys and self.composing.section != REVIEW:
            self.form.rows.move_to(keys[0])

    def action_fresh(self) -> None:
        """Begin again, once that is confirmed: the draft on disk goes with it."""
        if count := len(self.draft.changed()):
            what = f"{count} setting{' differs from its default' if count == 1 else 's differ from their defaults'}."
            question = Confirm("Start over from the defaults?", f"{what} u undoes it while tuitune is open.")
            self.app.push_screen(question, lambda yes: self._begin_again() if yes else None)

    def _begin_again(self) -> None:
        self.draft.replace(Recipe())
        self.changed()

    def action_launch(self) -> None:
        if self.draft.problems():
            self.show_errors("Not started")
        else:
            recipe = self.draft.recipe
            rows = self.composing.inspections.usable(recipe.data)
            self.app.push_screen(LaunchDialog(recipe, self.composing.base, rows), self._launched)

    def _launched(self, outcome: Run | list[Problem] | None) -> None:
        if isinstance(outcome, Run):
            self.app.drafting.end()
            self.app.open_monitor(outcome)
        elif outcome:
            self.show_errors("Not started")
        else:
            self.look_again(at_once=True)  # the dialog may have learned more of the rows

    def show_errors(self, what: str) -> None:
        """Lead to what is wrong, and say what was not done because of it."""
        self.show_section(REVIEW)
        self.form.rows.focus()
        errors = counted(len(self.composing.errors), "error")
        self.notify(f"{what}: {errors} to fix, listed here", severity="warning")
