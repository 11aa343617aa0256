"""The rows as tokens: lengths with the line where they are cut, figures, verdicts, rows that lose all labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from tuitune.planning.forecast.expected_steps import expected_steps
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, show_value
from tuitune.text import clean
from tuitune.tui.widgets.bars import joined, labelled
from tuitune.tui.widgets.row_list import ListRow, text_row
from tuitune.tui.workbench.bench import Target
from tuitune.tui.workbench.histogram import histogram
from tuitune.tui.workbench.view import View, finding, heading
from tuitune.units import count_text, percent_text

_BINS, _TALL_BINS = 8, 16


class TokensView(View):
    """Its keys are `verdict N` and `lost N`, places in the report."""

    NAME = "tokens"
    TITLE = "Tokens"
    JOB = "tokens"
    DOING = "Tokenizing every row as training will"

    def show(self, *, cursor: str | None = None) -> None:
        super().show(cursor=cursor)
        self.set_title(self.TITLE, self.bench.recipe.model.id)

    def rows(self) -> Sequence[ListRow]:
        report = self.job.result
        if report is None:
            return []
        lengths, bins = report["lengths"], _TALL_BINS if self.size.height > 34 else _BINS
        return [
            *(text_row(f"error {at}", finding({"level": "error"}, text)) for at, text in enumerate(report["errors"])),
            *(text_row(f"figures {at}", line) for at, line in enumerate(_figures(report, self.bench.recipe))),
            heading("tokens per row"),
            *histogram(lengths["edges"], lengths["counts"], bins, report["max_length"]),
            heading("verdicts"),
            *(self._verdict(at, one) for at, one in sorted(enumerate(report["verdicts"]), key=_worst_first)),
            *self._lost(report),
        ]

    def _verdict(self, at: int, one: Mapping[str, Any]) -> ListRow:
        fix = _fix_words(one.get("fix") or {})
        line = finding(one, one["text"], f"x {fix}" if fix else "")
        return text_row(f"verdict {at}", line, selectable=True)

    def _lost(self, report: Mapping[str, Any]) -> list[ListRow]:
        if not report["lost_count"]:
            return []
        more = f", the first {len(report['lost']):,} here" if report["lost_count"] > len(report["lost"]) else ""
        rows = [
            text_row(
                f"lost {at}",
                Content.assemble(("✗ ", "$bad"), clean(one["place"]), "  ", (clean(one["why"], limit=300), "$faint")),
                selectable=True,
            )
            for at, one in enumerate(report["lost"])
        ]
        return [heading(f"rows without labels: {report['lost_count']:,}{more}"), *rows]

    def detail(self, key: str) -> Content:
        one = self._entry(key)
        if one is None:
            return Content("")
        if key.startswith("lost"):
            return Content.assemble(clean(one["why"]), "\n", ("Enter shows its tokens · x drops it", "$faint"))
        fix = _fix_words(one.get("fix") or {})
        return Content.assemble(clean(one["text"]), *(("\n", ("x", "bold $accent"), f" {fix}") if fix else ()))

    @property
    def target(self) -> Target | None:
        one = self._entry(self.current)
        if one is not None and self.current.startswith("lost"):
            marks = {odd["row"]: odd["mark"] for odd in self.odd}
            return Target(one["row"], one.get("mark") or marks.get(one["row"], ""))
        return None

    @property
    def fix(self) -> dict[str, Any] | None:
        one = self._entry(self.current)
        return dict(one["fix"]) if one is not None and one.get("fix") else None

    @property
    def odd(self) -> Sequence[Mapping[str, Any]]:
        """The rows the report found odd."""
        return list((self.job.result or {}).get("odd", ()))

    def _entry(self, key: str) -> Mapping[str, Any] | None:
        kind, _, place = key.partition(" ")
        entries = (self.job.result or {}).get({"lost": "lost", "verdict": "verdicts"}.get(kind, ""), ())
        return entries[int(place)] if place.isdecimal() and int(place) < len(entries) else None


def _figures(report: Mapping[str, Any], recipe: Recipe) -> list[Content]:
    held_out = f"{report['held_out']:,} held out"
    learned = "of prompts" if report.get("asked") else f"{percent_text(report['trained_share'])} trained"
    cut = report["cut"]
    steps = expected_steps(recipe, report["rows"], packed=report["packed_rows"])
    return [
        joined([labelled("rows", f"{report['rows']:,}"), held_out, f"longest {report['longest']:,} tokens"]),
        joined([labelled("tokens", count_text(report["tokens"])), learned]),
        joined(
            [
                labelled("cut", f"{cut:,} longer than {report['max_length']:,}" if cut else "none"),
                f"packed into {report['packed_rows']:,}, {percent_text(report['fill'])} full"
                if report.get("fill") is not None
                else None,
                steps.phrase if steps else None,
            ]
        ),
    ]


def _fix_words(fix: Mapping[str, Any]) -> str:
    if "data.exclude" in fix:
        return "drops them"
    sets = ", ".join(f"{key} = {show_value(setting(key), value)}" for key, value in fix.items())
    return f"sets {sets}" if sets else ""


def _worst_first(verdict: tuple[int, Mapping[str, Any]]) -> int:
    return ("error", "warning", "ok").index(verdict[1]["level"])
