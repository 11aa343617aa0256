"""What can be asked of a run that trains, beside ending it: a checkpoint, an evaluation, a sample, a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tuitune.problem import TuituneError
from tuitune.runs.read.state import AT_REST
from tuitune.runs.store.directory import Run
from tuitune.text import clean
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.run_control import RunControl
from tuitune.views.pending_requests import Answer, PendingRequest, PendingRequests
from tuitune.views.watched_run import WatchedRun

_HAS = {"paused": "is paused", "stopped": "was stopped"}
VERBS = {"checkpoint": "checkpoint", "evaluate": "evaluate", "sample_now": "sample", "tune": "tune"}
"""Actions of this screen → what they ask of the engine."""


class RunRequests(Handler):
    """Asks the run that `view` watches, and keeps what has not been answered yet.

    `last_prompt` gives the prompt that the run was asked last, by whomever; `look_again` has the run read at once.
    """

    def __init__(
        self,
        screen: TuituneScreen,
        view: WatchedRun,
        *,
        last_prompt: Callable[[], str],
        look_again: Callable[[], object],
    ) -> None:
        super().__init__(screen)
        self.control = RunControl(screen, self._controlled, lambda run, verb: self._take_down(PendingRequest(verb)))
        self._run = view.run
        self._view = view
        self._last_prompt = last_prompt
        self._look_again = look_again
        self._asks = PendingRequests()
        self._prompt: str | None = None

    def _controlled(self) -> tuple[Run, str]:
        return self._run, self._view.summary.state

    @property
    def words(self) -> str:
        """What was asked here and is not answered yet; "" for nothing."""
        return self._asks.words

    def why_disabled(self, name: str) -> str | None:
        return self._why_not_ask(name) if name in VERBS else None

    def _why_not_ask(self, name: str) -> str | None:
        verb, run, state = VERBS[name], clean(self._run.name), self._view.summary.state
        if state in AT_REST:
            more = "; r resumes it" if state != "finished" else ""
            return f"{run} {_HAS.get(state, f'has {state}')}; this works only while a run trains{more}"
        if state == "queued":
            return f"{run} is queued; e in the list of runs changes its recipe"
        if state == "stopping":
            return f"{run} is stopping"
        if verb in self._asks or self.control.is_under_way(self._run, verb):
            return f"{verb} is already requested; it runs at the end of a step"
        if name == "evaluate" and self._view.setting("data.eval") in (None, ""):
            return f"{run} has no held-out rows (data.eval)"
        return None

    # What is asked

    def action_checkpoint(self) -> None:
        self._request(PendingRequest("checkpoint"), {})

    def action_evaluate(self) -> None:
        self._request(PendingRequest("evaluate"), {})

    def action_sample_now(self) -> None:
        from tuitune.tui.monitor.prompt_dialog import PromptDialog

        def ask(prompt: str | None) -> None:
            if prompt is not None:
                self._prompt = prompt
                self._request(PendingRequest("sample", detail=prompt), {"prompt": prompt} if prompt else {})

        prompts = self._view.setting("samples.prompts")
        count = len(prompts) if isinstance(prompts, list) else 0
        last = self._last_prompt() if self._prompt is None else self._prompt
        self.screen.app.push_screen(PromptDialog(self._run.name, last, count), ask)

    def action_tune(self) -> None:
        from tuitune.tui.monitor.tune_dialog import TuneDialog

        try:
            recipe = self._view.current_recipe()
        except (TuituneError, OSError) as refusal:
            self.screen.notify(str(refusal), title="Its recipe cannot be read", severity="error")
            return
        self.screen.app.push_screen(
            TuneDialog(self._run.name, recipe),
            lambda changes: self._request(PendingRequest("tune"), {"changes": changes}) if changes else None,
        )

    def _request(self, ask: PendingRequest, arguments: Mapping[str, Any]) -> None:
        from tuitune.runs.control import spool

        def job() -> None:
            nonce = spool.request(self._run, ask.verb, arguments)
            self.screen.app.call_later(self._take_down, PendingRequest(ask.verb, nonce, ask.detail))

        self.control.begin(self._run, ask.verb, job, f"{self._run.name}: {ask.verb} was not sent")

    def _take_down(self, ask: PendingRequest) -> None:
        self._asks.add(ask)
        self._look_again()

    # What came of it

    def settle(self) -> list[Answer]:
        """What became of the requests since the last look."""
        return self._asks.settle(self._view)
