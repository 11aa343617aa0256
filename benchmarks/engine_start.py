"""Time until an engine has everything imported: at most 0.85 × the bare imports of the libraries it uses, in turns.

`python benchmarks/engine_start.py [ROUNDS]` starts both ROUNDS times (5 unless told), alternating, so that a busy
machine is as busy for one as for the other. Times are of the processor, start of Python included.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

BUDGET = 0.85
BARE = "import torch, transformers, peft, bitsandbytes, datasets; from trl import SFTTrainer"
ENGINE = """
from tuitune.engine.process.environment import heavy_imports, prepare_environment
prepare_environment()
with heavy_imports():
    import tuitune.engine.train
"""


def seconds(program: str) -> float:
    """Processor seconds that a program took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-P", "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    bare, engine = [], []
    for _ in range(rounds + 1):
        bare.append(seconds(BARE))
        engine.append(seconds(ENGINE))
    # The first of each compiled bytecode and warmed the file cache.
    theirs, ours = statistics.median(bare[1:]), statistics.median(engine[1:])
    print(f"libraries {theirs:.1f} s  engine {ours:.1f} s  ratio {ours / theirs:.2f} of {BUDGET}")
    return int(ours / theirs > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
