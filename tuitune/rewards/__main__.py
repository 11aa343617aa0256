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
from collections.abc import Sequence
from types import SimpleNamespace
from typing import IO, Any, SupportsFloat

from tuitune.orphans import end_with
from tuitune.rewards import REWARDS, Attempt
from tuitune.rewards.descriptor import Score
from tuitune.rewards.python_file import told


def main() -> int:
    for ignored in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ignored, signal.SIG_IGN)  # signals to the process group are the engine's to obey
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    order = json.loads(sys.stdin.readline())
    end_with(order["parent"])
    judge = os.getpid()
    settings: Any = SimpleNamespace(**order["settings"])
    _limit(settings.memory << 20)
    scores, wrong = _prepared(order["rewards"], settings)
    if os.getpid() != judge:  # what a file forked comes here as well
        os._exit(bool(wrong))
    _reply(replies, **({"error": wrong} if wrong else {"ready": True}))
    for line in sys.stdin:
        request = json.loads(line)
        for number, one in enumerate(request["answers"], request["first"]):
            found = _judged(scores[request["reward"]], Attempt(**one), settings.file)
            if os.getpid() != judge:
                os._exit("error" in found)
            _reply(replies, number=number, **found)
    return 0


def _limit(size: int) -> None:
    """Let this process have so many bytes of memory, or fewer where it may not have them."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def _prepared(rewards: Sequence[str], settings: Any) -> tuple[dict[str, Score], str]:
    """The scores of rewards by their names, or why there are none."""
    try:
        return {name: REWARDS[name].prepare(settings) for name in rewards}, ""
    except (ValueError, MemoryError) as error:
        return {}, str(error) or "rewards.memory is too little to begin with"


def _judged(score: Score, answer: Attempt, file: str) -> dict[str, Any]:
    """The reward of an answer as a finite number, or why there is none."""
    try:
        found: Any = score(answer)
        if isinstance(found, SupportsFloat) and math.isfinite(number := float(found)):
            return {"score": number}
        return {"error": f"it gave the {type(found).__name__} {str(found)[:60]!r} instead of a number"}
    except MemoryError:
        return {"error": "it needs more memory than rewards.memory allows"}
    except Exception as error:
        return {"error": told(error, file)}


def _reply(replies: IO[str], **said: Any) -> None:
    print(json.dumps(said), file=replies, flush=True)


if __name__ == "__main__":
    sys.exit(main())
