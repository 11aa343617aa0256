"""What can be asked of a run that trains, and not of others: a checkpoint, an evaluation, a sample, a change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partialmethod
from typing import Any

from tuitune.runs.control import spool
from tuitune.runs.read.state import AT_REST
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import Run
from tuitune.text import clean
from tuitune.tui.base import TuituneScreen
from tuitune.tui.monitor.samples import SampleBook
from tuitune.tui.run_control import RunControl
from tuitune.tui.widgets.ask import LineDialog
from tuitune.views.pending_requests import PendingRequest, PendingRequests

_HAS = {"paused": "is paused", "stopped": "was stopped"}
VERBS = {"checkpoint": "checkpoint", "evaluate": "evaluate", "sample_now": "sample", "tune": "tune"}
"""Actions of this screen → what they ask of the engine."""


class PromptDialog(LineDialog[str]):
    """Gives a prompt to be answered while the run trains, "" for those of the recipe, None for Esc.

    `last` is offered again, where one line can hold it; `prompts`: how many the recipe has.
    """

    def __init__(self, name: str, last: str, prompts: int) -> None:
        own = "its recipe's prompt" if prompts == 1 else f"its recipe's {prompts} prompts"
        text = "It answers at the end of its next step.\n"
        text += f"Leave empty for {own}." if prompts else "Its recipe has no prompts: write one."
        offered = last if clean(last) == last else ""
        options = {"select_on_focus": True, "placeholder": "a prompt"}
        super().__init__(f"Sample {name} now", "Enter sample · Esc back", text, offered, **options)
        self._needed = not prompts

    def read(self, text: str) -> str:
        if self._needed and not text.strip():
            raise ValueError
        return text.strip()


class RunRequests(RunControl):
    """Asks the run that `view` watches; `asks` is what has not been answered yet. `book`: the samples it gave."""

    def __init__(self, screen: TuituneScreen, view: RunView, book: SampleBook) -> None:
        super().__init__(screen, lambda: (view.run, view.summary.state))
        self.asks = PendingRequests()
        self._run = view.run
        self._view = view
        self._book = book
        self._prompt: str | None = None

    def why_disabled(self, name: str) -> str | None:
        return self._why_not_ask(name) if name in VERBS else super().why_disabled(name)

    def _why_not_ask(self, name: str) -> str | None:
        verb, run, state = VERBS[name], clean(self._run.name), self._view.summary.state
        if state in AT_REST:
            more = "; r resumes it" if state != "finished" else ""
            return f"{run} {_HAS.get(state, f'has {state}')}; this works only while a run trains{more}"
        if state == "queued":
            return f"{run} is queued; e in the list of runs changes its recipe"
        if state == "stopping":
            return f"{run} is stopping"
        if verb in self.asks or self.is_under_way(self._run, verb):
            return f"{verb} is already requested; it runs at the end of a step"
        if name == "evaluate" and self._view.setting("data.eval") in (None, ""):
            return f"{run} has no held-out rows (data.eval)"
        return None

    def action_sample_now(self) -> None:
        def ask(prompt: str | None) -> None:
            if prompt is not None:
                self._prompt = prompt
                self._request("sample", {"prompt": prompt} if prompt else None, detail=prompt)

        prompts = self._view.setting("samples.prompts")
        count = len(prompts) if isinstance(prompts, list) else 0
        last = self._book.last_asked if self._prompt is None else self._prompt
        self.screen.app.push_screen(PromptDialog(self._run.name, last, count), ask)

    def action_tune(self) -> None:
        from tuitune.tui.monitor.tune_dialog import TuneDialog

        with self.telling("Its recipe cannot be read"):
            self.screen.app.push_screen(
                TuneDialog(self._run.name, self._view.current_recipe()),
                lambda changes: self._request("tune", {"changes": changes}) if changes else None,
            )

    def _request(self, verb: str, arguments: Mapping[str, Any] | None = None, detail: str = "") -> None:
        def job() -> None:
            nonce = spool.request(self._run, verb, arguments)
            self.screen.app.call_later(self._take_down, PendingRequest(verb, nonce, detail))

        self.begin(self._run, verb, job, f"{self._run.name}: {verb} was not sent")

    action_checkpoint = partialmethod(_request, "checkpoint")
    action_evaluate = partialmethod(_request, "evaluate")

    def asked(self, run: Run, verb: str) -> None:
        self._take_down(PendingRequest(verb))

    def _take_down(self, ask: PendingRequest) -> None:
        self.asks.add(ask)
        self.screen.refresh_keys()
