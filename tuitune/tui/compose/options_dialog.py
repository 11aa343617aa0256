"""The options of a tuner of PEFT as a form of their own: what its config class declares, with PEFT's help."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from tuitune.methods import Method
from tuitune.methods.options import Option
from tuitune.planning.checks import tuners
from tuitune.recipe.declaration import Entails
from tuitune.recipe.settings import Kind, Setting, show_value
from tuitune.recipe.values import from_text
from tuitune.tui.widgets.dialogs import Choice, Choose, Dialog
from tuitune.tui.widgets.field_row import LABEL_WIDTH, FieldView, field_row, help_text
from tuitune.tui.widgets.form import Form
from tuitune.tui.widgets.row_list import RowList

_ENTAILS = Entails(("training",), "until it trains", (), "", "")
_KINDS: dict[str, Kind] = {"table": "options"}


class OptionsDialog(Dialog[dict[str, Any]]):
    """Gives the options that are not at PEFT's defaults. What is wrong in a row is kept beside it and left out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", show=False),
        Binding("r", "reset", show=False),
        Binding("a", "advanced", show=False),
    ]
    DEFAULT_CSS = """
    OptionsDialog #window { width: 96%; max-width: 110; height: 96%; max-height: 30; }
    OptionsDialog Form > #help { min-height: 5; max-height: 8; }
    """

    def __init__(self, method: Method, given: Mapping[str, Any]) -> None:
        super().__init__(f"Options of {method.title}", "Enter edit · r default · a advanced · Esc done")
        self.form = Form(id="form")
        self._method = method
        self._given = dict(given)
        self._refused: dict[str, str] = {}
        self._options: dict[str, Option] = {}
        self._advanced = False

    def compose(self) -> ComposeResult:
        with self._window:
            yield self.form

    def on_mount(self) -> None:
        self.form.takes = lambda name, text: not self._wrong(self._options[name], text)
        self.form.explain(Content("Asking PEFT …"))
        self._read()

    @work(exit_on_error=False)
    async def _read(self) -> None:
        known = await asyncio.to_thread(tuners.options, self._method.name, ask=True)
        self._options = {option.name: option for option in known or []}
        self._redraw()
        self.form.rows.focus()
        if not known:
            self.form.explain(Content(f"PEFT tells of no options of {self._method.title}."))

    def _redraw(self, cursor: str | None = None) -> None:
        shown = [one for one in self._options.values() if self._advanced or not one.advanced or one.name in self._given]
        self._views = {one.name: self._view(one) for one in shown}
        self.form.show([field_row(view) for view in self._views.values()], cursor=cursor)
        self._explain()

    def _view(self, option: Option) -> FieldView:
        text, changed = self._text(option), option.name in self._given
        refused = self._refused.get(option.name)
        message = self._wrong(option, text) if refused is not None else ""
        mark = "advanced" if option.advanced else ""
        return FieldView(_setting(option), text, changed=changed or bool(message), message=message, note=mark)

    def _text(self, option: Option) -> str:
        if option.name in self._refused:
            return self._refused[option.name]
        return show_value(_setting(option), self._given.get(option.name, option.default))

    @on(RowList.Highlighted)
    def _explain(self) -> None:
        if (name := self.form.rows.current) in self._views:
            self.form.explain(help_text(self._views[name]))

    def _wrong(self, option: Option, text: str) -> str:
        """What a row does not take; nothing typed is PEFT's default."""
        if not text.strip() or option.takes(_value(option, text)):
            return ""
        return f"expected {option.expected}"

    def _enter(self, name: str, text: str) -> None:
        option = self._options[name]
        self._refused.pop(name, None)
        value = _value(option, text)
        if self._wrong(option, text):
            self._refused[name] = text
        elif not text.strip() or (value == option.default and type(value) is type(option.default)):
            self._given.pop(name, None)
        else:
            self._given[name] = value
        self._redraw()

    @on(RowList.Clicked)
    def action_edit(self) -> None:
        """Whatever editing means for the option under the cursor."""
        if (name := self.form.rows.current) is None or self.form.editing is not None:
            return
        option = self._options[name]
        if option.kind == "switch":
            self._step(name, 1)
        elif option.kind == "choice":
            choices = [Choice(_said(one), _said(one)) for one in option.choices]
            choose = Choose(name, choices, self._text(option))
            self.app.push_screen(choose, lambda text: None if text is None else self._enter(name, text))
        else:
            self.form.edit(name, self._text(option))

    def _step(self, name: str, by: int) -> None:
        option = self._options[name]
        choices = ["true", "false"] if option.kind == "switch" else [_said(one) for one in option.choices]
        if choices:
            text = self._text(option)
            self._enter(name, choices[(choices.index(text) + by if text in choices else 0) % len(choices)])

    @on(Form.Stepped)
    def _stepped(self, event: Form.Stepped) -> None:
        if event.by == 0:
            self.action_edit()
        elif self.form.editing is None:
            self._step(event.key, event.by)

    @on(Form.Typed)
    def _typed(self, event: Form.Typed) -> None:
        wrong = self._wrong(self._options[event.key], event.text)
        self.form.explain(help_text(replace(self._views[event.key], text=event.text, message=wrong)))

    @on(Form.Abandoned)
    def _abandoned(self) -> None:
        self._explain()

    @on(Form.Entered)
    def _entered(self, event: Form.Entered) -> None:
        self._enter(event.key, event.text)

    def action_reset(self) -> None:
        if (name := self.form.rows.current) is not None and self.form.editing is None:
            self._enter(name, "")

    def action_advanced(self) -> None:
        if self.form.editing is None:
            self._advanced = not self._advanced
            self._redraw()

    def action_leave(self) -> None:
        """Close with the options as they are, other than those that are refused."""
        self.dismiss({name: value for name, value in self._given.items() if name not in self._refused})


def _setting(option: Option) -> Setting:
    """An option as a form shows a setting."""
    title = option.name if len(option.name) < LABEL_WIDTH else f"{option.name[: LABEL_WIDTH - 2]}…"
    return Setting(
        key=option.name, section="adapter", name=option.name, title=title, said=option.help, default=option.default,
        kind=_KINDS.get(option.kind, option.kind), entails=_ENTAILS,
        choices=tuple(_said(one) for one in option.choices), optional=option.default is None, wanted=option.expected,
        advanced=option.advanced,
    )  # fmt: skip


def _said(choice: Any) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _value(option: Option, text: str) -> Any:
    """Typed text as the value that it stands for."""
    word = text.strip()
    if option.kind == "choice":
        return next((choice for choice in option.choices if _said(choice) == word), word)
    kind = _KINDS.get(option.kind, option.kind)
    return from_text(f"[{word}]" if kind == "list" and not word.startswith("[") else word, kind)
