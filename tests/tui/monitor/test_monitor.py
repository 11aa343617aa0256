"""The monitor: every state of a run, live and ended, at every size; its keys; what it must not do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyte
import pytest
from rich.cells import cell_len
from textual.events import MouseScrollDown, MouseScrollUp

from tests.tui.conftest import MakeRun, until
from tests.tui.monitor.monitor_support import LIVE, answer, append_steps, asked_of, metric, sample, screen, shows, text
from tests.tui.payloads import PAYLOADS, assert_inert, assert_literal, shot_of
from tuitune.cli import main
from tuitune.metrics import Metric
from tuitune.objectives import METRICS, TRAINED, charted
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.journal import JournalWriter
from tuitune.text import clean
from tuitune.tui.app import TuituneApp
from tuitune.tui.charts.chart import Chart
from tuitune.tui.monitor.run_header import header_lines
from tuitune.tui.monitor.run_panes import NUMBERED
from tuitune.tui.monitor.run_status import Moment
from tuitune.tui.monitor.screen import MonitorScreen
from tuitune.tui.widgets.dialogs import Confirm, TextView
from tuitune.tui.widgets.pane import Pane

SIZES = [(80, 24), (120, 36), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_that_trains(make_run: MakeRun, size: tuple[int, int]) -> None:
    run = make_run("triage", state="training", steps=40, total=400)
    async with TuituneApp(run).run_test(size=size) as pilot:
        shown = await shows(pilot, "● training", "triage", "40 / 400", "10 %", "ETA", "loss")
        assert ("gradient norm" in shown) == (size[0] > 80)
        assert "S stop & save" in shown


@pytest.mark.parametrize("size", SIZES)
async def test_a_finished_run_says_what_came_of_it(make_run: MakeRun, size: tuple[int, int]) -> None:
    run = make_run("triage")
    run.adapter.mkdir()
    (run.adapter / "adapter_config.json").write_text("{}")
    with JournalWriter(run.metrics_file) as metrics:
        for label, loss, perplexity in (("base", 3.6, 36.6), ("tuned", 0.3, 1.35)):
            metrics.append(
                kind="eval", step=0, epoch=0, loss=loss, perplexity=perplexity, tokens=9, rows=3, seconds=1, label=label
            )
        metrics.append(kind="answers", step=0, label="base", rows=50, exact=0.0, valid_json=0.02)
        metrics.append(kind="answers", step=20, label="tuned", rows=50, exact=0.88, valid_json=1.0)
    async with TuituneApp(run).run_test(size=size) as pilot:
        shown = await shows(pilot, "✓ finished", "36.6 → 1.35", "2 % → 100 %", "0 % → 88 %", "b eval 0.3000")
        assert "u shows how to use it" in shown and str(run.adapter)[:40] in shown


@pytest.mark.parametrize("losses", [(1.2, 1.3, 1.4), (1.2, 1.3, 1.25)], ids=["rises", "to and fro"])
async def test_a_held_out_loss_that_rises_is_told_on_a_small_screen(
    make_run: MakeRun, losses: tuple[float, ...]
) -> None:
    run, rises = make_run("triage", state="training", steps=30, total=60), losses[-1] == max(losses)
    with JournalWriter(run.metrics_file) as metrics:
        for number, loss in enumerate(losses, start=1):
            metrics.append(kind="eval", step=10 * number, epoch=number, loss=loss, perplexity=9, rows=3, label="during")
        if rises:
            message = f"the held-out loss {'has risen ' * 8}while the training loss falls: stop, with fewer epochs"
            metrics.append(kind="alert", id="overfitting", level="warning", message=message, step=30)
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        shown = await shows(pilot, f"b eval {losses[-1]:.4f}", "★ 1.2000")
        assert ("rising" in shown) == ("alert" in shown) == rises
        assert shown.count("◆") == 2
        await pilot.press("7")
        await until(pilot, lambda: ("with fewer epochs" in text(pilot)) == rises and "supervisor" in text(pilot))


@pytest.mark.parametrize(("state", "words"), [("failed", "failed"), ("crashed", "crashed"), ("stopped", "stopped")])
async def test_an_end_that_was_not_the_plan_gives_its_reason_whole(make_run: MakeRun, state: str, words: str) -> None:
    reason = "out of memory: " + " ".join(f"word{number}" for number in range(30)) + " the end of it"
    run = make_run("triage", state=state, reason=reason)
    run.log_file.write_text("Traceback\n  it went wrong here\n")
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        ways = "press a to edit its recipe" if state == "failed" else "press r to resume"
        shown = await shows(pilot, words, "killed" if state == "crashed" else "the end of it", ways)
        assert ("it went wrong here" in shown) == (state != "stopped")


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_that_starts_says_what_it_is_at(make_run: MakeRun, size: tuple[int, int]) -> None:
    run = make_run("triage", state="starting", steps=0)
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(
            kind="phase", phase="downloading", text="downloading model.safetensors", done=340, total=1000, unit="bytes"
        )
    async with TuituneApp(run).run_test(size=size) as pilot:
        await shows(pilot, "◐ starting", "downloading model.safetensors", "34 %", "elapsed", "no steps yet")
        assert size[0] == 80 or "340 B of 1.0 kB" in text(pilot)


async def test_a_queued_run_and_one_without_a_plan_yet(make_run: MakeRun) -> None:
    async with TuituneApp(make_run("waits", state="queued", steps=0)).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "waits", "queued", "waiting", "no samples yet")


async def test_damaged_runs_are_shown(make_run: MakeRun) -> None:
    run = make_run("odd", state="failed", steps=0, reason="")
    run.recipe_file.unlink()
    run.log_file.unlink()
    junk = [
        "not json", "[]", '{"kind": "step", "step": "x", "loss": {}}', '{"kind": "eval", "step": [], "loss": "high"}',
        '{"kind": 7}',
        '{"kind": "phase", "phase": 3, "text": null}', '{"kind": "answers", "label": [], "exact": "all"}',
        '{"kind": "alert"}',
        '{"kind": "checkpoint", "bytes": "many"}', '{"kind": "plan", "total_steps": -3}',
        '{"kind": "step", "step": 1e300, "loss": 1e308}',
    ]  # fmt: skip
    run.metrics_file.write_text("\n".join(junk) + "\n")
    run.samples_file.write_text(
        '{"step": "x"}\n{"index": 1}\nnull\n{"step": 1, "index": 0, "prompt": 3, "answer": []}\n'
    )
    with run.events_file.open("a") as events:
        events.write('{"event": 5, "time": "later"}\n{"event": "exited", "code": "no"}\n')
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "odd", "failed", "the log is empty")
        await pilot.press("t")
        await shows(pilot, "the recipe cannot be read")


async def test_it_follows_a_run_and_rings_once_at_its_end(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(TuituneApp, "bell", lambda _: rung.append(True))
    run = make_run("triage", state="training", steps=5, total=30)
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "5 / 30")
        append_steps(run, 6, 12)
        await shows(pilot, "12 / 30", "1.00")
        with JournalWriter(run.events_file) as events:
            events.append(event="ended", state="finished", reason="")
        await shows(pilot, "✓ finished")
        await until(pilot, lambda: rung)
        append_steps(run, 13, 14)
        await pilot.pause()
        assert rung == [True]


async def test_what_the_engine_does_between_steps_is_told(make_run: MakeRun) -> None:
    run = make_run("triage", state="training", steps=5, total=30, phase="loading")
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "5 / 30")
        with JournalWriter(run.metrics_file) as metrics:
            metrics.append(kind="phase", phase="evaluating", text="measuring the loss", done=None, total=None, unit="")
        await shows(pilot, "measuring the loss")
        append_steps(run, 6, 6)
        await until(pilot, lambda: "measuring the loss" not in text(pilot))


async def test_stop_asks_first_then_shows_it_at_once(make_run: MakeRun) -> None:
    run = make_run("triage", state="training", steps=5, total=30)
    async with TuituneApp(run).run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "● training")
        await pilot.press("S")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert asked_of(run) == []
        await pilot.press("y")
        await shows(pilot, "stop requested …")
        assert asked_of(run) == ["stop"]
        answer(run, "stop-requested")
        await shows(pilot, "◑ stopping", "saves its adapter at the next step")
        assert "requested …" not in text(pilot)
        await until(pilot, lambda: not screen(pilot).control.busy)
        await pilot.press("S")
        await shows(pilot, "is already stopping")


async def test_keys_that_do_nothing_say_why(make_run: MakeRun) -> None:
    async with TuituneApp(make_run("triage", steps=0)).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "✓ finished")
        for key, reason in (("S", "has already ended"), ("y", "nothing on the charts"), ("p", "no samples yet")):
            await pilot.press(key)
            await shows(pilot, reason)


async def test_zoom_pan_follow_and_fit_move_all_charts(make_run: MakeRun) -> None:
    async with TuituneApp(make_run("triage", steps=400)).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "400 / 400")
        charts = list(screen(pilot).query(Chart))
        await until(pilot, lambda: all(chart.drawn for chart in charts))

        def windows() -> set[tuple[float, float]]:
            return {(chart.window.low, chart.window.high) for chart in charts if chart.window}

        assert windows() == {(0, 400)}
        await pilot.press("plus")
        assert windows() == {(200, 400)}
        await pilot.press("H")
        assert windows() == {(150, 350)}
        assert "not following" in text(pilot)
        await pilot.press("f")
        assert windows() == {(200, 400)}
        await pilot.press("minus", "minus")
        assert windows() == {(0, 400)}
        await pilot.press("plus", "0")
        assert windows() == {(0, 400)}


async def test_the_y_range_of_a_run_at_rest_fits_again_after_panning(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("tuitune.tui.charts.chart.monotonic", lambda: now)
    async with TuituneApp(make_run("triage", steps=400)).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "400 / 400")
        await pilot.press("plus")
        loss = screen(pilot).panes.charts.charts["loss"]
        await until(pilot, lambda: loss.drawn)
        close = [row.text for row in loss._rows]
        await pilot.press("H", "H", "H", "H", "L", "L", "L", "L")
        assert [row.text for row in loss._rows] != close, "it holds still at first"
        now += 11
        screen(pilot).look_again()
        await until(pilot, lambda: [row.text for row in loss._rows] == close)


async def test_axes_log_smoothing_and_marks(make_run: MakeRun) -> None:
    async with TuituneApp(make_run("triage", steps=50)).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "50 / 50", "EMA 0.6")
        for keys, shown in (("x", "by tokens"), ("x", "by time"), ("y", "log"), ("s", "EMA 0.9"), ("s", "EMA 0.98")):
            await pilot.press(keys)
            await shows(pilot, shown)
        await pilot.press("s", "m")
        await until(pilot, lambda: "EMA" not in text(pilot) and "┊" in text(pilot))


async def test_panes_by_number_tab_and_zoom(make_run: MakeRun) -> None:
    async with TuituneApp(make_run("triage")).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "✓ finished")

        def shown() -> list[str]:
            return [name for name in NUMBERED if screen(pilot).query_one(f"#{name}", Pane).display]

        assert shown() == list(NUMBERED)
        await pilot.press("6", "z")
        assert shown() == ["samples"]
        await pilot.press("tab")
        assert shown() == ["log"]
        await pilot.press("escape")
        assert shown() == list(NUMBERED)
        assert isinstance(pilot.app.screen, MonitorScreen)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: shown() == ["loss", "log"])
        for number, name in enumerate(NUMBERED[1:], start=2):
            await pilot.press(str(number))
            assert shown() == ["loss", name]
        await pilot.press("tab")
        assert shown()[0] == "loss"


async def test_samples_walk_through_steps_and_prompts(make_run: MakeRun) -> None:
    run = make_run("triage")
    sample(run, 0, "first words", label="base")
    sample(run, 5, "second words")
    sample(run, 9, "third words", label="tuned")
    sample(run, 9, "other answer", index=1, prompt="another question", label="tuned")
    async with TuituneApp(run).run_test(size=(200, 60)) as pilot:
        await shows(
            pilot,
            "a question",
            "base model",
            "first words",
            "step 9 · tuned",
            "third words",
            "prompt 1/2 · answer 3/3",
        )
        await pilot.press("left_square_bracket")
        await shows(pilot, "second words", "answer 2/3")
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "second words" not in text(pilot))
        await pilot.press("right_square_bracket", "right_square_bracket")
        await shows(pilot, "third words")
        await pilot.press("p")
        await shows(pilot, "another question", "other answer", "prompt 2/2")


async def test_of_a_sample_as_much_is_seen_as_there_is_room(make_run: MakeRun) -> None:
    run = make_run("triage", steps=0)
    prompt, before = ("\n".join(f"{word}{number:02}" for number in range(17)) for word in ("ask", "old"))
    sample(run, 0, before.replace("\n", " "), label="base", prompt=prompt.replace("\n", " "))
    sample(run, 9, " ".join(f"new{number:02}" for number in range(17)), label="tuned", prompt=prompt.replace("\n", " "))
    async with TuituneApp(run).run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await shows(pilot, "base model", "ask16", "old16", "new16")
        lines = text(pilot).splitlines()
        texts = [line for line in lines if any(word in line for word in ("ask", "old", "new"))]
        assert len(texts) == 6 and all(line[18] == " " for line in texts)
        assert not screen(pilot).panes.samples.show_vertical_scrollbar


async def test_the_recipe_and_the_path(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    run = make_run("triage")
    async with TuituneApp(run).run_test(size=(120, 36), notifications=True) as pilot:
        await shows(pilot, "✓ finished")
        await pilot.press("c")
        await until(pilot, lambda: pilot.app.clipboard == str(run.path))
        await shows(pilot, "OSC 52")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextView))
        await shows(pilot, "recipe.toml", "[data]")
        await pilot.press("escape", "u")
        await shows(pilot, "has no result to use yet")
        run.adapter.mkdir()
        (run.adapter / "adapter_config.json").write_text("{}")
        await pilot.press("u")
        await shows(pilot, "PeftModel.from_pretrained(base, folder)")
        await until(pilot, lambda: f"folder = '{run.adapter}'\n" in pilot.app.clipboard)


async def test_the_log_is_a_window_on_its_file(make_run: MakeRun) -> None:
    run = make_run("triage")
    run.log_file.write_text(
        "".join(f"line {number}\n" for number in range(200_000)) + "\x1b[31mred\x1b[0m\n50%\r100%\n"
    )
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        shown = await shows(pilot, "line 199999", "red", "100%")
        assert "50%" not in shown
        await pilot.press("7", "pageup", "pageup")
        await until(pilot, lambda: "line 199999" not in text(pilot))
        await pilot.press("home")
        await shows(pilot, "line 0\n", "line 1\n")
        await pilot.press("down")
        await until(pilot, lambda: "line 0\n" not in text(pilot))
        await pilot.press("end")
        await shows(pilot, "line 199999")


async def test_the_mouse_turns_the_log_zooms_charts_and_panes(make_run: MakeRun) -> None:
    run = make_run("triage", steps=400)
    run.log_file.write_text("".join(f"line {number}\n" for number in range(1000)))
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "line 999", "400 / 400")
        panes = screen(pilot).panes
        for _ in range(4):
            panes.log_view.post_message(wheel(MouseScrollUp, panes.log_view))
        await until(pilot, lambda: "line 999" not in text(pilot))
        for _ in range(4):
            panes.log_view.post_message(wheel(MouseScrollDown, panes.log_view))
        await shows(pilot, "line 999")
        loss = panes.charts.charts["loss"]
        await until(pilot, lambda: loss.drawn)
        loss.post_message(wheel(MouseScrollUp, loss))
        await until(pilot, lambda: loss.window is not None and loss.window.low == 200)
        await pilot.click("#grad_norm", offset=(5, 0))
        assert pilot.app.focused is panes.charts.charts["grad_norm"] and not panes.zoomed
        await pilot.click("#samples", times=2)
        assert panes.zoomed and panes.panes["samples"].display and not panes.panes["loss"].display


def wheel(kind: Any, widget: Any) -> Any:
    return kind(widget, 3, 3, 0, 0, 0, False, False, False)


async def test_a_journal_that_was_cut_short_is_read_anew(make_run: MakeRun) -> None:
    run = make_run("triage", state="training", steps=50, total=100)
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "50 / 100")
        whole = run.metrics_file.read_bytes().splitlines(keepends=True)
        run.metrics_file.write_bytes(b"".join(whole[:11]))
        await shows(pilot, "10 / 100")
        chart = screen(pilot).query_one("#chart-loss", Chart)
        await until(pilot, lambda: len(chart.plot.lines[0].values) == 10)


@pytest.mark.parametrize(
    "start", [0, *(pytest.param(start, marks=pytest.mark.slow) for start in (12, 24)), 36], ids=str
)
async def test_foreign_text_is_inert_everywhere(make_run: MakeRun, start: int) -> None:
    payloads = list(PAYLOADS.values())[start : start + 12]
    run = make_run("triage", state="failed", reason=payloads[0])
    with JournalWriter(run.metrics_file) as metrics:
        for payload in payloads:
            metrics.append(kind="phase", phase=payload, text=payload, done=None, total=None, unit=payload)
            metrics.append(kind="alert", id=payload, level="warning", message=payload, step=3)
    for index, payload in enumerate(payloads):
        sample(run, 0, "before", index=index, prompt=payload, label="base")
        sample(run, 5, payload, index=index, prompt=payload)
    run.log_file.write_bytes("".join(f"{payload}\n" for payload in payloads).encode("utf-8", "surrogatepass"))
    async with TuituneApp(run).run_test(size=(200, 60)) as pilot:
        await shows(pilot, "✗ failed", "base model")
        assert_inert(shot_of(pilot.app))
        await pilot.press("6", "z")
        for number, payload in enumerate(payloads, start=1):
            await shows(pilot, f"prompt {number}/{len(payloads)}")
            shot = shot_of(pilot.app)
            assert_inert(shot)
            assert_literal(shot, payload.encode("utf-8", "replace").decode())
            assert all(sum(cell_len(segment.text) for segment in line) == 200 for line in shot.lines)
            await pilot.press("p")
        await pilot.press("7")
        await pilot.pause()
        assert_inert(shot_of(pilot.app))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_foreign_text_is_inert_in_the_header(make_run: MakeRun, payload: str) -> None:
    for state, phase in (("failed", ""), ("starting", payload)):
        run = make_run("triage", state=state, steps=0, reason=payload, phase=phase)
        view = RunView(run)
        view.refresh()
        lines = header_lines(view, 78, Moment(1e9))
        whole = "".join(line.plain for line in lines)
        assert clean(payload.encode("utf-8", "replace").decode())[:8] in whole
        assert clean(whole) == whole


async def test_partial_refreshes_leave_the_screen_that_a_full_one_would(make_run: MakeRun, tmp_path: object) -> None:
    """What reached the terminal piece by piece, read by a terminal emulator, is what a repaint from nothing shows."""
    run = make_run("triage", state="training", steps=30, total=100)
    async with TuituneApp(run).run_test(size=(100, 30)) as pilot:
        app = pilot.app
        await shows(pilot, "30 / 100")
        terminal = pyte.Screen(100, 30)
        stream = pyte.Stream(terminal)
        stream.feed(shot_of(app).output)
        display = app._display
        written: list[str] = []

        def watching(shown: Any, renderable: Any) -> None:
            written.append(painted(app, renderable))
            stream.feed(written[-1])
            display(shown, renderable)

        app._display = watching  # type: ignore[method-assign]
        for end in (31, 33, 38, 46, 60):
            append_steps(run, end - 1, end, loss=2.0 + end / 10)
            screen(pilot).view.refresh()
            await screen(pilot).read()
            await pilot.pause()
        await pilot.press("plus", "H", "y")
        await pilot.pause()
        repaint = pyte.Screen(100, 30)
        pyte.Stream(repaint).feed(shot_of(app).output)
        assert terminal.display == repaint.display
        assert any(0 < len(update) < len(shot_of(app).output) / 4 for update in written)


def painted(app: TuituneApp, renderable: Any) -> str:
    """What a compositor's update writes to the terminal."""
    if hasattr(renderable, "render_segments"):
        return str(renderable.render_segments(app.console))
    return ""


async def test_a_metric_of_an_objective_shows_in_its_runs_alone(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    margin = Metric("rewards/margin", "margin", "", "margin", "share", better="higher", pane="right", held_out=True)
    monkeypatch.setitem(METRICS, margin.key, margin)
    monkeypatch.setitem(TRAINED, "sft", replace(TRAINED["sft"], metrics=(margin,)))
    monkeypatch.setitem(TRAINED, "other", replace(TRAINED["sft"], metrics=(Metric("reward", "reward", ""),)))
    run = make_run("preferring", **LIVE)
    append_steps(run, 6, 9, **{margin.key: 0.25})
    for place, value in enumerate((0.5, 0.4, 0.3)):
        metric(run, "eval", step=7 + place, loss=2.0, label="during", **{margin.key: value})
    async with TuituneApp(run).run_test(size=(200, 60)) as pilot:
        seen = await shows(pilot, "margin", "a train 25 %", "b eval 30 % falling", "★ 50 %")
        assert "7 events & log" in seen and "reward" not in seen
        await pilot.press("7", "tab", "z")
        assert [pane.id for pane in screen(pilot).query(Pane) if pane.display] == [margin.id]
        await pilot.press("z")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "margin 25 %", "a train 25 %")
    assert main(["plot", run.id, "--metric", margin.key]) == 0
    assert f"{run.name}: margin" in capsys.readouterr().out
    assert main(["plot", run.id, "--metric", "Margin"]) == 0  # another metric has this for its key, and no figure here
    assert f"{run.name}: margin" in capsys.readouterr().out
    assert main(["plot", run.id, "--metric", "rewards"]) == 2
    assert "it has loss, " in (said := capsys.readouterr().err) and "margin" in said and said.count("throughput") == 1


@pytest.mark.parametrize("objective", TRAINED)
async def test_no_title_of_a_chart_is_cut(make_run: MakeRun, objective: str) -> None:
    rewards = {"json": 1, "fields": 1} if TRAINED[objective].generates else {}
    run = make_run("charted", recipe={"objective": {"kind": objective}, "rewards": {"weights": rewards}}, **LIVE)
    append_steps(run, 6, 9, **{one.key: 0.254321 for one in TRAINED[objective].metrics})
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "● training")
        seen = text(pilot)
        for metric in charted(objective, rewards):
            shown = any(f"{name}{end}" in seen for name in (metric.title, metric.short) for end in (" ─", " by", "  "))
            assert shown or metric.pane == "alone", metric.key


async def test_a_run_that_learns_by_rewards_shows_the_reward_first_and_its_other_figures_in_turn(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("rewarded", recipe={"objective": {"kind": "grpo"}, "rewards": {"weights": {"json": 1}}}, **LIVE)
    append_steps(run, 6, 9, **{one.key: 0.254321 for one in TRAINED["grpo"].metrics})
    alone = [metric for metric in charted("grpo") if metric.pane == "alone"]
    assert {"kl", "reward_std", "completions/mean_length", "clip_ratio/region_mean"} <= {one.key for one in alone}
    async with TuituneApp(run).run_test(size=(120, 36)) as pilot:
        seen = await shows(pilot, "1 reward", "groups without spread", "valid JSON")
        assert "loss" not in seen.split("events & log")[0]

        def shown() -> list[str | None]:
            return [pane.id for pane in screen(pilot).query(Pane) if pane.display]

        whole = shown()
        await pilot.press("7", "tab", "tab")
        for metric in alone:
            while shown() != [metric.id]:
                assert len(shown()) == 1 or shown() == whole
                await pilot.press("tab")
            assert f"{metric.title} ─" in text(pilot)
        await pilot.press("escape")
        assert shown() == whole and isinstance(pilot.app.screen, MonitorScreen)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: shown() == ["reward", alone[-1].id])
    assert main(["plot", run.id]) == 0
    assert "rewarded: reward" in capsys.readouterr().out
