"""What the keys of the mask inspector do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.tui.base import TuituneScreen
from tuitune.tui.mask import mask_words as words
from tuitune.tui.mask.mask_rows import Asked, Looked
from tuitune.tui.mask.token_view import TokenView
from tuitune.tui.widgets.dialogs import TextView
from tuitune.views.inspector_replies import Verdict

Apply = Callable[[Mapping[str, Any]], Recipe]


class MaskKeys(TuituneScreen):
    """The actions of `MaskInspector`, which asks for rows and draws them.

    `wanted` is the row asked for last, `looked` the one that is shown, `odd_rows` says of rows why they are odd.
    """

    wanted: Asked
    looked: Looked | None
    odd_rows: Mapping[int, list[str]]
    apply: Apply | None
    numbers: bool

    if TYPE_CHECKING:

        @property
        def view(self) -> TokenView: ...
        def ask(self, asked: Asked) -> None: ...
        def draw(self) -> None: ...

    @property
    def verdicts(self) -> list[Verdict]:
        """Those of the row before those of the tokenizer and its template."""
        looked = self.looked
        both = [looked.tokenized, looked.opening] if looked else []
        return [verdict for one in both if one is not None for verdict in one.verdicts]

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
        if name in ("numbers", "rendered", "answer_next", "answer_previous") and tokenized is None:
            return "This row has no tokens to show"
        return None

    def action_row_next(self) -> None:
        self._turn_to(self.wanted.number + 1)

    def action_row_previous(self) -> None:
        self._turn_to(self.wanted.number - 1)

    def action_odd_next(self) -> None:
        rows = sorted(self.odd_rows)
        self._turn_to(next((row for row in rows if row > self.wanted.number), rows[0]))

    def action_odd_previous(self) -> None:
        rows = sorted(self.odd_rows, reverse=True)
        self._turn_to(next((row for row in rows if row < self.wanted.number), rows[0]))

    def _turn_to(self, number: int) -> None:
        self.ask(Asked(self.wanted.recipe, number))

    def action_answer_next(self) -> None:
        if not self.view.next_answer(1):
            self.notify("No trained answer further down")

    def action_answer_previous(self) -> None:
        if not self.view.next_answer(-1):
            self.notify("No trained answer further up")

    def action_numbers(self) -> None:
        self.numbers = not self.numbers
        self.draw()

    def action_rendered(self) -> None:
        if self.looked is not None and self.looked.tokenized is not None:
            title = f"Row {self.looked.number:,} as rendered, before tokenization"
            self.app.push_screen(TextView(title, self.looked.tokenized.rendered))

    def action_verdicts(self) -> None:
        self.app.push_screen(TextView("Verdicts", words.verdicts_text(self.verdicts)))

    def action_fix(self) -> None:
        verdict = words.first_fix(self.verdicts)
        if verdict is None or self.apply is None:
            return
        try:
            recipe = self.apply(verdict.fix)
        except (ValueError, TuituneError) as error:
            self.notify(str(error), title="Not changed", severity="warning")
            return
        self.notify(f"{words.fixed(verdict)} now")
        self.ask(Asked(recipe, self.wanted.number))
