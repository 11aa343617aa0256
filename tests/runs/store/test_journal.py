from __future__ import annotations

import json
import math
import os
import stat
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runs.harness import budget
from tuitune.runs.store.journal import (
    LINE_LIMIT,
    TEXT_LIMIT,
    JournalReader,
    JournalWriter,
    backwards,
    last,
    last_seq,
    read_all,
)
from tuitune.runs.store.records.training import End, Evaluation, Step

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_records_are_versioned_numbered_and_timed(path: Path) -> None:
    with JournalWriter(path) as writer:
        writer.append(kind="step", step=1, loss=0.5)
        writer.append(kind="end", sync=True)
    first, second = read_all(path)
    assert (first["v"], first["seq"], first["kind"], first["loss"]) == (1, 1, "step", 0.5)
    assert abs(first["time"] - time.time()) < 60
    assert (second["seq"], second["kind"]) == (2, "end")


def test_the_numbering_goes_on_in_a_second_session(path: Path) -> None:
    for _ in range(3):
        with JournalWriter(path) as writer:
            writer.append(kind="step")
    assert [record["seq"] for record in read_all(path)] == [1, 2, 3]


def test_a_torn_tail_is_closed_by_the_next_writer(path: Path) -> None:
    path.write_bytes(lines({"seq": 4, "kind": "a"}) + b'{"seq": 5, "ki')
    with JournalWriter(path) as writer:
        writer.append(kind="b")
    reader = JournalReader(path)
    assert [(record["seq"], record["kind"]) for record in reader.poll()] == [(4, "a"), (5, "b")]
    assert reader.broken == 1


def test_numbers_that_are_not_finite_become_null_and_are_named(path: Path) -> None:
    with JournalWriter(path) as writer:
        writer.append(kind="step", loss=math.nan, grad_norm=math.inf, parts={"a": [1.0, -math.inf]})
    (record,) = read_all(path)
    assert record["loss"] is None
    assert record["nonfinite"] == ["loss", "grad_norm", "parts.a.1"]
    assert record["parts"] == {"a": [1.0, None]}


def test_the_file_is_plain_ascii_whatever_is_written(path: Path) -> None:
    with JournalWriter(path) as writer:
        writer.append(kind="sample", answer="\x1b]52;c;x\x07 \x9b2J \u202e é \ud800")
    content = path.read_bytes()
    assert content.isascii()
    assert not any(byte < 32 for byte in content[:-1])
    assert read_all(path)[0]["answer"] == "\x1b]52;c;x\x07 \x9b2J \u202e é ?"


def test_long_texts_are_cut_and_overlong_records_refused(path: Path) -> None:
    with JournalWriter(path) as writer:
        writer.append(kind="sample", answer="x" * 200_000)
        with pytest.raises(ValueError, match="limit"):
            writer.append(kind="sample", parts=["x" * TEXT_LIMIT] * 20)
        writer.append(kind="step")
    answer, step = read_all(path)
    assert len(answer["answer"]) == TEXT_LIMIT
    assert answer["answer"].endswith("…")
    assert step["seq"] == 2


def test_threads_may_share_a_writer(path: Path) -> None:
    with JournalWriter(path) as writer:
        threads = [threading.Thread(target=lambda: [writer.append(kind="phase") for _ in range(50)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [record["seq"] for record in read_all(path)] == list(range(1, 401))


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_journals_are_their_owners_alone(path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        JournalWriter(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("plant", ["symlink", "hardlink", "fifo", "directory"])
def test_nothing_is_written_through_what_was_planted(path: Path, tmp_path: Path, plant: str) -> None:
    target = tmp_path / "precious"
    target.write_text("precious\n")
    match plant:
        case "symlink":
            path.symlink_to(target)
        case "hardlink":
            path.hardlink_to(target)
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    with pytest.raises(OSError):
        JournalWriter(path)
    assert target.read_text() == "precious\n"


@pytest.mark.parametrize("plant", ["symlink", "fifo", "directory", "nothing"])
def test_readers_see_nothing_in_what_is_not_a_file(path: Path, tmp_path: Path, plant: str) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(lines({"kind": "step"}))
    match plant:
        case "symlink":
            path.symlink_to(target)
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    assert read_all(path) == []
    assert last(path, Step) is None


def test_reading_is_incremental_and_a_torn_tail_waits(path: Path) -> None:
    reader = JournalReader(path)
    assert reader.poll() == []
    with path.open("ab", buffering=0) as file:
        file.write(lines({"n": 1}) + b'{"n": ')
        assert reader.poll() == [{"n": 1}]
        assert reader.poll() == []
        file.write(b"2}\n" + lines({"n": 3}))
        assert reader.poll() == [{"n": 2}, {"n": 3}]
    assert (reader.broken, reader.reloads) == (0, 0)


def test_a_bounded_poll_stops_and_goes_on(path: Path) -> None:
    path.write_bytes(lines(*({"n": n} for n in range(10))))
    reader = JournalReader(path)
    assert [record["n"] for record in reader.poll(4)] == [0, 1, 2, 3]
    assert not reader.at_end
    assert [record["n"] for record in reader.poll(6)] == [4, 5, 6, 7, 8, 9]
    assert reader.at_end


BROKEN = {
    "not JSON": b"hello\n",
    "half": b'{"n": 1, "lo\n',
    "NUL run": b"\0" * 512 + b"\n",
    "bad UTF-8": b'{"n": "\xff\xfe"}\n',
    "bare NaN": b'{"loss": NaN}\n',
    "number too large": b'{"loss": 1e999}\n',
    "deep": b'{"n":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "a list": b"[1, 2]\n",
    "a number": b"7\n",
    "2 MiB": b'{"n": "' + b"x" * (2 << 20) + b'"}\n',
    "9 MiB": b'{"n": "' + b"x" * (9 << 20) + b'"}\n',
}


@pytest.mark.parametrize("damage", BROKEN, ids=str)
def test_a_broken_line_is_counted_and_skipped(path: Path, damage: str) -> None:
    path.write_bytes(lines({"n": 1}) + BROKEN[damage] + lines({"n": 2}))
    reader = JournalReader(path)
    assert reader.poll() == [{"n": 1}, {"n": 2}]
    assert reader.broken == 1


def test_a_record_after_a_run_of_nuls_is_kept(path: Path) -> None:
    path.write_bytes(b"\0" * 4096 + lines({"n": 1}))
    assert read_all(path) == [{"n": 1}]


def test_an_endless_line_costs_no_memory_and_ends_somewhere(path: Path) -> None:
    reader = JournalReader(path)
    with path.open("ab", buffering=0) as file:
        for _ in range(3):
            file.write(b"x" * (5 << 20))
            assert reader.poll() == []
        file.write(b"\n" + lines({"n": 1}))
    assert reader.poll() == [{"n": 1}]
    assert reader.broken == 1


@pytest.mark.parametrize("how", ["truncated", "replaced", "rewritten"])
def test_a_file_that_was_cut_or_replaced_is_read_anew(path: Path, how: str) -> None:
    path.write_bytes(lines({"n": 1}, {"n": 2}))
    reader = JournalReader(path)
    reader.poll()
    fresh = lines({"fresh": "a record that is rather longer than the old file was"})
    match how:
        case "truncated":
            path.write_bytes(lines({"fresh": 1}))
        case "replaced":
            other = path.with_name("other")
            other.write_bytes(fresh)
            other.replace(path)
        case "rewritten":
            path.write_bytes(fresh)
    assert "fresh" in reader.poll()[0]
    assert reader.reloads == 1


@QUIET
@given(st.lists(st.integers(0, 9), max_size=5), st.binary(max_size=300))
def test_whatever_follows_the_valid_prefix_survives(tmp_path: Path, prefix: list[int], noise: bytes) -> None:
    path = tmp_path / "noise.jsonl"
    wanted = [{"n": n} for n in prefix]
    path.write_bytes(lines(*wanted) + noise)
    reader = JournalReader(path)
    assert reader.poll()[: len(wanted)] == wanted
    assert reader.broken <= noise.count(b"\n")


@QUIET
@given(st.data())
def test_every_truncation_keeps_the_whole_lines(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "cut.jsonl"
    content = lines(*({"n": n, "text": "é" * n} for n in range(6)))
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    reader = JournalReader(path)
    assert [record["n"] for record in reader.poll()] == list(range(content[:cut].count(b"\n")))
    path.write_bytes(content)
    assert len(reader.poll()) == 6 - content[:cut].count(b"\n")


@QUIET
@given(st.lists(st.binary(max_size=80), max_size=8), st.integers(1, 3))
def test_arriving_in_pieces_changes_nothing(tmp_path: Path, pieces: list[bytes], at_most: int) -> None:
    path = tmp_path / "pieces.jsonl"
    path.unlink(missing_ok=True)
    reader, found = JournalReader(path), []
    for piece in pieces:
        with path.open("ab") as file:
            file.write(piece)
        found += reader.poll(at_most)
    while more := reader.poll(at_most):
        found += more
    assert found == read_all(path)


def test_last_looks_past_what_came_later(path: Path) -> None:
    path.write_bytes(lines({"kind": "end", "outcome": "finished"}) + lines({"kind": "step", "pad": "x" * 1000}) * 2000)
    assert path.stat().st_size > LINE_LIMIT
    assert last(path, End) == End(outcome="finished")
    assert last(path, Evaluation) is None


def test_numbers_that_repeat_or_are_absurd_break_nothing(path: Path) -> None:
    odd = [{"seq": 3, "kind": "a"}, {"seq": 3, "kind": "b"}, {"seq": 2**64 - 1}, {"seq": -1}, {"seq": "4"}]
    path.write_bytes(lines(*odd) + b'{"seq": 1' + b"0" * 5000 + b"}\n" + lines({"seq": True}, {"seq": 5, "kind": "c"}))
    reader = JournalReader(path)
    assert len(reader.poll()) + reader.broken == 8
    assert next(backwards(path, "b")) == {"seq": 3, "kind": "b"}
    with JournalWriter(path) as writer:
        writer.append(kind="d")
    assert last_seq(path) == 6


def test_the_newest_records_are_read_without_the_rest(path: Path) -> None:
    path.write_bytes(lines(*({"n": n, "pad": "x" * 1000} for n in range(5000))))
    started = time.process_time()
    assert [record["n"] for _, record in zip(range(3), backwards(path), strict=False)] == [4999, 4998, 4997]
    assert time.process_time() - started < budget(0.02)


def test_records_of_some_kinds_are_sorted_out(path: Path) -> None:
    path.write_bytes(lines(*({"kind": "end" if n % 1000 == 7 else "step", "n": n} for n in range(5000))))
    assert [record["n"] for record in backwards(path, "end")] == [4007, 3007, 2007, 1007, 7]
    assert {record["kind"] for record in backwards(path, "end", "step")} == {"end", "step"}
    assert list(backwards(path, "eval")) == []


def test_no_further_back_than_wanted(path: Path) -> None:
    path.write_bytes(lines(*({"n": n} for n in range(1000))))
    assert [record["n"] for record in backwards(path, reach=30)] == [999, 998]
    assert list(backwards(path, reach=3)) == []


@QUIET
@given(st.lists(st.binary(max_size=300) | st.just(b"x" * 200_000), max_size=8))
def test_backwards_is_the_same_the_other_way_round(tmp_path: Path, pieces: list[bytes]) -> None:
    path = tmp_path / "backwards.jsonl"
    content = b"".join(piece + end for piece, end in zip(pieces, [b"\n", lines({"n": 1}), b""] * 3, strict=False))
    path.write_bytes(content)
    whole = content.rpartition(b"\n")
    path.with_name("whole.jsonl").write_bytes(whole[0] + whole[1])
    assert list(backwards(path)) == list(reversed(read_all(path.with_name("whole.jsonl"))))


@pytest.mark.parametrize("damage", BROKEN, ids=str)
def test_backwards_passes_over_broken_lines(path: Path, damage: str) -> None:
    path.write_bytes(lines({"n": 1}) + BROKEN[damage] + lines({"n": 2}) + b'{"n": 3')
    assert [record["n"] for record in backwards(path)] == [2, 1]


@pytest.mark.parametrize("size", [10, 200_000, 3 << 20])
def test_backwards_leaves_out_what_is_not_finished(path: Path, size: int) -> None:
    path.write_bytes(lines({"n": 1}) + b'{"n": 2, "pad": "' + b"x" * size)
    assert list(backwards(path)) == [{"n": 1}]


def test_a_hundred_thousand_lines_are_read_in_a_moment(path: Path) -> None:
    record = {
        "v": 1,
        "seq": 1,
        "time": 1.5,
        "kind": "step",
        "step": 1,
        "epoch": 0.1,
        "loss": 1.23,
        "learning_rate": 2e-4,
    }
    record |= {
        "grad_norm": 0.31,
        "tokens": 12345,
        "tokens_per_second": 3456.7,
        "step_seconds": 0.2,
        "memory_bytes": 10**9,
    }
    path.write_bytes(lines(record) * 100_000)
    started = time.process_time()
    assert len(read_all(path)) == 100_000
    assert time.process_time() - started < budget(0.5)
