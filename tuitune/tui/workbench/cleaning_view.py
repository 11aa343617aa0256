"""The cleaning steps with what each did to the rows, switched and set here, and what is left after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from tuitune.recipe.settings import Setting, setting, settings, show_value
from tuitune.text import clean
from tuitune.tui.widgets.bars import joined
from tuitune.tui.widgets.row_list import ListRow, text_row
from tuitune.tui.workbench.view import View, heading, progress_content, refused
from tuitune.units import counted
from tuitune.views.draft import value_of

_TITLE_WIDTH, _VALUE_WIDTH = 22, 10


class CleaningView(View):
    """Its keys are those of the settings of the recipe's section; a note's is its place among the notes."""

    NAME = "cleaning"
    TITLE = "Cleaning"
    JOB = "clean"

    def show(self, *, cursor: str | None = None) -> None:
        super().show(cursor=cursor)
        state = progress_content(self.job) if self.job.task and self.job.working else Content("")
        self.set_title(self.TITLE, state)

    def notice(self) -> Content | None:
        """The steps can be switched whatever becomes of the rows."""
        return None

    def rows(self) -> Sequence[ListRow]:
        steps = [self._step(one) for one in settings() if one.section == "cleaning"]
        return [*steps, heading(""), *self._left()]

    def step_of(self, key: str) -> Mapping[str, Any] | None:
        """What the step that a setting switches did to the rows."""
        found = (self.job.result or {}).get("steps", ())
        return next((step for step in found if step["key"] in (key, key.partition(".")[2])), None)

    def _step(self, one: Setting) -> ListRow:
        value = value_of(self.bench.recipe, one.key)
        on = value != one.default
        sign = ("● ", "$accent") if on else ("○ ", "$faint")
        shown = show_value(one, value) if not isinstance(value, bool) else "on" if value else "off"
        count = self._count(one, on)

        def draw(width: int) -> list[Content]:
            title = Content(one.title).pad_right(_TITLE_WIDTH - len(one.title))
            state = clean(shown or "off", limit=_VALUE_WIDTH).ljust(_VALUE_WIDTH)
            return [Content.assemble(sign, title, " ", (state, "" if on else "$faint"), "  ", count)]

        return ListRow(one.key, draw)

    def _count(self, one: Setting, on: bool) -> Content:
        step = self.step_of(one.key)
        if step is not None:
            return _done(step)
        scan = self.bench.scan
        if scan is not None and one.key == "cleaning.duplicates":
            return Content.styled(f"{scan['duplicates']:,} duplicates", "$faint")
        if scan is not None and one.key == "cleaning.unusable":
            return Content.styled(f"{scan['problem_count']:,} unusable", "$faint")
        if one.by_tokens:
            return Content.styled("see 4 Tokens", "$faint")
        return Content("…" if on and self.job.working else "")

    def _left(self) -> list[ListRow]:
        if self.job.error:
            lines = enumerate(self.job.error.splitlines())
            return [text_row(f"error {at}", refused(line), selectable=True) for at, line in lines]
        result = self.job.result
        if result is None:
            return []
        figures = (
            f"{result['rows']:,} rows left",
            f"{result['train']:,} to train on",
            f"{result['held_out']:,} held out",
        )
        notes = [
            text_row(f"note {at}", Content.assemble(("⚠ ", "$warn"), clean(note)), selectable=True)
            for at, note in enumerate(result.get("notes", ()))
        ]
        return [text_row("figures", joined(figures)), *notes]

    def detail(self, key: str) -> Content:
        if key.startswith("error "):
            return refused(self.job.error)
        if key.startswith("note "):
            return Content(clean(self.job.result["notes"][int(key.split()[1])])) if self.job.result else Content("")
        step = self.step_of(key)
        keys = "Space switches" + (" · + - change" if setting(key).step else "")
        keys += f" · Enter shows {counted(len(step['examples']), 'example')}" if step and step["examples"] else ""
        return Content.assemble(setting(key).help, "\n", (keys, "$faint"))

    def switched(self) -> dict[str, Any] | None:
        """The change that turns the step under the cursor on, off, or to its other choice."""
        key = self.current
        if not key.startswith("cleaning."):
            return None
        one, value = setting(key), value_of(self.bench.recipe, key)
        if one.usual is not None:
            return {key: one.usual if value is None else None}
        if one.choices:
            return {key: one.choices[(one.choices.index(value) + 1) % len(one.choices)]}
        return {key: not value}

    def stepped(self, by: int) -> dict[str, Any] | None:
        """The change that makes the number of the step under the cursor larger (1) or smaller (-1)."""
        key = self.current
        one = setting(key) if key.startswith("cleaning.") else None
        if one is None or one.step is None:
            return self.switched()
        if (value := one.of(self.bench.recipe)) is None:
            return {key: one.usual}
        wanted = round(value + by * one.step, 2)
        wanted = wanted if one.minimum is None else max(wanted, one.minimum)
        wanted = wanted if one.maximum is None else min(wanted, one.maximum)
        return {key: type(value)(wanted)}


def _done(step: Mapping[str, Any]) -> Content:
    """What a step did, or what it would find where it is switched off."""
    dropped, changed, found = step["dropped"], step["changed"], step.get("found", 0)
    said = [f"{dropped:,} dropped"] if dropped else []
    said += [f"{changed:,} changed"] if changed else []
    if not said and found:
        return Content.styled(f"{found:,} found of {step['before']:,}", "$warn")
    return Content.assemble(", ".join(said) or "none found", (f" of {step['before']:,}", "$faint"))
