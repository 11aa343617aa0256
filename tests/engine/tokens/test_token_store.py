"""Tokens in the cache are found as they were written, or made again: never used damaged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tuitune.engine.tokens import store
from tuitune.engine.tokens.encode import Encoded, Encoder
from tuitune.engine.tokens.store import TokenDraft, Tokenized

pytestmark = pytest.mark.usefixtures("home")

ROWS = [np.arange(1, 9, dtype=np.int32), np.arange(20, 25, dtype=np.int32)]


def write() -> Tokenized:
    with TokenDraft("key") as draft:
        for name in ("train", "held_out"):
            with draft.rows(name, Encoder.columns) as write_rows:
                write_rows([Encoded(row, row, len(row)) for row in ROWS])
        return draft.keep({"kept": 2}, [{"text": "a"}, {"text": "b"}])


def contents(found: Tokenized) -> tuple[object, ...]:
    return found.train[:], found.held_out and found.held_out[:], found.held_out_rows, found.facts


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.write_bytes(content)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one bit": flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "other JSON": lambda path: path.write_text('{"kept": "x"}'),
    "pipe": pipe,
    "link": link,
    "missing": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
@pytest.mark.parametrize("name", ["train.arrow", "held_out.arrow", "held_out.jsonl", "facts.json", "MANIFEST.json"])
def test_damaged_tokens_are_made_again(
    name: str, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    whole = contents(write())
    damage(store.cache() / "key" / name)
    assert store.find("key") is None
    assert "damaged" in caplog.text
    assert contents(write()) == whole
    found = store.find("key")
    assert found is not None and contents(found) == whole


@pytest.mark.parametrize("kind", ["dangling link", "file", "pipe", "empty folder"])
def test_whatever_bears_the_name_makes_way(kind: str) -> None:
    write()
    folder = store.cache() / "key"
    shutil.rmtree(folder)
    match kind:
        case "dangling link":
            folder.symlink_to("/nonexistent")
        case "file":
            folder.write_text("")
        case "pipe":
            os.mkfifo(folder)
        case _:
            folder.mkdir()
    assert store.find("key") is None
    write()
    assert store.find("key") is not None


def test_a_set_is_on_disk_before_it_bears_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(fd: int) -> None:
        done.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        fsync(fd)

    def renamed(source: str, target: str) -> None:
        done.append("renamed")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    write()
    before, after = done[: done.index("renamed")], done[done.index("renamed") :]
    assert {"train.arrow", "held_out.arrow", "held_out.jsonl", "facts.json", "MANIFEST.json"} <= set(before)
    assert "tokenized" in after
