"""Which rewards an answer gets, each with its weight: a list to tick, with what each gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tuitune.rewards import REWARDS
from tuitune.tui.widgets.columns import Column, table_row
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.row_list import ListRow, RowList

Weights = dict[str, float]

_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_COLUMNS = (Column("reward", 20), Column("weight", 8, right=True), Column("gives", 0))


class RewardsDialog(Dialog[Weights | str]):
    """Gives the rewards with their weights, or, as text, what a person wants to type on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", show=False),
        Binding("left,h", "weigh(-1)", show=False),
        Binding("right,l", "weigh(1)", show=False),
        Binding("enter", "accept", show=False),
        Binding("e", "type", show=False),
    ]
    DEFAULT_CSS = """
    RewardsDialog #window { width: 96%; max-width: 110; }
    RewardsDialog RowList { height: auto; max-height: 16; }
    RewardsDialog Static { height: auto; min-height: 3; color: $faint; padding: 1 0 0 2; }
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__("Rewards", "Space tick · ← → weight · Enter use · e type them · Esc back")
        self._weights = {name: weight for name, weight in weights.items() if name in REWARDS}

    def compose(self) -> ComposeResult:
        with self._window:
            yield RowList()
            yield Static()

    def on_mount(self) -> None:
        self._show()
        self._list.focus()

    @property
    def _list(self) -> RowList:
        return self.query_one(RowList)

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        reward = REWARDS[event.key]
        needed = [f"needs {name}, below in the form" for name in reward.filled]
        needed += ["needs an answer in each row"] if reward.expects else []
        needed += [f"needs the package {reward.package}"] if reward.package else []
        self.query_one(Static).update(Content("; ".join([reward.gives, *needed])))

    @on(RowList.Clicked)
    def action_tick(self) -> None:
        """Give the reward under the cursor, or not; a new one has the weight 1."""
        if (name := self._list.current) in self._weights:
            del self._weights[name]
        elif name is not None:
            self._weights[name] = 1.0
        self._show()

    def action_weigh(self, by: int) -> None:
        """Take the next heavier or lighter of the usual weights."""
        if (weight := self._weights.get(name := self._list.current or "")) is not None:
            others = [step for step in _STEPS if (step > weight if by > 0 else step < weight)]
            self._weights[name] = (others or [weight])[0 if by > 0 else -1]
            self._show()

    def action_accept(self) -> None:
        self.dismiss(self._weights)

    def action_type(self) -> None:
        self.dismiss(", ".join(f"{name} = {weight:g}" for name, weight in self._weights.items()))

    def _show(self) -> None:
        self._list.set_rows([self._row(name) for name in REWARDS])

    def _row(self, name: str) -> ListRow:
        weight = self._weights.get(name)
        box = "[ ]" if weight is None else "[x]"
        cells = [f"{box} {name}", "" if weight is None else f"{weight:g}", REWARDS[name].gives]
        return table_row(name, _COLUMNS, cells)
