"""The forecast beside the form: memory against this machine, trainable parameters, steps, and advice with its fix."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content
from textual.widgets import Static

from tuitune.planning.checks.situation import Advice
from tuitune.recipe.settings import setting, show_value
from tuitune.text import clean
from tuitune.tui.widgets.pane import Pane
from tuitune.units import bytes_text, count_text, percent_text
from tuitune.views.estimate import Estimate

_FILL = "█▓▒░█▓▒░"
_UNKNOWN = "unknown"
_FIT_COLOURS = {"fits": "$ok", "tight": "$warn", "too big": "$bad"}
_FIT_WORDS = {"fits": "yes", "tight": "tight", "too big": "no"}
ADVICE_SIGNS = {"warning": ("⚠", "$warn"), "info": ("i", "$accent")}


class ForecastPane(Pane):
    """The forecast in full."""

    DEFAULT_CSS = "ForecastPane Static { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("Forecast", id=id)
        self._shown: tuple[Estimate, int] | None = None

    def compose(self) -> Iterator[Static]:
        yield Static()

    def show(self, outlook: Estimate, errors: int) -> None:
        """Show what is known; `errors` counts what is wrong with the draft."""
        if (outlook, errors) != self._shown:
            self._shown = (outlook, errors)
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width
        if self._shown is not None and width:
            self.query_one(Static).update(Content("\n").join(forecast_lines(*self._shown, width)))


class ForecastLine(Static):
    """The forecast in two lines, for narrow screens."""

    DEFAULT_CSS = "ForecastLine { height: 2; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"

    def show(self, outlook: Estimate, errors: int) -> None:
        self.update(Content("\n").join(forecast_summary(outlook, errors)))


def forecast_lines(outlook: Estimate, errors: int, width: int) -> list[Content]:
    """Everything known, `width` cells wide."""
    blank = Content("")
    groups = [_machine(outlook, width), _memory(outlook, width), _figures(outlook, width), _advice(outlook, errors)]
    return [line for group in groups if group for line in (*group, blank)]


def forecast_summary(outlook: Estimate, errors: int) -> list[Content]:
    """The two lines that matter most."""
    parts: list[Content] = []
    if outlook.forecast is not None:
        room = f" of {bytes_text(outlook.capacity)} {outlook.place}" if outlook.fit else ""
        parts.append(Content(f"{bytes_text(outlook.forecast.total)}{room}"))
        parts.append(_verdict(outlook))
    if outlook.unknown:
        told = not errors and outlook.advice and _tells_why(outlook.advice[0], outlook)
        parts.append(Content("memory unknown" if told else f"memory unknown: {clean(outlook.unknown)}"))
    else:
        parts.append(Content(f"trains {_trainable(outlook)}"))
    first = Content.styled(" · ", "$faint").join(parts)
    sign = Content("")
    if errors:
        sign = Content.styled(f" · ✗ {_plural(errors, 'error')} in Review", "$bad")
    elif outlook.advice:
        one = outlook.advice[0]
        glyph, colour = ADVICE_SIGNS.get(one.level, ADVICE_SIGNS["info"])
        fix = " [x fixes it]" if one.fix else ""
        sign = Content.assemble((f" · {glyph} ", colour), clean(one.message), (fix, "$accent"))
    return [first, Content(f"effective batch {outlook.effective_batch:,} · {_steps(outlook)}") + sign]


def _machine(outlook: Estimate, width: int) -> list[Content]:
    host = outlook.host
    if not outlook.gpus:
        words = clean(outlook.gpu_reason or "no GPU on this machine")
        return [
            Content.styled(words, "$faint"),
            _pair(f"CPU, {_plural(host.cpu_count, 'core')}", f"RAM {bytes_text(host.memory_total)}", width),
        ]
    return [
        _pair(
            f"GPU {gpu.index} {clean(gpu.name)}",
            f"{bytes_text(gpu.memory_total)} free {bytes_text(gpu.memory_free)}",
            width,
        )
        for gpu in outlook.gpus[:4]
    ]


def _memory(outlook: Estimate, width: int) -> list[Content]:
    if outlook.forecast is None:
        reason = outlook.unknown or "tuitune has no memory forecast for this architecture yet"
        told = any(_tells_why(one, outlook) for one in outlook.advice)
        return [_pair("memory", _UNKNOWN, width), *([] if told else [Content.styled(clean(reason), "$faint")])]
    parts = {name: size for name, size in outlook.forecast.parts.items() if size}
    lines = [_bar(list(parts.values()), outlook.capacity or outlook.forecast.total, width)]
    for place, (name, size) in enumerate(parts.items()):
        mark = Content.styled(_FILL[place % len(_FILL)], f"$chart-{place % 8 + 1}")
        lines.append(mark + _pair(f" {name}", bytes_text(size), width - 1))
    lines.append(_pair("total", f"{bytes_text(outlook.forecast.total)}", width, "bold"))
    if outlook.fit is None:
        return [*lines, _verdict(outlook) + Content.styled(clean(f", {outlook.gpu_reason}"), "$faint")]
    lines.append(_pair(f"{outlook.place} available", bytes_text(outlook.capacity), width))
    return [*lines, _fit(outlook)]


def _tells_why(one: Advice, outlook: Estimate) -> bool:
    """Whether a piece of advice gives the reason why nothing is known of the model: it is said once."""
    return one.id == "download" and bool(outlook.not_told)


def _bar(sizes: list[int], capacity: int, width: int) -> Content:
    scale = width / max(capacity, sum(sizes), 1)
    parts, end, drawn = [], 0.0, 0
    for place, size in enumerate(sizes):
        end += size * scale
        cells = max(0, round(end) - drawn)
        parts.append((_FILL[place % len(_FILL)] * cells, f"$chart-{place % 8 + 1}"))
        drawn += cells
    return Content.assemble(*parts, ("·" * (width - drawn), "$faint"))


def _verdict(outlook: Estimate) -> Content:
    fit = outlook.fit
    if fit is None:
        return Content("fits: unknown")
    state = fit.state if fit.state != "no gpu" else "fits" if (fit.share or 0) <= 1 else "too big"
    return Content.assemble("fits: ", (_FIT_WORDS[state], f"{_FIT_COLOURS[state]} bold"))


def _fit(outlook: Estimate) -> Content:
    where = "" if outlook.gpus else " in RAM, no GPU here"
    return _verdict(outlook) + Content.styled(where, "$faint")


def _figures(outlook: Estimate, width: int) -> list[Content]:
    tokens = outlook.effective_batch * outlook.recipe.data.max_length
    return [
        _pair("trainable", _trainable(outlook), width),
        _pair("rows", "not counted" if outlook.rows is None else f"{outlook.rows:,}", width),
        _pair("effective batch", f"{outlook.effective_batch:,}", width),
        _pair("steps", outlook.steps.text if outlook.steps else "unknown until the rows are counted", width),
        _pair("tokens per step", f"up to {tokens:,}", width),
    ]


def _advice(outlook: Estimate, errors: int) -> list[Content]:
    lines = []
    if errors:
        lines.append(Content.styled(f"✗ {_plural(errors, 'error')}: see Review", "$bad"))
    fixable = True
    for one in outlook.advice:
        glyph, colour = ADVICE_SIGNS.get(one.level, ADVICE_SIGNS["info"])
        lines.append(Content.assemble((f"{glyph} ", colour), clean(one.message)))
        if one.fix and fixable:
            lines.append(Content.styled(f"  x: {_fix_words(one.fix)}", "$accent"))
            fixable = False
    return lines


def _fix_words(fix: dict[str, object]) -> str:
    return clean(", ".join(f"{key} {show_value(setting(key), value)}" for key, value in fix.items()))


def _trainable(outlook: Estimate) -> str:
    if outlook.trainable is None or not outlook.total:
        return _UNKNOWN
    share = percent_text(outlook.trainable / outlook.total)
    return f"{count_text(outlook.trainable)} of {count_text(outlook.total)} ({share})"


def _steps(outlook: Estimate) -> str:
    steps = outlook.steps
    if steps is None:
        return "steps unknown until the rows are counted"
    return steps.phrase


def _pair(name: str, figure: str, width: int, style: str = "") -> Content:
    left = Content(name).truncate(max(1, width - len(figure) - 1), ellipsis=True, pad=True)
    return Content.assemble((left.plain, style or "$faint"), " ", (figure, style))


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
