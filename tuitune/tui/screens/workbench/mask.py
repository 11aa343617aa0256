"""The mask inspector: a row as the tokens the model will see, those it learns from lit and those masked dim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState, get_current_worker

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.text import clean
from tuitune.tui.actions import bindings
from tuitune.tui.inspector_client import Inspector
from tuitune.tui.inspector_replies import Verdict
from tuitune.tui.screens.base import TuituneScreen
from tuitune.tui.screens.workbench import mask_words as words
from tuitune.tui.screens.workbench.mask_rows import Asked, Looked, MaskRows
from tuitune.tui.widgets.dialogs import TextView
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.rows import Rows
from tuitune.tui.widgets.token_view import TokenView

Apply = Callable[[Mapping[str, Any]], Recipe]

_LEGEND = "trained underlined, with ▌ · masked dim"
_LOOK_SECONDS = 0.2
_MARGIN = 3
_TALL = 30
"""On fewer lines there is room for one line of good verdicts; v shows all."""


class MaskInspector(TuituneScreen):
    """Shows rows of the data set `name` as `recipe` would train on them, beginning with the one numbered `row`.

    `odd` are the rows that the token report found odd ({"row", "kind"}); `apply` puts settings (key → value) into the
    draft and gives the recipe that comes of it: ValueError or TuituneError where it does not take them.
    """

    NAME = "mask"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(NAME)]
    DEFAULT_CSS = """
    MaskInspector {
        #about { height: auto; max-height: 45%; }
        #verdicts { height: auto; max-height: 6; }
        #tokens { height: 1fr; }
        #token { height: 1; padding: 0 1; background: $surface; }
        #missing { height: auto; display: none; padding: 1 0; }
        &.-tall #verdicts { max-height: 12; }
        &.-without #missing { display: block; }
        &.-without TokenView { display: none; }
    }
    """

    class Phase(Message):
        """What the inspector is at, before its first answer."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Answered(Message):
        """A row has been looked at."""

        def __init__(self, asked: Asked, looked: Looked) -> None:
            super().__init__()
            self.asked = asked
            self.looked = looked

    def __init__(
        self,
        recipe: Recipe,
        base: Path,
        name: str,
        row: int,
        odd: Sequence[Mapping[str, Any]] = (),
        apply: Apply | None = None,
    ) -> None:
        super().__init__()
        self._base = base
        self._data = name
        self._wanted = Asked(recipe, max(row, 1))
        self._odd_rows = _kinds(odd)
        self._apply = apply
        self._looked: Looked | None = None
        self._numbers = False
        self._asked: SimpleQueue[Asked] = SimpleQueue()

    def compose(self) -> ComposeResult:
        with Pane(id="about"):
            yield Rows(id="figures")
            yield Static(id="verdicts")
        with Pane("Tokens", _LEGEND, id="tokens"):
            yield Static(id="missing")
            yield TokenView()
        yield Rows(id="token")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#verdicts").display = False
        self.view.focus()
        self._wait("Reading the row …")
        self._serve()
        self._ask(self._wanted)

    @property
    def view(self) -> TokenView:
        return self.query_one(TokenView)

    # Asking

    def _ask(self, asked: Asked) -> None:
        self._wanted = asked
        self._asked.put(asked)
        self._title()

    @work(thread=True, exit_on_error=False, name="The mask inspector")
    def _serve(self) -> None:
        """Answer what was asked last, for as long as the screen is there; the inspector's process ends with it."""
        worker = get_current_worker()

        def cancelled() -> bool:
            return worker.is_cancelled

        def told(phase: str) -> None:
            self.post_message(self.Phase(phase))

        with Inspector(cancelled=cancelled, told=told) as inspector:
            rows = MaskRows(self._data, self._base, inspector, cancelled=cancelled)
            while not cancelled():
                if (asked := self._last_asked()) is not None:
                    looked = rows.look(asked)
                    if not cancelled():
                        self.post_message(self.Answered(asked, looked))

    def _last_asked(self) -> Asked | None:
        try:
            asked = self._asked.get(timeout=_LOOK_SECONDS)
            while True:
                try:
                    asked = self._asked.get_nowait()
                except Empty:
                    return asked
        except Empty:
            return None

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        super().on_worker_state_changed(event)
        if event.state is WorkerState.ERROR:
            self._say(Content.assemble(("✗ ", "$bad"), "the mask inspector failed; Esc and open it again"))

    # Showing

    def on_mask_inspector_phase(self, event: Phase) -> None:
        if self._looked is None or self._looked.tokenized is None:
            self._wait(event.text)
        else:
            line = Content.styled(f"row {self._wanted.number:,}: {clean(event.text, limit=200)} …", "$faint")
            self.query_one("#token", Rows).show_lines([line])

    def on_mask_inspector_answered(self, event: Answered) -> None:
        looked = self._looked = event.looked
        if looked.beyond and event.asked is self._wanted:
            self._wanted = Asked(self._wanted.recipe, max(looked.number, 1))
            if looked.number:
                self.notify(f"row {looked.number:,} is the last")
        self._draw()

    def on_token_view_highlighted(self, event: TokenView.Highlighted) -> None:
        if self._looked is not None and self._looked.tokenized is not None:
            line = words.token_line(event.token, self._looked.tokenized, self._looked.opening)
            self.query_one("#token", Rows).show_lines([line])

    def on_resize(self) -> None:
        self._figures()

    def _draw(self) -> None:
        looked = self._looked
        assert looked is not None
        self._title()
        self._figures()
        self.set_class(looked.tokenized is None, "-without")
        self.view.show(looked.tokenized, numbers=self._numbers)
        if looked.tokenized is None:
            self._say(Content.assemble(("✗ ", "$bad"), clean(looked.problem, limit=4000, newlines=True)))
            self.query_one("#token", Rows).show_lines([Content("")])
        self.refresh_keys()

    def _title(self) -> None:
        looked = self._looked
        place = looked.row.place if looked and looked.row and looked.number == self._wanted.number else ""
        odd = self._odd_rows.get(self._wanted.number)
        kinds = ", ".join(words.KINDS.get(kind, kind) for kind in odd or ())
        which = sorted(self._odd_rows).index(self._wanted.number) + 1 if odd else 0
        title = Content.assemble(
            clean(place) or f"row {self._wanted.number:,}",
            (f" ⚠ {clean(kinds)}, odd row {which:,} of {len(self._odd_rows):,}" if odd else "", "$warn"),
        )
        name = Path(self._data).name if Path(self._data).is_absolute() else self._data
        self.query_one("#about", Pane).set_title(title, name)

    def _figures(self) -> None:
        looked = self._looked
        if looked is None:
            return
        lines = [words.figures(looked.tokenized)] if looked.tokenized else []
        lines += [words.provenance(looked.opening, self.size.width - _MARGIN)] if looked.opening else []
        self.query_one("#figures", Rows).show_lines(lines)
        width = self.size.width - _MARGIN if self.size.height < _TALL else None
        verdicts = words.verdict_lines(self._verdicts, fixable=self._apply is not None, width=width)
        shown = self.query_one("#verdicts", Static)
        shown.display = bool(verdicts)
        shown.update(Content("\n").join(verdicts))

    def _wait(self, text: str) -> None:
        self._say(Content.styled(clean(text, limit=300), "$faint"))

    def _say(self, text: Content) -> None:
        """Say something where the tokens would be."""
        self.add_class("-without")
        self.query_one("#missing", Static).update(text)

    @property
    def _verdicts(self) -> list[Verdict]:
        """Those of the row before those of the tokenizer and its template."""
        looked = self._looked
        both = [looked.tokenized, looked.opening] if looked else []
        return [verdict for one in both if one is not None for verdict in one.verdicts]

    # Keys

    def why_disabled(self, name: str) -> str | None:
        tokenized = self._looked.tokenized if self._looked else None
        if name in ("odd_next", "odd_previous") and not self._odd_rows:
            return "No row is known to be odd; the tokens view of the data looks for them"
        if name == "row_previous" and self._wanted.number <= 1:
            return "This is the first row"
        if name == "fix" and (self._apply is None or words.first_fix(self._verdicts) is None):
            return "No verdict here comes with a fix" if self._apply else "There is no draft to change here"
        if name == "verdicts" and not self._verdicts:
            return "There are no verdicts yet"
        if name in ("numbers", "rendered", "answer_next", "answer_previous") and tokenized is None:
            return "This row has no tokens to show"
        return None

    def action_row_next(self) -> None:
        self._turn_to(self._wanted.number + 1)

    def action_row_previous(self) -> None:
        self._turn_to(self._wanted.number - 1)

    def action_odd_next(self) -> None:
        rows = sorted(self._odd_rows)
        self._turn_to(next((row for row in rows if row > self._wanted.number), rows[0]))

    def action_odd_previous(self) -> None:
        rows = sorted(self._odd_rows, reverse=True)
        self._turn_to(next((row for row in rows if row < self._wanted.number), rows[0]))

    def _turn_to(self, number: int) -> None:
        self._ask(Asked(self._wanted.recipe, number))

    def action_answer_next(self) -> None:
        if not self.view.next_answer(1):
            self.notify("No token further down begins an answer that is trained on")

    def action_answer_previous(self) -> None:
        if not self.view.next_answer(-1):
            self.notify("No token further up begins an answer that is trained on")

    def action_numbers(self) -> None:
        self._numbers = not self._numbers
        self._draw()

    def action_rendered(self) -> None:
        if self._looked is not None and self._looked.tokenized is not None:
            title = f"Row {self._looked.number:,} as rendered, before it becomes tokens"
            self.app.push_screen(TextView(title, self._looked.tokenized.rendered))

    def action_verdicts(self) -> None:
        self.app.push_screen(TextView("Verdicts", words.verdicts_text(self._verdicts)))

    def action_fix(self) -> None:
        verdict = words.first_fix(self._verdicts)
        if verdict is None or self._apply is None:
            return
        try:
            recipe = self._apply(verdict.fix)
        except (ValueError, TuituneError) as error:
            self.notify(str(error), title="Not changed", severity="warning")
            return
        self.notify(f"{words.fixed(verdict)} now")
        self._ask(Asked(recipe, self._wanted.number))


def _kinds(odd: Sequence[Mapping[str, Any]]) -> dict[int, list[str]]:
    """Row number → why it is odd."""
    found: dict[int, list[str]] = {}
    for one in odd:
        kinds = found.setdefault(int(one["row"]), [])
        if one["kind"] not in kinds:
            kinds.append(str(one["kind"]))
    return found
