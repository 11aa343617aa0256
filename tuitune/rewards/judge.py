"""Rewards given by a process of their own, within limits of time and memory, so that none of them harms the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuitune.pipes import readable
from tuitune.problem import TuituneError
from tuitune.rewards.descriptor import Attempt
from tuitune.text import clean, is_secret

_START_SECONDS = 30.0
_COMMAND = (sys.executable, "-P", "-m", "tuitune.rewards")


class RewardError(TuituneError):
    """A reward that gives no number: it names the reward, the answer, and the way out."""


class Judge:
    """The process that judges answers by the `rewards` of a recipe, whose table `settings` is; begun when first needed.

    It has no secrets of the environment, and ends with this object's `close`, or with this process.
    """

    def __init__(self, settings: Mapping[str, Any], rewards: Iterable[str]) -> None:
        self._settings = dict(settings)
        self._rewards = list(rewards)
        self._seconds = float(self._settings["seconds"])
        self._process: subprocess.Popen[bytes] | None = None
        self._received = b""
        self._asked = 0

    def scores(self, reward: str, answers: Sequence[Attempt]) -> list[float]:
        """What each answer gets. RewardError where one gets no number, or takes longer than `rewards.seconds`."""
        if self._process is None:
            self.begin()
        self._send({"reward": reward, "first": self._asked + 1, "answers": [asdict(one) for one in answers]})
        return [self._score(reward, one) for one in answers]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def begin(self) -> None:
        """Begin the process. RewardError where a reward cannot be prepared: its file has no function, say."""
        file = Path(self._settings["file"]).expanduser()
        self._received = b""
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=file.parent if self._settings["file"] and file.parent.is_dir() else None,
            env={name: value for name, value in os.environ.items() if not is_secret(name)},
        )
        weakref.finalize(self, _end, self._process)
        settings = {**self._settings, "file": str(file)}
        self._send({"parent": os.getpid(), "settings": settings, "rewards": self._rewards})
        seconds = max(_START_SECONDS, self._seconds)
        found = self._reply(seconds)
        if "error" in found:
            self.close()
            raise RewardError(clean(found["error"], limit=400))
        if "ready" not in found:
            late = f"that took more than {seconds:g} s; a higher rewards.seconds allows more"
            raise RewardError(f"the rewards cannot be prepared: {self._ended(found, late)}")

    def _score(self, reward: str, answer: Attempt) -> float:
        found = self._reply(self._seconds)
        self._asked += 1
        if "score" in found and found["number"] == self._asked:
            return float(found["score"])
        late = f"it took more than rewards.seconds = {self._seconds:g}"
        why = found.get("error") or self._ended(found, late)
        self.close()
        asked, said = (clean(text, limit=80) for text in (answer.question, answer.text))
        remedy = "Fix rewards.file" if reward == "python" else "Fix the row, or its setting"
        raise RewardError(
            f"the reward {reward} failed: {clean(why, limit=300)}. It judged “{said}”, an answer to “{asked}”. "
            f"{remedy}, or take {reward} out of rewards.weights; `tuitune rewards try` tries it without training."
        )

    def _ended(self, found: Mapping[str, Any], late: str) -> str:
        if "late" in found:
            return late
        if "score" in found:
            return "its process gave the score of another answer"
        assert self._process is not None
        code = self._process.wait()
        return f"its process ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        view = memoryview(json.dumps(request).encode() + b"\n")
        try:
            while view:
                view = view[self._process.stdin.write(view) or 0 :]
        except BrokenPipeError:
            return

    def _reply(self, seconds: float) -> dict[str, Any]:
        """The next line of the process; `late` where none comes in time, nothing where it ended."""
        assert self._process is not None and self._process.stdout is not None
        output, deadline = self._process.stdout.fileno(), time.monotonic() + seconds
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0 or not readable(output, left):
                return {"late": True}
            piece = os.read(output, 1 << 16)
            if not piece:
                return {}
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        return dict(json.loads(line))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it, whatever it does; what a reward of the user's left running may still hold its pipes open."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
