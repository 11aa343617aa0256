"""The near-duplicate pass over 100,000 instructions, in rows a second, against the library's own loop in the same run.

`python benchmarks/near_duplicates.py [ROWS]` makes instructions of 10 to 60 words, one in twenty a near-repeat of an
earlier one. The bare loop is rensa's: a signature of each set of word groups, looked up and put into its index, nothing
verified and no text read. The pass does the same, tells templates from instructions, decides on every candidate by its
exact sets and names the pair.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Callable

from rensa import RMinHash, RMinHashLSH

from tuitune.data.preparation.near_duplicates import near_duplicates, shingles
from tuitune.recipe.sections.cleaning import USUAL_SIMILARITY

BUDGET = 0.7
PERMUTATIONS, BANDS = 140, 20
ROUNDS = 3
WORDS = 20_000
REPEATS = 0.05


def instructions(count: int) -> list[str]:
    chance = random.Random(4)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(WORDS)]
    texts: list[str] = []
    for _ in range(count):
        if texts and chance.random() < REPEATS:
            parts = chance.choice(texts).split()
            parts[chance.randrange(len(parts))] = chance.choice(words)
        else:
            parts = chance.choices(words, k=chance.randint(10, 60))
        texts.append(" ".join(parts))
    return texts


def bare_loop(texts: list[str]) -> int:
    """Rows that rensa alone takes for repeats: those with an earlier candidate."""
    index, found = RMinHashLSH(USUAL_SIMILARITY, PERMUTATIONS, BANDS), 0
    for number, text in enumerate(texts):
        signature = RMinHash(PERMUTATIONS, 1)
        signature.update(shingles(text))
        found += bool(index.query(signature))
        index.insert(number, signature)
    return found


def our_pass(texts: list[str]) -> int:
    return sum(1 for _ in near_duplicates(texts))


def rate(work: Callable[[list[str]], int], texts: list[str]) -> tuple[float, int]:
    """Rows a second of processor time, since machines are busy, and the repeats found."""
    start = time.process_time()
    found = work(texts)
    return len(texts) / (time.process_time() - start), found


def main() -> int:
    texts = instructions(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    ratios = []
    for _ in range(ROUNDS):
        (bare, candidates), (ours, found) = rate(bare_loop, texts), rate(our_pass, texts)
        ratios.append(ours / bare)
        print(
            f"{len(texts):,} instructions: {ours:,.0f} rows/s ({found:,} near-duplicates), the bare loop "
            f"{bare:,.0f} rows/s ({candidates:,} candidates): {ours / bare:.2f} ×"
        )
    best = max(ratios)
    print(f"best {best:.2f} × (budget ≥ {BUDGET} ×), {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:,} MiB")
    return 0 if best >= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
