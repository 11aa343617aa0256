"""Watching over an engine at work: what is asked of it, what it warns of, whether it is heard at all."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from tuitune.runs.control.intake import Request
from tuitune.runs.store.records import Record, whole
from tuitune.runs.store.records.lifecycle import Heard, Kill, PauseRequested, Silent, StopRequested
from tuitune.runs.store.records.training import Alert
from tuitune.runs.supervise import kill_escalation
from tuitune.runs.supervise.context import SupervisorContext
from tuitune.runs.supervise.engine_process import EngineProcess
from tuitune.runs.supervise.engine_progress import EngineProgress
from tuitune.runs.supervise.exit_report import Asked
from tuitune.runs.supervise.kill_escalation import KillEscalation

TICK_SECONDS = 0.4
SILENT_SECONDS, SILENT_STEPS = 120.0, 20
"""How long silence is at least, and of how many of the longest steps."""

LEAVE_SECONDS = 2.0
"""What an engine leaves running has this long to leave by itself."""

_TOO_LATE = "it has just started, with its old recipe; `tuitune tune` changes what can change in training"
_ALREADY = {"stop": "it is already stopping", "pause": "it is already pausing", "kill": "it is already being killed"}


class Watch:
    """Watches over `engine`, whose records are those after number `after`. `asked` is what it was last asked to do."""

    def __init__(self, context: SupervisorContext, engine: EngineProcess, progress: EngineProgress, after: int) -> None:
        self.asked: Asked = ""
        self._context = context
        self._engine = engine
        self._progress = progress
        self._after = after
        self._silence = Silence()
        self._escalation: KillEscalation | None = None

    def until_gone(self) -> int:
        """Wait until the engine has exited and nothing of it is left; its return code, negative for a signal."""
        while not self._engine.exited_within(TICK_SECONDS):
            self._look()
        self._sweep()
        return self._engine.wait()

    def _look(self) -> None:
        self._listen()
        for request in self._context.inbox.take():
            self._context.inbox.answer(request, *self._heed(request))
        if self._context.terminated and not self.asked:
            self._end("stop", StopRequested, "signal")
        if self._escalation:
            self._escalation.climb()
        self._context.notices.poll()

    def _heed(self, request: Request) -> tuple[bool, str]:
        """Carry out a request: whether that is done or under way, and what to say."""
        match request.verb:
            case "kill":
                self._kill(now=request.arguments.get("now") is True)
                return True, "killing it"
            case "edit":
                return False, _TOO_LATE
            case verb if self.asked:
                return verb == self.asked or (verb == "stop" and self.asked == "kill"), _ALREADY[self.asked]
            case "stop":
                self._end("stop", StopRequested, f"request {request.nonce}")
                return True, "stopping at the end of this step"
            case "pause":
                if not self._tell(request):
                    return False, "the engine does not respond; stop it instead"
                self._end("pause", PauseRequested, f"request {request.nonce}")
                return True, "pausing at the end of this step"
            case _:
                passed_on = self._tell(request)
                return passed_on, "passed on to the engine" if passed_on else "the engine does not respond"

    def _end(self, asked: Asked, event: type[StopRequested], by: str) -> None:
        self.asked = asked
        self._record(event, by=by)
        self._engine.stop()

    def _kill(self, *, now: bool) -> None:
        self.asked = "kill"
        if self._escalation is None:
            self._escalation = KillEscalation(self._engine, kill_escalation.patience(self._progress), self._rung)
        self._escalation.begin(now=now)

    def _rung(self, **fields: Any) -> None:
        self._record(Kill, **fields)
        if fields["rung"] == "stuck":
            self._context.notices.say("stuck", {"message": fields["message"]})

    def _tell(self, request: Request) -> bool:
        return self._engine.tell({"nonce": request.nonce, "verb": request.verb, "arguments": request.arguments})

    def _record(self, event: type[StopRequested | Kill], **fields: Any) -> None:
        """Write an event with where the engine is in its records."""
        self._context.events.append(event(**fields, step=self._progress.step, after=self._progress.seq))

    def _listen(self) -> None:
        fresh = [record for record in self._progress.listen() if _after(record, self._after)]
        for record in fresh:
            if record.get("kind") == Alert.kind and (alert := Alert.read(record)).level in ("warning", "error"):
                facts = {"alert": alert.id, "level": alert.level, "message": alert.message, "step": alert.step}
                self._context.notices.say("alert", facts)
        if fresh and self._silence.broken():
            self._context.events.append(Heard())
        elif not fresh and (seconds := self._silence.news(self._progress.longest_step)) is not None:
            self._context.events.append(Silent(seconds=round(seconds, 1)))
            self._context.notices.say("silent", {"seconds": round(seconds, 1)})

    def _sweep(self) -> None:
        """After the engine has exited: what it left running has a moment to leave by itself, then it is killed, for the
        device is not free while anything of the group is left. The engine is waited for only then: until that its pid,
        which is the group's too, cannot come to mean another process.
        """
        leaving = time.monotonic() + LEAVE_SECONDS
        while not self._engine.group_is_empty() and time.monotonic() < leaving:
            time.sleep(0.05)
        if self._engine.group_is_empty():
            return
        self._engine.signal_group(signal.SIGKILL)
        stuck = time.monotonic() + kill_escalation.GROUP_SECONDS
        while not self._engine.group_is_empty():
            time.sleep(0.05)
            self._look()
            if stuck and time.monotonic() > stuck:
                stuck = 0.0
                self._rung(rung="stuck", seconds=None, next=None, message=kill_escalation.MESSAGES["stuck"])


def _after(record: Record, number: int) -> bool:
    seq = whole(record, "seq")
    return seq is None or seq > number


class Silence:
    """Time since something was heard, by a clock that nobody can set."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._told = 0.0

    def broken(self) -> bool:
        """Something was heard; whether it ends a silence that was told of."""
        self._since, told, self._told = self._clock(), self._told, 0.0
        return told > 0

    def news(self, longest_step: float) -> float | None:
        """The seconds of silence, when they are worth telling: the first time, and each time that they have doubled."""
        seconds = self._clock() - self._since
        if seconds < max(SILENT_SECONDS, SILENT_STEPS * longest_step, 2 * self._told):
            return None
        self._told = seconds
        return seconds
