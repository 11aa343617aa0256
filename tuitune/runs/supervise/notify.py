"""Telling the user's own command (`run.notify`) what happens to a run, while the supervisor goes on with its work."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import NotifyFailed
from tuitune.text import clean, redact

LIMIT_SECONDS = 30.0

_AT_ONCE = 4
_GRACE_SECONDS = 1.0
_VALUE_LIMIT = 4096
_TAIL = 2048
_PIPE = 65_536
_READS = 64
_PAUSE = 0.02


class Notification:
    """The user's command, started for one event. It runs beside its starter, which looks at it now and then.

    No shell reads the command, so that no name or message can become a command of its own. It gets the facts as
    JSON on its standard input, and as TUITUNE_EVENT, _RUN, _NAME, _STATE, _REASON and _DIRECTORY in its environment.
    """

    def __init__(self, run: Run, command: str, facts: Mapping[str, Any]) -> None:
        """Start it. Never raises: of a command that cannot be started `poll` says why."""
        self._deadline = time.monotonic() + LIMIT_SECONDS
        self._said = b""
        self._result: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        known = {"run": run.id, "name": run.name, "directory": str(run.path), **facts}
        try:
            self._process = _start(run, shlex.split(command), known)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._result = f"the notify command could not be started: {clean(str(error), limit=200)}"

    def poll(self) -> str | None:
        """None while it is at work (after 30 s it is killed), then "" or what went wrong. Never waits."""
        if self._process is not None and self._result is None:
            self._listen(self._process)
            if self._process.poll() is not None:
                self._result = self._judge(self._process.returncode)
            elif time.monotonic() > self._deadline:
                self._result = f"the notify command was killed: it took longer than {LIMIT_SECONDS:g} s"
                _kill(self._process)
        return self._result

    def wait(self) -> str:
        """Wait for it, for what is left of the 30 s; "" or what went wrong."""
        while (result := self.poll()) is None:
            time.sleep(_PAUSE)
        return result

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take what it wrote to standard error out of its way; the end of that is kept."""
        assert process.stderr is not None
        with suppress(BlockingIOError):
            for _ in range(_READS):
                said = os.read(process.stderr.fileno(), _PIPE)
                self._said = (self._said + said)[-_TAIL:]

    def _judge(self, code: int) -> str:
        if code == 0:
            return ""
        lines = self._said.decode("utf-8", "replace").split("\n")
        words = clean(redact(next((line.strip() for line in reversed(lines) if line.strip()), "")), limit=200)
        how = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
        return f"the notify command {how}{f': {words}' if words else ''}"


class Notices:
    """The notifications of a life, by `command`; without one nothing happens. One that fails is an event."""

    def __init__(self, run: Run, events: EventLog) -> None:
        self.command = ""
        self._run = run
        self._events = events
        self._running: list[Notification] = []

    def say(self, event: str, facts: Mapping[str, Any], *, last: bool = False) -> None:
        """Start the command for `event`; the `last` one also where several others still run."""
        if not self.command.strip():
            return
        if len(self._running) >= _AT_ONCE and not last:
            self._failed(f"{_AT_ONCE} notifications were running already; this one ({event}) was skipped")
            return
        self._running.append(Notification(self._run, self.command, {"event": event, **facts}))

    def poll(self) -> None:
        """Keep the time of those that run, and record what went wrong with those that ended."""
        answers = [(notification, notification.poll()) for notification in self._running]
        self._running = [notification for notification, answer in answers if answer is None]
        for _, answer in answers:
            if answer:
                self._failed(answer)

    def settle(self) -> None:
        """Give those that run a moment to end, so that what goes wrong at once is in the events."""
        deadline = time.monotonic() + _GRACE_SECONDS
        self.poll()
        while self._running and time.monotonic() < deadline:
            time.sleep(0.05)
            self.poll()

    def wait(self) -> None:
        """Wait for all of them, without events, for the run may be somebody else's by now."""
        for notification in self._running:
            if message := notification.wait():
                print(f"[tuitune] notification failed: {message}", file=sys.stderr, flush=True)

    def _failed(self, message: str) -> None:
        self._events.append(NotifyFailed(message=message))


def _start(run: Run, argv: list[str], facts: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    if not argv:
        raise ValueError("it is empty")
    shown = {name: _variable(facts.get(name)) for name in ("event", "run", "name", "state", "reason", "directory")}
    variables = {f"TUITUNE_{name.upper()}": value for name, value in shown.items()}
    with open(os.memfd_create("facts"), "w+b") as facts_file:
        facts_file.write(json.dumps(dict(facts), default=str).encode() + b"\n")
        facts_file.seek(0)
        process = subprocess.Popen(
            argv,
            stdin=facts_file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=run.path,
            env={**os.environ, **variables},
            start_new_session=True,
        )
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    return process


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it with all of its process group; it has not been waited for, so its pid still means it."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PAUSE)


def _variable(value: object) -> str:
    """A value as an environment variable may hold it."""
    text = "" if value is None else str(value)
    return text.replace("\0", "")[:_VALUE_LIMIT].encode("utf-8", "replace").decode()
