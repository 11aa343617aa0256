"""What reaches the engine on its standard input, and which changes of former lives hold in the next."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.engine.control.tuning import tunes
from tuitune.engine.process.request_pipe import LINE_LIMIT, RequestPipe
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter


@pytest.fixture
def pipe() -> Iterator[tuple[RequestPipe, int]]:
    reading, writing = os.pipe()
    yield RequestPipe(reading), writing
    os.close(reading)


def line(nonce: str, verb: str = "checkpoint", **arguments: Any) -> bytes:
    return json.dumps({"nonce": nonce, "verb": verb, "arguments": arguments}).encode() + b"\n"


def test_requests_come_in_order_and_wait_to_be_answered(pipe: tuple[RequestPipe, int]) -> None:
    requests, writing = pipe
    assert requests.poll() == []
    os.write(writing, line("a", "tune", changes={"evaluation.every": 5}) + line("b") + line("c")[:9])
    first, second = requests.poll()
    assert (first.nonce, first.verb, first.arguments) == ("a", "tune", {"changes": {"evaluation.every": 5}})
    assert requests.poll() == [] and list(requests.unanswered) == ["a", "b"]
    requests.answered(first)
    os.write(writing, line("c")[9:] + line("b"))
    assert [request.nonce for request in requests.poll()] == ["c"]
    os.close(writing)
    assert requests.poll() == [] == requests.poll()
    assert list(requests.unanswered) == [second.nonce, "c"]


def test_without_a_descriptor_nothing_comes() -> None:
    assert RequestPipe().poll() == [] == RequestPipe(987_654).poll()


def test_nonsense_is_passed_over(pipe: tuple[RequestPipe, int]) -> None:
    requests, writing = pipe
    nonsense = [
        b"", b"\0", b"null", b"[]", b'"stop"', b"{", b"\xff\xfe", b"[" * 50_000, b'{"nonce": "x"}',
        b'{"nonce": 1, "verb": "stop"}', b'{"nonce": "x", "verb": ["stop"]}',
        b'{"nonce": "x", "verb": "stop", "arguments": 5}',
        json.dumps({"nonce": "n" * 65, "verb": "stop"}).encode(),
    ]  # fmt: skip
    found = []
    for piece in [*nonsense, line("good").rstrip()]:
        for start in range(0, len(piece) + 1, 4096):
            os.write(writing, (piece + b"\n")[start : start + 4096])
        found += requests.poll()
    os.close(writing)
    assert [request.nonce for request in found] == ["good"]


def test_an_endless_line_is_dropped_and_what_follows_is_read(pipe: tuple[RequestPipe, int]) -> None:
    requests, writing = pipe
    for _ in range(2 * LINE_LIMIT // 32_768):
        os.write(writing, b" " * 32_768)
        assert requests.poll() == []
    os.write(writing, b'{"nonce": "hidden", "verb": "stop"}\n' + line("after"))
    os.close(writing)
    assert [request.nonce for request in requests.poll()] == ["after"]


@given(pieces=st.lists(st.binary(max_size=60) | st.sampled_from([line("a"), line("b", "x"), b"\n"]), max_size=12))
def test_any_bytes_do_no_harm(pieces: list[bytes]) -> None:
    reading, writing = os.pipe()
    requests = RequestPipe(reading)
    found = []
    for piece in pieces:
        os.write(writing, piece)
        found += requests.poll()
    os.close(writing)
    found += requests.poll()
    os.close(reading)
    assert len({request.nonce for request in found}) == len(found) <= len(pieces)


def test_what_was_changed_last_holds(prepared: Callable[..., Run]) -> None:
    run = prepared()
    rate, every = "training.learning_rate", "evaluation.every"
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="tuned", nonce="a", step=50, changes={rate: 1e-5, every: 10})
        metrics.append(kind="tuned", nonce="b", step=90, changes={rate: 2e-5})
        metrics.append(kind="resumed", step=60)
        metrics.append(kind="tuned", nonce="c", step=80, changes={rate: 3e-5})
        metrics.append(kind="tuned", nonce="d", step=95, changes={every: 7, "samples.every": 5})
        metrics.append(kind="tuned", step="?", changes=5)
    with JournalWriter(run.events_file) as events:
        events.append(event="engine", after=0)
        events.append(event="amended", changes={every: {"from": 10, "to": 20}})
        events.append(event="engine", after=2)
        events.append(event="amended", changes={"samples.every": {"from": 5, "to": 6}})
    assert [(record["nonce"], record["changes"]) for record in tunes(run)] == [
        ("a", {rate: 1e-5}),
        ("c", {rate: 3e-5}),
        ("d", {every: 7}),
    ]


def test_a_run_that_was_never_tuned_has_no_changes(prepared: Callable[..., Run]) -> None:
    assert tunes(prepared()) == []
