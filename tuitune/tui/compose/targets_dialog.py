"""Which layers get an adapter: the model's own linear layers to tick, and the usual groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tuitune.hardware.model_facts import Linear
from tuitune.text import clean
from tuitune.tui.widgets.columns import Column, table_row
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.row_list import ListRow, RowList, text_row

Targets = list[str] | str

GROUPS: dict[str, Targets] = {
    "all linear layers": "all-linear",
    "attention: q k v o": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "query and value": ["q_proj", "v_proj"],
}
_USUAL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_COLUMNS = (Column("layer", 0), Column("shape", 15, right=True), Column("count", 6, right=True, rank=1))


class TargetsDialog(Dialog[Targets]):
    """Gives the target modules. `linears` is empty while the model's layers are not known; `experts` are the layers of
    its experts, which only their names adapt.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", show=False),
        Binding("enter", "accept", show=False),
    ]
    DEFAULT_CSS = """
    TargetsDialog RowList { height: auto; max-height: 16; }
    TargetsDialog Static { height: auto; color: $faint; padding: 1 0 0 2; }
    """

    def __init__(self, targets: Targets, linears: Sequence[Linear], experts: Sequence[Linear] = ()) -> None:
        super().__init__("Target modules", "Space tick · Enter use · Esc back")
        self._linears = {linear.name: linear for linear in linears if linear.name != "lm_head"}
        self._experts = {linear.name: linear for linear in experts}
        self._every = list(self._linears) or list(_USUAL)
        names = list(dict.fromkeys([*self._every, *self._experts]))
        self._ticked = set(self._every if targets == "all-linear" else targets)
        self._everything = targets == "all-linear"
        self._names = names + [name for name in targets if name not in names] if not self._everything else names

    def compose(self) -> ComposeResult:
        with self._window:
            yield RowList()
            if not self._linears:
                yield Static("The model is not downloaded yet: these are the usual names.")

    def on_mount(self) -> None:
        self._show()
        self.query_one(RowList).focus()

    @on(RowList.Clicked)
    def _clicked(self) -> None:
        self.action_tick()

    def action_tick(self) -> None:
        key = self.query_one(RowList).current
        if key in GROUPS:
            targets = GROUPS[key]
            self._everything = targets == "all-linear"
            self._ticked = set(self._every if isinstance(targets, str) else targets)
        elif key is not None:
            self._everything = False
            self._ticked ^= {key}
        self._show()

    def action_accept(self) -> None:
        if self.query_one(RowList).current in GROUPS:
            self.action_tick()
        ticked = [name for name in self._names if name in self._ticked]
        self.dismiss("all-linear" if self._everything else ticked)

    def _show(self) -> None:
        groups = [text_row(title, title, selectable=True) for title in GROUPS]
        self.query_one(RowList).set_rows([*groups, *map(self._module, self._names)])

    def _module(self, name: str) -> ListRow:
        linear, box = self._linears.get(name) or self._experts.get(name), "[x]" if name in self._ticked else "[ ]"
        shape, count = (f"{linear.inputs} × {linear.outputs}", f"× {linear.count}") if linear else ("", "")
        shown = f"{clean(name)} (experts)" if name in self._experts else clean(name)
        return table_row(name, _COLUMNS, [Content.assemble(f"{box} ", shown), shape, count])
