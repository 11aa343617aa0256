"""A full scan of JSON Lines, with shape, lengths and exact duplicates: ≥ 0.5 × the speed of parsing alone, memory flat.

`python benchmarks/data_scan.py [MEGABYTES …]` makes files of conversations in a temporary folder (100 and 1,000 MB
unless told otherwise), parses each with orjson line by line in one process, scans it, and prints both times, their
ratio and the most memory that the scan's processes held together.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psutil

BUDGET = 0.5
FLAT = 1.25
ROUNDS = 2
WORDS = [
    f"{stem}{ending}" for stem in ("learn", "model", "token", "train", "write") for ending in ("", "s", "ing", "ed")
]


def make_file(path: Path, megabytes: int) -> int:
    """Conversations of one to three exchanges and about a kilobyte, one in fifty a repeat. The number of rows."""
    chance = random.Random(4)
    recent = [row(chance, number) for number in range(100)]
    size = count = 0
    with path.open("wb") as file:
        while size < megabytes * 1_000_000:
            repeat = chance.random() < 0.02
            text = chance.choice(recent) if repeat else row(chance, count)
            recent[count % len(recent)] = text
            size += file.write(text)
            count += 1
    return count


def row(chance: random.Random, number: int) -> bytes:
    turns = [{"role": "system", "content": "You answer in whole sentences."}] if chance.random() < 0.5 else []
    for _ in range(chance.randint(1, 3)):
        for role, most in (("user", 25), ("assistant", 75)):
            words = chance.choices(WORDS, k=chance.randint(most // 2, most))
            turns.append({"role": role, "content": " ".join(words)})
    return orjson.dumps({"id": number, "messages": turns}) + b"\n"


def parse(path: Path) -> tuple[float, float]:
    """Seconds that parsing alone takes, by the clock and of a core."""
    start, used = time.perf_counter(), time.process_time()
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
    return time.perf_counter() - start, time.process_time() - used


def scan(path: Path, watch: Callable[[], None] = lambda: None) -> tuple[float, float, dict[str, Any]]:
    """Seconds of a scan from its start to its report, by the clock and of all cores, and the report."""
    from tuitune.data.scan import begin_scan

    path.touch()
    start, used = time.perf_counter(), children_seconds()
    task = begin_scan(str(path), base=Path())
    while (progress := task.look()).state == "working":
        watch()
        time.sleep(0.02)
    assert progress.result is not None, progress.error
    seconds = time.perf_counter() - start
    for thread in threading.enumerate():
        if thread.name == "reap scan":
            thread.join()
    return seconds, children_seconds() - used, progress.result


def most_held(path: Path) -> int:
    """The most bytes that the processes of some more scans hold: each look takes some 10 ms of a core, so it is none
    whose time is taken, and one scan of a small file has too few of them.
    """
    held: list[int] = []
    for _ in range(ROUNDS):
        scan(path, lambda: held.append(memory()))
    return max(held)


def children_seconds() -> float:
    """Core seconds of the processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def memory() -> int:
    """The bytes that this process's children hold and share with nobody, or share by parts."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def main() -> int:
    sizes = [int(size) for size in sys.argv[1:]] or [100, 1_000]
    held = []
    for megabytes in sizes:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TUITUNE_HOME"] = f"{folder}/home"
            path = Path(folder) / "rows.jsonl"
            rows = make_file(path, megabytes)
            alone, parsing = min(parse(path) for _ in range(ROUNDS))
            seconds, scanning, report = min((scan(path) for _ in range(ROUNDS)), key=lambda one: one[0])
            most = most_held(path)
        assert report["rows"] == rows and report["problem_count"] == 0
        held.append(most)
        print(
            f"{megabytes:,} MB, {rows:,} rows: parsing alone {alone:.2f} s, scan {seconds:.2f} s, ratio "
            f"{alone / seconds:.2f} (budget ≥ {BUDGET}), {report['duplicates']:,} duplicates, {most / 1e6:.0f} MB held"
        )
        print(
            f"  core seconds: parsing alone {parsing:.2f}, scan {scanning:.2f}, {scanning / parsing:.1f} times as many"
        )
    flat = len(held) < 2 or held[-1] <= FLAT * held[0]
    if len(held) > 1:
        print(f"memory at {sizes[-1]:,} MB ÷ at {sizes[0]:,} MB: {held[-1] / held[0]:.2f} (budget ≤ {FLAT})")
    return 0 if alone / seconds >= BUDGET and flat else 1


if __name__ == "__main__":
    sys.exit(main())
