"""The mask inspector: a row as the tokens the model will see, those it learns from lit and those masked dim."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partialmethod
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tuitune.data.sources.rows import mark
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.text import clean
from tuitune.tui.actions import bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.mask import mask_words as words
from tuitune.tui.mask.mask_rows import Asked, Looked, MaskRows
from tuitune.tui.mask.token_view import TokenView
from tuitune.tui.widgets.dialogs import TextView
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.rows import Rows
from tuitune.views.inspector_client import Inspector
from tuitune.views.inspector_replies import TokenizedRow, Verdict

Apply = Callable[[Mapping[str, Any]], Recipe]

_LEGEND = "trained underlined, with ▌ · masked dim"
_MARGIN = 3
_TALL = 30
"""On fewer lines there is room for one line of good verdicts; v shows all."""


class MaskInspector(TuituneScreen):
    """Shows rows of the data set `name` as `recipe` would train on them, beginning with the one numbered `row`.

    `odd` are the rows that the token report found odd ({"row", "kind"}); `apply` puts settings (key → value) into the
    draft and gives the recipe that comes of it: ValueError or TuituneError where it does not take them.
    `inspector` is asked, and stays as it is when the screen is left.
    """

    NAME = "mask"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(NAME)]
    DEFAULT_CSS = """
    MaskInspector {
        #about { height: auto; max-height: 45%; }
        #verdicts { height: auto; max-height: 6; }
        #tokens { height: 1fr; }
        #answers { height: 1fr; }
        #rejected { display: none; }
        &.-pair #rejected { display: block; }
        #token { height: 1; padding: 0 1; background: $surface; }
        #missing { height: auto; display: none; padding: 1 0; }
        &.-tall #verdicts { max-height: 12; }
        &.-without #missing { display: block; }
        &.-without TokenView { display: none; }
        &.-without #rejected { display: none; }
    }
    """

    def __init__(
        self,
        recipe: Recipe,
        base: Path,
        name: str,
        row: int,
        inspector: Inspector,
        odd: Sequence[Mapping[str, Any]] = (),
        apply: Apply | None = None,
    ) -> None:
        super().__init__()
        self._data = name
        self.wanted = Asked(recipe, max(row, 1))
        self.odd_rows = _kinds(odd)
        self.apply = apply
        self._rows = MaskRows(name, base, inspector, cancelled=self._is_left, told=self._told)
        self.looked: Looked | None = None
        self.numbers = False
        self._unanswered: Asked | None = None
        self._serving: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        with Pane(id="about"):
            yield Rows(id="figures")
            yield Static(id="verdicts")
        with Horizontal(id="answers"):
            with Pane("Tokens", _LEGEND, id="tokens"):
                yield Static(id="missing")
                yield TokenView(id="view")
            with Pane("Rejected", id="rejected"):
                yield TokenView(id="other")
        yield Rows(id="token")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#verdicts").display = False
        self.view.focus()
        self._wait("Reading the row …")
        self.ask(self.wanted)

    @property
    def views(self) -> tuple[TokenView, TokenView]:
        """That of a row, or of its chosen answer, and that of the rejected one."""
        return self.query_one("#view", TokenView), self.query_one("#other", TokenView)

    @property
    def view(self) -> TokenView:
        """The one that the keys move in."""
        first, other = self.views
        return other if other.has_focus else first

    # Asking

    def ask(self, asked: Asked) -> None:
        self.wanted = self._unanswered = asked
        self._title()
        if self._serving is None or self._serving.is_finished:
            self._serving = self._serve()

    @work(exit_on_error=False, name="The mask inspector")
    async def _serve(self) -> None:
        """Answer what was asked last, until nothing is unanswered."""
        while (asked := self._unanswered) is not None:
            self._unanswered = None
            self._answered(asked, await asyncio.to_thread(self._rows.look, asked))

    def _is_left(self) -> bool:
        return self._serving is not None and self._serving.is_cancelled

    def _told(self, phase: str) -> None:
        """The inspector says what it is at before it answers. Called in the thread that asks it."""
        self.call_later(self._tell, phase)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        super().on_worker_state_changed(event)
        if event.state is WorkerState.ERROR:
            self._say(Content.assemble(("✗ ", "$bad"), "the mask inspector failed; Esc and open it again"))

    # Showing

    @property
    def verdicts(self) -> list[Verdict]:
        """Those of the row before those of the tokenizer and its template."""
        looked = self.looked
        if looked is None:
            return []
        own = [_of_side(verdict, one.side) for one in _sides(looked) for verdict in one.verdicts]
        return [*own, *(looked.opening.verdicts if looked.opening else ())]

    def _tell(self, phase: str) -> None:
        if self._serving is None or self._serving.is_finished:
            return
        if self.looked is None or self.looked.tokenized is None:
            self._wait(phase)
        else:
            line = Content.styled(f"row {self.wanted.number:,}: {clean(phase, limit=200)} …", "$faint")
            self.query_one("#token", Rows).show_lines([line])

    def _answered(self, asked: Asked, looked: Looked) -> None:
        self.looked = looked
        if looked.beyond and asked is self.wanted:
            self.wanted = Asked(self.wanted.recipe, max(looked.number, 1))
            if looked.number:
                self.notify(f"row {looked.number:,} is the last")
        self.draw(looked)

    def on_token_view_highlighted(self, event: TokenView.Highlighted) -> None:
        if self.looked is not None and event.view is self.view and event.view.shown is not None:
            line = words.token_line(event.token, event.view.shown, self.looked.opening)
            self.query_one("#token", Rows).show_lines([line])

    def on_resize(self) -> None:
        self._figures()

    def draw(self, looked: Looked) -> None:
        self._title()
        self._figures()
        other = looked.tokenized.other if looked.tokenized else None
        self.set_class(looked.tokenized is None, "-without")
        self.set_class(other is not None, "-pair")
        self.query_one("#tokens", Pane).set_title("Chosen" if other else "Tokens", "" if other else _LEGEND)
        for view, row in zip(self.views, (looked.tokenized, other), strict=True):
            view.show(row, numbers=self.numbers)
        if other is None:
            self.views[0].focus()
        if looked.tokenized is None:
            self._say(Content.assemble(("✗ ", "$bad"), clean(looked.problem, limit=4000, newlines=True)))
            self.query_one("#token", Rows).show_lines([Content("")])
        self.refresh_keys()

    def _title(self) -> None:
        looked = self.looked
        place = looked.row.place if looked and looked.row and looked.number == self.wanted.number else ""
        odd = self.odd_rows.get(self.wanted.number)
        kinds = ", ".join(words.KINDS.get(kind, kind) for kind in odd or ())
        which = sorted(self.odd_rows).index(self.wanted.number) + 1 if odd else 0
        title = Content.assemble(
            clean(place) or f"row {self.wanted.number:,}",
            (f" ⚠ {clean(kinds)}, odd row {which:,} of {len(self.odd_rows):,}" if odd else "", "$warn"),
        )
        name = Path(self._data).name if Path(self._data).is_absolute() else self._data
        self.query_one("#about", Pane).set_title(title, name)

    def _figures(self) -> None:
        looked = self.looked
        if looked is None:
            return
        lines = [words.figures(one, self.size.width - _MARGIN) for one in _sides(looked)]
        lines += [words.provenance(looked.opening, self.size.width - _MARGIN)] if looked.opening else []
        self.query_one("#figures", Rows).show_lines(lines)
        width = self.size.width - _MARGIN if self.size.height < _TALL else None
        verdicts = words.verdict_lines(self.verdicts, fixable=self.apply is not None, width=width)
        shown = self.query_one("#verdicts", Static)
        shown.display = bool(verdicts)
        shown.update(Content("\n").join(verdicts))

    def _wait(self, text: str) -> None:
        self._say(Content.styled(clean(text, limit=300), "$faint"))

    def _say(self, text: Content) -> None:
        """Say something where the tokens would be."""
        self.add_class("-without")
        self.query_one("#missing", Static).update(text)

    # Keys

    def why_disabled(self, name: str) -> str | None:
        tokenized = self.looked.tokenized if self.looked else None
        if name in ("odd_next", "odd_previous") and not self.odd_rows:
            return "No odd rows known; the tokens view of the data finds them"
        if name == "row_previous" and self.wanted.number <= 1:
            return "This is the first row"
        if name == "fix" and (self.apply is None or words.first_fix(self.verdicts) is None):
            return "No verdict here has a fix" if self.apply else "No draft to change here"
        if name == "verdicts" and not self.verdicts:
            return "No verdicts yet"
        if name == "learn":
            return self._why_not_learn()
        if name in ("numbers", "rendered", "answer_next", "answer_previous") and tokenized is None:
            return "This row has no tokens to show"
        return None

    def _to_row(self, by: int) -> None:
        self.ask(Asked(self.wanted.recipe, self.wanted.number + by))

    action_row_next = partialmethod(_to_row, 1)
    action_row_previous = partialmethod(_to_row, -1)

    def _to_odd(self, by: int) -> None:
        """The next odd row, or the one before; the first follows the last."""
        here, rows = self.wanted.number, sorted(self.odd_rows, reverse=by < 0)
        self.ask(Asked(self.wanted.recipe, next((row for row in rows if (row - here) * by > 0), rows[0])))

    action_odd_next = partialmethod(_to_odd, 1)
    action_odd_previous = partialmethod(_to_odd, -1)

    def _to_answer(self, by: int) -> None:
        if not self.view.next_answer(by):
            self.notify(f"No trained answer further {'down' if by > 0 else 'up'}")

    action_answer_next = partialmethod(_to_answer, 1)
    action_answer_previous = partialmethod(_to_answer, -1)

    def action_numbers(self) -> None:
        self.numbers = not self.numbers
        if self.looked is not None:
            self.draw(self.looked)

    def action_rendered(self) -> None:
        if self.looked is not None and self.looked.tokenized is not None:
            title = f"Row {self.looked.number:,} as rendered, before tokenization"
            texts = [f"{one.side}:\n\n{one.rendered}" if one.side else one.rendered for one in _sides(self.looked)]
            self.app.push_screen(TextView(title, "\n\n".join(texts)))

    def action_verdicts(self) -> None:
        self.app.push_screen(TextView("Verdicts", words.verdicts_text(self.verdicts)))

    def action_fix(self) -> None:
        if (verdict := words.first_fix(self.verdicts)) is not None:
            self._change(verdict.fix, f"{words.fixed(verdict)} now")

    def _why_not_learn(self) -> str | None:
        tokenized = self.looked.tokenized if self.looked else None
        if self.apply is None:
            return "No draft to change here"
        if tokenized is None or not any(tokenized.turns):
            return "No answer of this row can be chosen by itself"
        if not (turn := self._turn):
            return "The cursor is in no answer; } goes to the next"
        if self._answer in self.wanted.recipe.data.unlearned:
            return None
        if turn not in tokenized.learned_turns:
            return "The row itself has this answer as context"
        return None if len(tokenized.learned_turns) > 1 else "It is the only answer of the row that is learned"

    @property
    def _turn(self) -> int:
        """The number of the turn whose answer the cursor is in; 0 for none."""
        place, turns = self.view.current, self.view.shown.turns if self.view.shown else ()
        return turns[place] if place is not None and place < len(turns) else 0

    @property
    def _answer(self) -> str:
        """What `data.unlearned` calls that answer; "" where there is none."""
        row = self.looked.row if self.looked else None
        return f"{mark(row)}:{self._turn}" if row is not None and self._turn else ""

    def action_learn(self) -> None:
        """Put the answer under the cursor among those not learned, or take it from there."""
        one, before = self._answer, self.wanted.recipe.data.unlearned
        after = [other for other in before if other != one] if one in before else [*before, one]
        self._change({"data.unlearned": after}, f"turn {self._turn} is {'learned' if one in before else 'context'} now")

    def _change(self, values: Mapping[str, Any], said: str) -> None:
        """Change the draft, and show the row as it is then."""
        if self.apply is None:
            return
        try:
            recipe = self.apply(values)
        except (ValueError, TuituneError) as error:
            self.notify(str(error), title="Not changed", severity="warning")
            return
        self.notify(said)
        self.ask(Asked(recipe, self.wanted.number))


def _sides(looked: Looked) -> tuple[TokenizedRow, ...]:
    return looked.tokenized.sides if looked.tokenized else ()


def _of_side(verdict: Verdict, side: str) -> Verdict:
    """A verdict on one of two answers, which it names."""
    return replace(verdict, text=f"{side}: {verdict.text}") if side else verdict


def _kinds(odd: Sequence[Mapping[str, Any]]) -> dict[int, list[str]]:
    """Row number → why it is odd."""
    found = defaultdict[int, list[str]](list)
    for one in odd:
        if one["kind"] not in found[one["row"]]:
            found[one["row"]].append(one["kind"])
    return found
