"""What a person can ask of one run, the same on every screen: pause, stop, kill, resume, delete, compose again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from textual.worker import get_current_worker

from tuitune.problem import TuituneError
from tuitune.runs.store.directory import Run, read_recipe
from tuitune.text import clean
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.views.run_line import READING

_ANSWER_SECONDS = 5.0

CONTROLS = frozenset({"pause", "stop", "kill", "resume", "delete"})

_STOP = "It stops at its next step and saves its adapter; r resumes it later."
_STOP_QUEUED = "It leaves the queue before it starts; r queues it again."
_KILL = (
    "First it is asked to save and stop, within 5 to 60 seconds.\n"
    "Then its processes get SIGTERM, and 5 seconds.\n"
    "Then they get SIGKILL.\n\n"
    "Steps after its last checkpoint may be lost; r resumes from there.\n"
    "S stops a run that still responds, and saves its adapter."
)
_KILL_NOW = (
    "It has been asked to stop. This kills its processes at once.\n\n"
    "Steps after its last checkpoint are lost; r resumes from there."
)
_DELETE = "This deletes the run's curves, samples, checkpoints and adapter for good:"


class RunControl(Handler):
    """The actions on the run that `controlled` gives with its state. Requests leave in a thread; a refusal is said.

    The screen calls none of them, and asks after none, while it has no such run.
    """

    def __init__(self, screen: TuituneScreen, controlled: Callable[[], tuple[Run, str]]) -> None:
        super().__init__(screen)
        self.controlled = controlled
        self._under_way: set[tuple[Run | None, str]] = set()

    @property
    def busy(self) -> bool:
        """Whether anything asked here is under way."""
        return bool(self._under_way)

    def is_under_way(self, run: Run | None, verb: str) -> bool:
        return (run, verb) in self._under_way

    def why_disabled(self, name: str) -> str | None:
        if name not in CONTROLS:
            return None
        run, state = self.controlled()
        if self.is_under_way(run, name):
            return f"{clean(run.name)}: {name} is under way"
        return _why_not(name, clean(run.name), state)

    # What is asked

    def action_pause(self) -> None:
        run, state = self.controlled()
        waits = "leaves the queue; r queues it again"
        works = "saves a checkpoint at its next step and frees its device; r resumes from there"
        self.ask(run, "pause", said=f"{run.name} {waits if state == 'queued' else works}")

    def action_stop(self) -> None:
        run, state = self.controlled()
        text = _STOP_QUEUED if state == "queued" else _STOP
        self._confirm(f"Stop {run.name}?", text, lambda: self.ask(run, "stop"))

    def action_kill(self) -> None:
        run, _ = self.controlled()
        now = _is_being_killed(run)
        title = f"Kill {run.name} at once?" if now else f"Kill {run.name}?"
        text = _KILL_NOW if now else _KILL
        self._confirm(title, text, lambda: self.ask(run, "kill", {"now": now}), word=run.name)

    def action_resume(self) -> None:
        from tuitune.tui.widgets.ask import Extend

        run, state = self.controlled()
        if state != "finished":
            self._resume(run, None)
            return
        with self.telling("Its recipe cannot be read"):
            self.screen.app.push_screen(
                Extend(run.name, read_recipe(run)), lambda changes: self._resume(run, changes) if changes else None
            )

    def action_again(self) -> None:
        with self.telling("Its recipe cannot be read"):
            self.screen.app.open_compose(read_recipe(self.controlled()[0]))

    def action_delete(self) -> None:
        from tuitune.runs.deletion import delete

        run, _ = self.controlled()

        def go() -> None:
            self.begin(run, "delete", lambda: delete(run), f"{run.name} was not deleted")

        self._confirm(f"Delete {run.name}?", f"{_DELETE}\n{run.path}", go, word=run.name)

    # How it is asked

    def ask(self, run: Run, verb: str, arguments: Mapping[str, Any] | None = None, *, said: str = "") -> None:
        """Leave a request that the supervisor carries out itself; `said` is shown unless it refuses within seconds."""
        from tuitune.runs.control import spool

        def job() -> None:
            nonce = spool.request(run, verb, arguments)
            self.screen.app.call_later(self.asked, run, verb)
            _await_answer(run, nonce)

        self.begin(run, verb, job, f"{run.name}: {verb} was refused", said)

    def asked(self, run: Run, verb: str) -> None:
        """A request is in the run's spool, not yet answered."""

    def _resume(self, run: Run, changes: Mapping[str, Any] | None) -> None:
        from tuitune.runs.launcher import resume

        said = f"{run.name} resumes when its device is free"
        self.begin(run, "resume", lambda: resume(run, changes), f"{run.name} was not resumed", said)

    def _confirm(self, title: str, text: str, then: Callable[[], None], word: str | None = None) -> None:
        from tuitune.tui.widgets.dialogs import Confirm

        self.screen.app.push_screen(Confirm(title, text, word=word), lambda yes: then() if yes else None)

    def begin(self, run: Run | None, verb: str, job: Callable[[], object], failure: str, said: str = "") -> None:
        """Do `job` in a thread; `said` is shown once it is done, and `failure` over the reason why it is not."""
        later, notify = self.screen.app.call_later, self.screen.notify

        def work() -> None:
            try:
                job()
                if said:
                    later(notify, said)
            except (TuituneError, OSError) as error:
                later(partial(notify, str(error), title=failure, severity="error"))
            finally:
                later(done)

        def done() -> None:
            self._under_way.discard((run, verb))
            self.screen.refresh_keys()

        self._under_way.add((run, verb))
        self.screen.refresh_keys()
        self.screen.run_worker(work, name="the request", thread=True, exit_on_error=False)


def _is_being_killed(run: Run) -> bool:
    """Whether somebody had the run killed in this life of it, and it has not ended yet."""
    from tuitune.runs.read.state import read_life
    from tuitune.runs.store.records import newest
    from tuitune.runs.store.records.lifecycle import Kill

    return newest(read_life(run), Kill) is not None


def _await_answer(run: Run, nonce: str) -> None:
    """Wait a moment for what becomes of a request; TuituneError where it is refused."""
    from tuitune.runs.control import spool

    worker = get_current_worker()
    outcome = spool.await_outcome(run, nonce, seconds=_ANSWER_SECONDS, given_up=lambda: worker.is_cancelled)
    if outcome is not None and not outcome.ok:
        raise TuituneError(outcome.message or "refused without a reason")


def _why_not(name: str, run: str, state: str) -> str | None:
    from tuitune.runs.read.state import AT_REST

    if state == READING:
        return "Still reading the run"
    if name == "resume":
        at_work = "is already queued" if state == "queued" else f"is {state}: nothing to resume"
        return None if state in AT_REST else f"{run} {at_work}"
    if name == "delete":
        remedy = "wait until it has ended" if state == "stopping" else "stop it first"
        return None if state in AT_REST else f"{run} is {state}: {remedy}"
    if state == "paused":
        return f"{run} is paused: r resumes it and d deletes it"
    if state in AT_REST:
        return f"{run} has already ended: {state}"
    if state == "queued" and name == "kill":
        return f"{run} has not started: S removes it from the queue"
    if state == "stopping" and name != "kill":
        return f"{run} is already stopping: K kills it if that takes too long"
    return None
