"""Pages of JSON Lines: the first ≤ 0.2 s whatever the size, and the last against reading all the bytes once.

`python benchmarks/data_first_page.py [MEGABYTES …]` makes files in a temporary folder (10 and 1,000 MB unless told
otherwise), and prints how long the first page of 200 rows takes in a fresh process, how long the last page takes there
when nothing of the file is known yet, how long when it has been passed once, and the time of a bare read of the bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUDGET_SECONDS = 0.2

MEASURE = """
import json, sys, time
from tuitune.data.sources.pages import read_page
name, last = sys.argv[1], int(sys.argv[2])
times = []
for first in (1, last, last - 400):
    began = time.perf_counter()
    page = read_page(name, first=first)
    times.append(time.perf_counter() - began)
    assert len(page.rows) == 200, page
status = open("/proc/self/status").read()
print(json.dumps([*times, int(status.partition("VmHWM:")[2].split()[0]) / 1000]))
"""


def make_file(path: Path, megabytes: int) -> int:
    """Rows of about a kilobyte; how many."""
    text = "a row of text to learn from, with a number in it: "
    block = 1000
    count = 0
    with path.open("w") as file:
        while file.tell() < megabytes * 1_000_000:
            file.write("".join(json.dumps({"n": count + k, "text": text * 20}) + "\n" for k in range(block)))
            count += block
    return count


def read_bytes(path: Path) -> float:
    began = time.perf_counter()
    with path.open("rb") as file:
        while file.read(4 << 20):
            pass
    return time.perf_counter() - began


def main() -> int:
    kept = True
    for megabytes in [int(one) for one in sys.argv[1:]] or [10, 1000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            rows = make_file(path, megabytes)
            bare = read_bytes(path)
            command = [sys.executable, "-P", "-c", MEASURE, str(path), str(rows - 199)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            first, last, again, memory = json.loads(done.stdout)
        kept = kept and first <= BUDGET_SECONDS
        print(
            f"{megabytes:>6,} MB  first page {first * 1000:6.1f} ms ({first / BUDGET_SECONDS:.2f} × the budget)  "
            f"last page {last:.2f} s ({last / bare:.1f} × reading the bytes)  near it again {again * 1000:.1f} ms  "
            f"{memory:.0f} MB held"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
