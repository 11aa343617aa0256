"""The forecast beside the form: memory against this machine, trainable parameters, steps, and advice with its fix."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content
from textual.widgets import Static

from tuitune.planning.checks.situation import Advice
from tuitune.recipe.settings import setting, show_value
from tuitune.text import clean
from tuitune.tui.widgets.pane import Pane
from tuitune.units import bytes_text, count_text, counted, percent_text
from tuitune.views.estimate import Estimate

_FILL = "█▓▒░█▓▒░"
_UNKNOWN = "unknown"
_FITS = {"fits": ("yes", "$ok bold"), "tight": ("tight", "$warn bold"), "too big": ("no", "$bad bold")}
ADVICE_SIGNS = {"warning": ("⚠", "$warn"), "info": ("i", "$accent")}


class ForecastPane(Pane):
    """The forecast in full."""

    DEFAULT_CSS = "ForecastPane Static { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("Forecast", id=id)
        self._shown: tuple[Estimate, int] | None = None

    def compose(self) -> Iterator[Static]:
        yield Static()

    def show(self, estimate: Estimate, errors: int) -> None:
        """Show what is known; `errors` counts what is wrong with the draft."""
        if (estimate, errors) != self._shown:
            self._shown = (estimate, errors)
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

    def show(self, estimate: Estimate, errors: int) -> None:
        self.update(Content("\n").join(forecast_summary(estimate, errors)))


def forecast_lines(estimate: Estimate, errors: int, width: int) -> list[Content]:
    """Everything known, `width` cells wide."""
    blank = Content("")
    groups = [_machine(estimate, width), _memory(estimate, width), _figures(estimate, width), _advice(estimate, errors)]
    return [line for group in groups if group for line in (*group, blank)]


def forecast_summary(estimate: Estimate, errors: int) -> list[Content]:
    """The two lines that matter most."""
    parts: list[Content] = []
    if estimate.forecast is not None:
        room = f" of {bytes_text(estimate.capacity)} {estimate.place}" if estimate.fit else ""
        parts.append(Content(f"{bytes_text(estimate.forecast.total)}{room}"))
        parts.append(_verdict(estimate))
    if estimate.model_unknown:
        told = not errors and estimate.advice and _tells_why(estimate.advice[0], estimate)
        parts.append(Content("memory unknown" if told else f"memory unknown: {clean(estimate.model_unknown)}"))
    else:
        parts += [Content(f"memory not known for {estimate.unforecast}")] if estimate.unforecast else []
        parts.append(Content(f"trains {_trainable(estimate)}"))
    steps = estimate.steps.phrase if estimate.steps else "steps unknown until the rows are counted"
    second = Content(f"effective batch {estimate.effective_batch:,} · {steps}")
    if errors:
        second += Content.styled(f" · ✗ {counted(errors, 'error')} in Review", "$bad")
    elif estimate.advice:
        one = estimate.advice[0]
        sign, colour = ADVICE_SIGNS[one.level]
        fix = " [x fixes it]" if one.fix else ""
        second += Content.assemble((f" · {sign} ", colour), clean(one.message), (fix, "$accent"))
    return [Content.styled(" · ", "$faint").join(parts), second]


def _machine(estimate: Estimate, width: int) -> list[Content]:
    if not estimate.gpus:
        host = estimate.host
        words = clean(estimate.gpu_reason or "no GPU on this machine")
        return [
            Content.styled(words, "$faint"),
            _pair(f"CPU, {counted(host.cpu_count, 'core')}", f"RAM {bytes_text(host.memory_total)}", width),
        ]
    return [
        _pair(
            f"GPU {gpu.index} {clean(gpu.name)}",
            f"{bytes_text(gpu.memory_total)} free {bytes_text(gpu.memory_free)}",
            width,
        )
        for gpu in estimate.gpus[:4]
    ]


def _memory(estimate: Estimate, width: int) -> list[Content]:
    if estimate.forecast is None:
        reason = estimate.model_unknown or f"tuitune has no memory forecast for {estimate.unforecast} yet"
        told = any(_tells_why(one, estimate) for one in estimate.advice)
        return [_pair("memory", _UNKNOWN, width), *([] if told else [Content.styled(clean(reason), "$faint")])]
    parts = {name: size for name, size in estimate.forecast.parts.items() if size}
    lines = [_bar(list(parts.values()), estimate.capacity or estimate.forecast.total, width)]
    for place, (name, size) in enumerate(parts.items()):
        mark = Content.styled(_FILL[place % len(_FILL)], f"$chart-{place % 8 + 1}")
        lines.append(mark + _pair(f" {name}", bytes_text(size), width - 1))
    lines.append(_pair("total", bytes_text(estimate.forecast.total), width, "bold"))
    if estimate.fit is None:
        return [*lines, _verdict(estimate) + Content.styled(clean(f", {estimate.gpu_reason}"), "$faint")]
    where = "" if estimate.gpus else " in RAM, no GPU here"
    available = _pair(f"{estimate.place} available", bytes_text(estimate.capacity), width)
    return [*lines, available, _verdict(estimate) + Content.styled(where, "$faint")]


def _tells_why(one: Advice, estimate: Estimate) -> bool:
    """Whether a piece of advice gives the reason why nothing is known of the model: it is said once."""
    return one.id == "download" and bool(estimate.unknown)


def _bar(sizes: list[int], capacity: int, width: int) -> Content:
    scale = width / max(capacity, sum(sizes), 1)
    parts, end, drawn = [], 0.0, 0
    for place, size in enumerate(sizes):
        end += size * scale
        cells = max(0, round(end) - drawn)
        parts.append((_FILL[place % len(_FILL)] * cells, f"$chart-{place % 8 + 1}"))
        drawn += cells
    return Content.assemble(*parts, ("·" * (width - drawn), "$faint"))


def _verdict(estimate: Estimate) -> Content:
    fit = estimate.fit
    if fit is None:
        return Content("fits: unknown")
    state = fit.state if fit.state != "no gpu" else "fits" if (fit.share or 0) <= 1 else "too big"
    return Content.assemble("fits: ", _FITS[state])


def _figures(estimate: Estimate, width: int) -> list[Content]:
    recipe = estimate.recipe
    tokens = estimate.effective_batch * recipe.longest * recipe.optimises.sequences
    return [
        _pair("trainable", _trainable(estimate), width),
        _pair("rows", "not counted" if estimate.rows is None else f"{estimate.rows:,}", width),
        _pair("effective batch", f"{estimate.effective_batch:,}", width),
        _pair("steps", estimate.steps.text if estimate.steps else "unknown until the rows are counted", width),
        _pair("tokens per step", f"up to {tokens:,}", width),
    ]


def _advice(estimate: Estimate, errors: int) -> list[Content]:
    lines = [Content.styled(f"✗ {counted(errors, 'error')}: see Review", "$bad")] if errors else []
    first_fix = next((one for one in estimate.advice if one.fix), None)
    for one in estimate.advice:
        lines.append(advice_line(one))
        if one is first_fix and one.fix:
            sets = ", ".join(f"{key} {show_value(setting(key), value)}" for key, value in one.fix.items())
            lines.append(Content.styled(f"  x: {clean(sets)}", "$accent"))
    return lines


def advice_line(one: Advice) -> Content:
    """A piece of advice behind the sign of its level."""
    sign, colour = ADVICE_SIGNS[one.level]
    return Content.assemble((f"{sign} ", colour), clean(one.message))


def _trainable(estimate: Estimate) -> str:
    if estimate.tuner_to_ask:
        return "asking PEFT …"
    if estimate.trainable is None or not estimate.total:
        return _UNKNOWN
    share = percent_text(estimate.trainable / estimate.total)
    return f"{count_text(estimate.trainable)} of {count_text(estimate.total)} ({share})"


def _pair(name: str, figure: str, width: int, style: str = "") -> Content:
    left = Content(name).truncate(max(1, width - len(figure) - 1), ellipsis=True, pad=True)
    return Content.assemble((left.plain, style or "$faint"), " ", (figure, style))
