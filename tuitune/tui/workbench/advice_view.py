"""What the scan advises: how many rows, how they are balanced, their languages, personal data, decisions on people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from tuitune.data.scan.fit import advice_for
from tuitune.text import clean
from tuitune.tui.widgets.bars import joined, labelled
from tuitune.tui.widgets.row_list import ListRow, text_row
from tuitune.tui.workbench.bench import Target
from tuitune.tui.workbench.histogram import histogram
from tuitune.tui.workbench.view import View, finding, heading
from tuitune.units import percent_text

_BINS = 8
_LANGUAGES = 6
_PERSONAL = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "card": "possible payment card numbers",
    "iban": "bank account numbers",
    "key": "possible secret keys",
}


class AdviceView(View):
    """Its keys are `advice N` and `personal KIND`."""

    NAME = "advice"
    TITLE = "Advice"
    JOB = "scan"
    DOING = "Scanning every row"

    def rows(self) -> Sequence[ListRow]:
        scan = self.bench.scan or {}
        advice = [
            text_row(f"advice {at}", finding(one, one["message"]), selectable=True)
            for at, one in enumerate(self._advice)
        ]
        nothing = [text_row("nothing", Content.assemble(("✓ ", "$ok"), "No advice on these rows."))]
        return [*(advice or nothing), *_personal(scan), *_languages(scan), *_lengths(scan)]

    @property
    def _advice(self) -> Sequence[dict[str, str]]:
        scan = self.bench.scan
        return advice_for(self.bench.objective, scan["shape"], scan["advice"]) if scan else ()

    def detail(self, key: str) -> Content:
        kind, _, name = key.partition(" ")
        scan = self.bench.scan or {}
        if kind == "advice" and name.isdecimal() and int(name) < len(self._advice):
            return Content(clean(self._advice[int(name)]["message"], newlines=True))
        if kind == "personal" and name in (scan.get("personal") or {}):
            rows = ", ".join(f"{row:,}" for row in scan["personal"][name]["rows"][:20])
            return Content.assemble(f"rows {rows}", ("\nEnter goes to the first of them", "$faint"))
        return Content("")

    @property
    def target(self) -> Target | None:
        kind, _, name = self.current.partition(" ")
        found = (self.bench.scan or {}).get("personal", {}).get(name) if kind == "personal" else None
        return Target(found["rows"][0], "") if found and found["rows"] else None


def _personal(scan: Mapping[str, Any]) -> list[ListRow]:
    found = {kind: one for kind, one in (scan.get("personal") or {}).items() if one["count"]}
    if not found:
        return []
    rows = [
        text_row(
            f"personal {kind}",
            Content.assemble(("⚠ ", "$warn"), _PERSONAL.get(kind, clean(kind)), (f"  {one['count']:,}", "$faint")),
            selectable=True,
        )
        for kind, one in found.items()
    ]
    return [heading("possible personal data"), *rows]


def _languages(scan: Mapping[str, Any]) -> list[ListRow]:
    found = scan.get("languages") or {}
    if not found:
        return []
    most = sorted(found.items(), key=lambda one: -one[1])[:_LANGUAGES]
    figures = [labelled(clean(code), percent_text(share)) for code, share in most]
    return [heading("languages"), text_row("languages", joined(figures))]


def _lengths(scan: Mapping[str, Any]) -> list[ListRow]:
    found = scan.get("characters") or {}
    if not found.get("counts"):
        return []
    longest = f"longest {found['longest']:,} (row {found['longest_row']})"
    said = f"characters per row · median {found['median']:,} · {longest}"
    return [heading(said), *histogram(found["edges"], found["counts"], _BINS)]
