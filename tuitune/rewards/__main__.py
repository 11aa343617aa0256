"""The process that judges answers, `python -m tuitune.rewards`: JSON lines in, one line out for each answer.

Whatever a reward does happens here: a function that throws, a pattern that takes for ever, a file that eats memory.
What it prints goes to standard error. It ends with its standard input, and in the middle of a reward with its parent.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from types import SimpleNamespace
from typing import IO, Any

from tuitune.orphans import end_with
from tuitune.rewards import REWARDS, Attempt
from tuitune.rewards.descriptor import Score
from tuitune.rewards.python_file import told


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # signals to the process group are the engine's to obey
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    order = json.loads(sys.stdin.readline())
    end_with(order["parent"])
    settings: Any = SimpleNamespace(**order["settings"])
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = settings.memory << 20 if hard == resource.RLIM_INFINITY else min(settings.memory << 20, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        scores = {name: REWARDS[name].prepare(settings) for name in order["rewards"]}
    except (ValueError, MemoryError) as error:
        _reply(replies, error=str(error) or "rewards.memory is too little to begin with")
        return 0
    _reply(replies, ready=True)
    for line in sys.stdin:
        request = json.loads(line)
        for one in request["answers"]:
            _reply(replies, **_judged(scores[request["reward"]], Attempt(**one), settings.file))
    return 0


def _judged(score: Score, answer: Attempt, file: str) -> dict[str, Any]:
    """The reward of an answer as a finite number, or why there is none."""
    try:
        found: Any = score(answer)
    except MemoryError:
        return {"error": "it needs more memory than rewards.memory allows"}
    except Exception as error:
        return {"error": told(error, file)}
    if isinstance(found, bool | int | float) and math.isfinite(found):
        return {"score": float(found)}
    return {"error": f"it gave {str(found)[:60]!r} instead of a number"}


def _reply(replies: IO[str], **said: Any) -> None:
    print(json.dumps(said), file=replies, flush=True)


if __name__ == "__main__":
    sys.exit(main())
