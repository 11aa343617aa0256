"""Parts of the monitor that know no screen: machine figures, word changes, the log window, sparks, figures in a row."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from tests.tui.payloads import PAYLOADS
from tuitune.hardware.gpus import Gpu, GpuProcess
from tuitune.hardware.host import Host
from tuitune.runs.store.records.samples import Sample
from tuitune.text import clean
from tuitune.tui import clipboard
from tuitune.tui.monitor.gpu_panel import MachineReading, machine_line, machine_lines
from tuitune.tui.monitor.log_view import LogWindow
from tuitune.tui.monitor.metric_strip import spark
from tuitune.tui.monitor.samples import SampleBook, laid_out
from tuitune.tui.widgets.bars import gauge, joined, progress_bar
from tuitune.tui.widgets.word_diff import changed_spans

GB = 10**9


def test_a_gpu_with_our_share_and_peak() -> None:
    mine, other = GpuProcess(10, "me", 20 * GB, "python"), GpuProcess(11, "you", 9 * GB, "python")
    gpu = Gpu(0, "GPU-1", "H200", 140 * GB, 29 * GB, 111 * GB, 98.0, 64.0, 420.0, 700.0, processes=(mine, other))
    reading = MachineReading(gpus=(gpu,), family=frozenset([10]))
    text = "\n".join(line.plain for line in machine_lines(reading, 60, 21 * GB))
    for figure in (
        "GPU 0 · H200",
        "64 °C · 420 W / 700 W",
        "29.0 GB / 140 GB",
        "98 %",
        "this run 20.0 GB · peak 21.0 GB",
    ):
        assert figure in text
    assert "GPU 0  98 %" in machine_line(reading, None).plain


def test_who_else_is_on_the_gpus_is_told() -> None:
    mine, anna = GpuProcess(10, "me", 20 * GB, "python"), GpuProcess(11, "anna", 23 * GB, "python")
    one = Gpu(0, "GPU-1", "H200", 140 * GB, 43 * GB, 97 * GB, processes=(mine, anna))
    other = Gpu(
        1, "GPU-2", "H200", 140 * GB, 80 * GB, 60 * GB, 55.0, processes=(GpuProcess(12, "bob", 80 * GB, "vllm"),)
    )
    lines = [line.plain for line in machine_lines(MachineReading((other, one), family=frozenset([10])), 70, None)]
    assert lines[0].startswith("GPU 0 · H200"), "the run's own GPU comes first, whole"
    assert "others anna: python, 23.0 GB" in lines
    assert lines[-1] == "GPU 1 80.0 GB / 140 GB · bob: vllm, 80.0 GB ·  55 % busy"
    assert "anna: python, 23.0 GB" in machine_line(MachineReading((one,), family=frozenset([10])), None).plain
    waiting = [line.plain for line in machine_lines(MachineReading((one, other)), 70, None)]
    assert waiting[0].startswith("GPU 0 43.0 GB / 140 GB · anna: python, 23.0 GB and me: python, 20.0 GB")
    given = [line.plain for line in machine_lines(MachineReading((one, other)), 70, None, "GPU-2")]
    assert given[0].startswith("GPU 1 · H200")


def test_a_run_that_is_hidden_from_the_driver_is_nobody_else() -> None:
    gpu = Gpu(0, "GPU-1", "H200", 140 * GB, 29 * GB, 111 * GB)
    in_a_container = MachineReading((gpu,), family=frozenset([10]))
    assert not any("others" in line.plain for line in machine_lines(in_a_container, 70, None))
    assert any("others" in line.plain for line in machine_lines(MachineReading((gpu,)), 70, None))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_foreign_programs_are_inert(payload: str) -> None:
    gpu = Gpu(0, "GPU-1", payload, 140 * GB, 29 * GB, 111 * GB, processes=(GpuProcess(3, payload, 9 * GB, payload),))
    for reading in (
        MachineReading((gpu,)),
        MachineReading((gpu, gpu)),
        MachineReading(reason=payload, host=Host(8, 5.0, GB, GB, payload)),
    ):
        lines = [*machine_lines(reading, 300, None, "GPU-1"), machine_line(reading, None)]
        assert all(clean(line.plain) == line.plain for line in lines)


def test_a_gpu_that_tells_nothing_and_no_gpu_at_all() -> None:
    assert "n/a" in "\n".join(
        line.plain for line in machine_lines(MachineReading(gpus=(Gpu(1, None, "GPU"),)), 40, None)
    )
    reading = MachineReading(
        reason="no NVIDIA driver on this machine", host=Host(8, 50.0, 32 * GB, 12 * GB, "box"), ours=4 * GB
    )
    text = "\n".join(line.plain for line in machine_lines(reading, 60, 5 * GB))
    for figure in (
        "no GPU: no NVIDIA driver",
        "50 % of 8 cores",
        "20.0 GB / 32.0 GB",
        "this run 4.0 GB",
        "peak 5.0 GB",
    ):
        assert figure in text
    text = "\n".join(line.plain for line in (*machine_lines(reading, 60, 3 * GB), machine_line(reading, 3 * GB)))
    assert text.count("peak 4.0 GB") == 2, "no peak lies below what is held now"


def test_changed_words_are_found_whole() -> None:
    text = '{"urgency": "high", "refund": true}'
    spans = changed_spans(text, '{"urgency": "low", "refund": true}')
    assert [text[start:stop] for start, stop in spans] == ["high"]
    assert changed_spans(text, text) == []


@given(st.text(max_size=80), st.text(max_size=80))
def test_changed_spans_lie_in_the_text_in_order(text: str, earlier: str) -> None:
    spans = changed_spans(text, earlier)
    assert all(0 <= start < stop <= len(text) for start, stop in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_the_log_window_walks_a_file_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    window = LogWindow(path)
    assert window.lines(3) == ["line 49997", "line 49998", "line 49999"]
    window.scroll(-1, 3)
    assert window.lines(3) == ["line 49996", "line 49997", "line 49998"]
    window.scroll(-10, 3)
    assert window.lines(1) == ["line 49986"]
    window.scroll(4, 3)
    assert window.lines(1) == ["line 49990"]
    window.scroll(100, 3)
    assert window.offset is None
    window.offset = 0
    assert window.lines(2) == ["line 0", "line 1"]
    window.scroll(-5, 3)
    assert window.lines(1) == ["line 0"]


def test_a_log_that_is_missing_a_pipe_or_a_link_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    for name in ("missing", "pipe", "link"):
        window = LogWindow(tmp_path / name)
        assert window.lines(5) == []
        window.offset = 0
        assert window.lines(5) == []
        window.scroll(3, 5)


@given(st.binary(max_size=400), st.lists(st.integers(-9, 9), max_size=8))
def test_any_bytes_are_a_log(tmp_path_factory: pytest.TempPathFactory, content: bytes, moves: list[int]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(content)
    window = LogWindow(path)
    for lines in [0, *moves]:
        window.scroll(lines, 4)
        shown = window.lines(4)
        assert len(shown) <= 4
        assert all(line.isprintable() or not any(ord(char) < 32 for char in line) for line in shown)


def test_a_log_line_hides_credentials_and_keeps_the_last_version_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("token hf_abcdefghijklmnopabcdefghijklmnop\n 10%\r 90%\r\n")
    assert LogWindow(path).lines(5) == ["token •••", " 90%"]


@given(st.lists(st.floats(), max_size=300), st.integers(0, 40))
def test_a_spark_has_its_width_or_is_nothing(values: list[float], width: int) -> None:
    assert len(spark(values, width)) in (0, width)


@given(st.floats(-1, 2), st.integers(1, 60))
def test_bars_have_their_width(share: float, width: int) -> None:
    assert progress_bar(share, width).cell_length == width
    assert gauge([(share / 2, "a", "$ok"), (share, "b", "$bad")], width).cell_length == width


def test_figures_that_do_not_fit_are_left_out() -> None:
    assert joined(["one", None, "two", "three"], 10).plain == "one · two"
    assert joined([]).plain == ""


def test_copying_says_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.delenv("TMUX", raising=False)
    assert "OSC 52" in clipboard.copy("/a/path", sent.append)
    monkeypatch.setenv("TMUX", "/nowhere/tmux,1,0")
    assert "tmux did not take it" in clipboard.copy("/a/path", sent.append)
    assert sent == ["/a/path", "/a/path"]


@given(
    texts=st.lists(st.text("ab \n語", min_size=1, max_size=200), min_size=1, max_size=3),
    width=st.integers(20, 90),
    height=st.integers(1, 12),
)
def test_of_samples_the_answer_in_view_is_whole_and_the_rest_fills_the_room(
    texts: list[str], width: int, height: int
) -> None:
    pages = [(f"title {number}", Content(text)) for number, text in enumerate(texts)]
    lines = laid_out(pages, width, height)
    shown = [line.plain for line in lines]
    assert all(line.cell_length <= width for line in lines)
    starts = [next(place for place, line in enumerate(shown) if line.startswith(title)) for title, _ in pages]
    squeezed = "".join("".join(shown[starts[-1] :]).split()).removeprefix("".join(pages[-1][0].split()))
    assert squeezed == "".join(texts[-1].split())
    assert len(lines) <= max(height, len(lines) - starts[-1] + len(pages) - 1)
    if any("…" in line for line in shown):
        assert len(lines) >= height - 1


def test_samples_are_kept_apart_by_prompt_and_start_again_where_records_vanish() -> None:
    def record(step: int, prompt: str, index: int = 0, nonce: str | None = None) -> Sample:
        return Sample(step=step, index=index, prompt=prompt, answer=f"at {step}", label="during", nonce=nonce)

    book = SampleBook()
    records = [record(0, "one"), record(5, "one"), record(5, "another")]
    assert book.take(records)
    assert book.title == "prompt 1/2 · answer 2/2", "a prompt that was tuned begins anew"
    assert not book.take(records)
    records.append(record(7, "why?", 1_000_007, nonce="a"))
    book.take(records)
    book.show_asked("why?")
    assert book.title == "asked prompt 3/3 · answer 1/1"
    assert book.pages()[-1][0] == "step 7 · asked"
    assert book.last_asked == "why?"
    book.show_asked("nobody asked this")
    assert book.title.startswith("asked prompt 3/3")
    assert book.take(records[:1], anew=True)
    assert book.title == "prompt 1/1 · answer 1/1"
    assert book.take([record(9, "one"), record(9, "two", 1)], anew=True)
    assert [title for title, _ in book.pages()] == ["prompt", "step 9"]
