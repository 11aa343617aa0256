"""Compose: the settings of a new run as forms, with a forecast that follows every change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, WorkerState, get_current_worker

from tuitune.hardware.gpus import Sampler
from tuitune.problem import Problem
from tuitune.recipe.effect import without_effect
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, section_titles, setting, settings
from tuitune.tui.actions import bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.compose.compose_actions import ComposeActions
from tuitune.tui.compose.forecast import ForecastLine, ForecastPane
from tuitune.tui.compose.notes import notes
from tuitune.tui.compose.review import explanation, review_rows
from tuitune.tui.compose.section_list import SectionMark, SectionPane, SectionTabs
from tuitune.tui.widgets.field_row import FieldView, field_row, heading_key, help_text, section_heading
from tuitune.tui.widgets.form import Form
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.prompts_editor import counted
from tuitune.tui.widgets.row_list import Row, RowList
from tuitune.views.draft import Draft, Version, value_of, with_values
from tuitune.views.estimate import Inspections, Outlook, ask_hub, look

REVIEW = "review"
TALL = 30
"""Rows of a screen that has room for more than the section in hand."""

_DEBOUNCE_SECONDS = 0.15


class ComposeScreen(ComposeActions, TuituneScreen):
    """Edits a draft. The app keeps it when the screen is left."""

    NAME = "compose"
    WHAT: ClassVar[str] = "New run"
    SETTLED: ClassVar[frozenset[str]] = frozenset()
    """Settings that are not to be changed here, and not shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("compose")]
    CSS_PATH = "compose.tcss"

    class Looked(Message):
        """A forecast is ready."""

        def __init__(self, outlook: Outlook) -> None:
            super().__init__()
            self.outlook = outlook

    class Counted(Message):
        """Something more is known: the rows of the training data, or what the Hub says about the model."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft
        self.base = Path.cwd()
        self.outlook: Outlook | None = None
        self._section = "model"
        self._show_advanced = False
        self._trial: Version | None = None
        self._sampler = Sampler()
        self.inspections = Inspections(self.base)
        self._pending: Timer | None = None
        self._drawn: Version | None = None
        self._views: dict[str, FieldView] = {}

    def compose(self) -> ComposeResult:
        yield SectionTabs()
        with Horizontal():
            yield SectionPane(self.WHAT, id="section-pane")
            with Pane(id="form-pane"):
                yield Form(id="form")
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

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    @property
    def section(self) -> str:
        return self._section

    @property
    def field(self) -> str | None:
        """The key of the setting under the cursor; None in Review."""
        return None if self._section == REVIEW else self.form.rows.current

    @property
    def errors(self) -> list[Problem]:
        """Everything wrong with the draft: in its fields, between them, and in the files and models they name."""
        found = self.draft.problems()
        if self.outlook is not None:
            found += [one for one in self.outlook.errors if one not in found and self._still_holds(one)]
        return found

    def _still_holds(self, problem: Problem) -> bool:
        known = any(one.key == problem.key for one in settings())
        if self.outlook is None or not known:
            return True
        if problem.key.startswith("data."):
            before, now = self.outlook.recipe, self.draft.recipe
            return (before.data, before.cleaning) == (now.data, now.cleaning)
        return bool(value_of(self.outlook.recipe, problem.key) == value_of(self.draft.recipe, problem.key))

    def redraw(self, *, cursor: str | None = None) -> None:
        """Draw sections, form and forecast; what stays the same is not sent again."""
        self._drawn = self.draft.version
        errors = self.errors
        marks = self._marks(errors)
        if self.outlook is not None:
            self.query_one(ForecastPane).show(self.outlook, len(errors))
            self.query_one(ForecastLine).show(self.outlook, len(errors))
        self.query_one(SectionPane).show(marks, self._section)
        self.query_one(SectionTabs).show(marks, self._section)
        title = next(mark.title for mark in marks if mark.name == self._section)
        self.query_one("#form-pane", Pane).set_title(title, f"{self.WHAT.lower()} {self.draft.recipe.run.name}")
        self._views = self._fields(errors)
        if self._section == REVIEW:
            advice = self.outlook.advice if self.outlook else ()
            self.form.show(review_rows(self.draft, errors, advice), cursor=cursor)
        else:
            self.form.show(self._rows(), cursor=cursor)
        self._explain(self.form.rows.current)
        self.refresh_keys()

    @property
    def _sections(self) -> Sequence[str]:
        """The sections in sight: all of them where the screen is tall, the one in hand with its neighbours."""
        return list(section_titles()) if self.size.height >= TALL else [self._section]

    def _rows(self) -> list[Row]:
        """The fields in sight, under the names of their sections where there are several."""
        rows: list[Row] = []
        for section in self._sections:
            fields = [field_row(view) for view in self._views.values() if view.setting.section == section]
            if len(self._sections) > 1 and fields:
                rows += [section_heading(section, current=section == self._section, first=not rows)]
            rows += fields
        return rows

    def _marks(self, errors: Sequence[Problem]) -> list[SectionMark]:
        changed = [key for key in self.draft.changed() if key not in self.SETTLED]

        def under(section: str, keys: Sequence[str]) -> int:
            return sum(key.split(".")[0] == section for key in keys)

        wrong = [error.key for error in errors]
        marks = [
            SectionMark(name, title, under(name, changed), under(name, wrong))
            for name, title in section_titles().items()
        ]
        return [*marks, SectionMark(REVIEW, "Review", problems=len(errors))]

    def _fields(self, errors: Sequence[Problem]) -> dict[str, FieldView]:
        """What the fields in sight show, by their keys."""
        version = self._trial or self.draft.version
        messages = {error.key: error.message for error in reversed(errors)}
        if self.form.editing is not None:
            entry = version.refused.get(self.form.editing)
            messages[self.form.editing] = entry.message if entry else ""
        beside, idle = notes(version.recipe, self.outlook), without_effect(version.recipe)
        return {
            one.key: FieldView(
                one,
                self._text(one),
                changed=self.draft.is_changed(one.key),
                message=messages.get(one.key, ""),
                note=beside.get(one.key, ""),
                unused=idle.get(one.key, ""),
            )
            for one in settings()
            if one.section in self._sections and self._is_shown(one, messages)
        }

    def _text(self, one: Setting) -> str:
        prompts = one.of(self.draft.recipe) if one.entails.picked == "prompts" else []
        if prompts and one.key not in self.draft.refused:
            return f"{counted(len(prompts))}: {' · '.join(prompts)}"
        return self.draft.text(one.key)

    def _is_shown(self, one: Setting, messages: dict[str, str]) -> bool:
        if one.key in self.SETTLED:
            return False
        return self._show_advanced or not one.advanced or self.draft.is_changed(one.key) or bool(messages.get(one.key))

    def _explain(self, row: str | None) -> None:
        if row is None:
            self.form.explain(Content(""))
        elif self._section == REVIEW:
            self.form.explain(explanation(row, self.errors, self.outlook.advice if self.outlook else ()))
        else:
            self.form.explain(help_text(self._views[row]) if row in self._views else Content(""))

    def go_to(self, key: str) -> None:
        """Show the section of a setting with the cursor on it."""
        if any(one.key == key for one in settings()):
            self._section = setting(key).section
            self._show_advanced = self._show_advanced or setting(key).advanced
            self.redraw(cursor=key)
            self.bring_section()
            self.form.rows.focus()

    def show_section(self, name: str) -> None:
        if name != self._section:
            self._section = name
            first = next((one.key for one in settings() if one.section == name and one.key in self._views), "")
            self.redraw(cursor=first)
            self.bring_section()

    def bring_section(self) -> None:
        """Have the section in hand in sight from its name to its last field, and the cursor in it."""
        keys = [key for key in self._views if setting(key).section == self._section]
        if keys:
            self.form.rows.bring(heading_key(self._section), keys[-1])
            if self.field not in keys:
                self.form.rows.move_to(keys[0])

    # What is typed and chosen

    def changed(self, *, cursor: str | None = None) -> None:
        """The draft is another one now: draw it, and forecast again."""
        self._trial = None
        self.redraw(cursor=cursor)
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
        if self._section != REVIEW and event.key in self._views and event.key == self.form.rows.current:
            self._section, before = setting(event.key).section, self._section
            if self._section != before:
                self.redraw()
        self._explain(event.key)
        self.refresh_keys()

    @on(SectionTabs.Chosen)
    def _tab_chosen(self, event: SectionTabs.Chosen) -> None:
        self.show_section(event.key)

    @on(RowList.Clicked, "#rows")
    async def _row_clicked(self) -> None:
        await self.action_perform("pick")

    @on(Form.Typed)
    def _typed(self, event: Form.Typed) -> None:
        self._trial = self.draft.trial(event.key, event.text)
        self.keep(self._trial)
        self.redraw()
        self.look_again()

    @on(Form.Entered)
    def _entered(self, event: Form.Entered) -> None:
        self.draft.set_text(event.key, event.text)
        self.changed()

    @on(Form.Abandoned)
    def _abandoned(self) -> None:
        self.keep(self.draft.version)
        self.changed()

    def typed(self, values: dict[str, Any]) -> None:
        """Keep what stands in a window and is not entered yet, as far as the fields take it."""
        with suppress(ValueError):
            self.keep(Version(with_values(self.draft.recipe, values), self.draft.refused))

    def keep(self, version: Version) -> None:
        """Have the draft on disk as it is on the screen."""
        self.draft.told(version)

    # What is known about it

    def look_again(self, *, at_once: bool = False) -> None:
        """Forecast what is on the screen, once nothing has changed for a moment."""
        if self._pending is not None:
            self._pending.stop()
        self._pending = self.set_timer(0.001 if at_once else _DEBOUNCE_SECONDS, self._start_looking)

    def _start_looking(self) -> None:
        recipe = (self._trial or self.draft.version).recipe
        self._look(recipe)

    @work(thread=True, exclusive=True, group="look", exit_on_error=False)
    def _look(self, recipe: Recipe) -> None:
        self.inspections.begin(recipe.data, lambda: self.post_message(self.Counted()))
        outlook = look(recipe, base=self.base, sampler=self._sampler, inspections=self.inspections)
        if not get_current_worker().is_cancelled:
            self.post_message(self.Looked(outlook))
            if outlook.to_ask:
                ask_hub(recipe.model, lambda: self.post_message(self.Counted()))

    @on(Counted)
    def _counted(self) -> None:
        self.look_again(at_once=True)

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        self.outlook = event.outlook
        self.redraw()

    @on(Worker.StateChanged)
    def _worker_ended(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.notify(f"No forecast: {event.worker.error}", severity="error", markup=False)
