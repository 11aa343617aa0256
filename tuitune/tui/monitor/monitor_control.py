"""What can be asked of the run on the monitor beside ending it: a checkpoint, an evaluation, an answer, a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tuitune.problem import TuituneError
from tuitune.runs.read.ownership import foreign
from tuitune.runs.read.state import AT_REST
from tuitune.runs.store.directory import Run
from tuitune.text import clean
from tuitune.tui.run_control import CONTROLS, RunControl
from tuitune.views.pending_requests import Answer, Ask, Asks
from tuitune.views.watched_run import WatchedRun

_HAS = {"paused": "is paused", "stopped": "was stopped"}
VERBS = {"checkpoint": "checkpoint", "evaluate": "evaluate", "sample_now": "sample", "tune": "tune"}
"""Actions of this screen → what they ask of the engine."""


class MonitorControl(RunControl):
    """The control keys of the monitor, for the run it watches."""

    run: Run
    view: WatchedRun

    if TYPE_CHECKING:

        def look_again(self) -> None: ...

    def __init__(self) -> None:
        super().__init__()
        self._asks = Asks()
        self._prompt: str | None = None
        self.foreign = ""
        """Why the run can only be looked at from here; "" where it can be acted on."""

    def controlled(self) -> tuple[Run, str] | None:
        return self.run, self.view.summary.state

    @property
    def asked_words(self) -> str:
        """What was asked here and is not answered yet; "" for nothing."""
        return self._asks.words

    def look_around(self) -> None:
        """See whose the run is now."""
        self.foreign = foreign(self.run)

    def asked(self, run: Run, verb: str) -> None:
        self._take_down(Ask(verb))

    def why_disabled(self, name: str) -> str | None:
        if self.foreign and (name in CONTROLS or name in VERBS):
            return f"{clean(self.run.name)} is read-only here: {self.foreign}"
        return self._why_not_ask(name) if name in VERBS else super().why_disabled(name)

    def _why_not_ask(self, name: str) -> str | None:
        verb, run, state = VERBS[name], clean(self.run.name), self.view.summary.state
        if state in AT_REST:
            more = "; r resumes it" if state != "finished" else ""
            return f"{run} {_HAS.get(state, f'has {state}')}; this works only while a run trains{more}"
        if state == "queued":
            return f"{run} is queued; e in the list of runs changes its recipe"
        if state == "stopping":
            return f"{run} is stopping"
        if verb in self._asks or (self.run, verb) in self._under_way:
            return f"{verb} is already requested; it runs at the end of a step"
        if name == "evaluate" and self.view.setting("data.eval") in (None, ""):
            return f"{run} has no held-out rows (data.eval)"
        return None

    # What is asked

    def action_checkpoint(self) -> None:
        self._request(Ask("checkpoint"), {})

    def action_evaluate(self) -> None:
        self._request(Ask("evaluate"), {})

    def action_sample_now(self) -> None:
        from tuitune.tui.monitor.prompt_dialog import PromptDialog

        def ask(prompt: str | None) -> None:
            if prompt is not None:
                self._prompt = prompt
                self._request(Ask("sample", detail=prompt), {"prompt": prompt} if prompt else {})

        prompts = self.view.setting("samples.prompts")
        count = len(prompts) if isinstance(prompts, list) else 0
        last = self.last_prompt if self._prompt is None else self._prompt
        self.app.push_screen(PromptDialog(self.run.name, last, count), ask)

    @property
    def last_prompt(self) -> str:
        """The prompt that the run was asked last, by whomever."""
        raise NotImplementedError

    def action_tune(self) -> None:
        from tuitune.tui.monitor.tune_dialog import TuneDialog

        try:
            recipe = self.view.current_recipe()
        except (TuituneError, OSError) as refusal:
            self.notify(str(refusal), title="Its recipe cannot be read", severity="error")
            return
        self.app.push_screen(
            TuneDialog(self.run.name, recipe),
            lambda changes: self._request(Ask("tune"), {"changes": changes}) if changes else None,
        )

    def _request(self, ask: Ask, arguments: Mapping[str, Any]) -> None:
        from tuitune.runs.control import spool

        def job() -> None:
            nonce = spool.request(self.run, ask.verb, arguments)
            self.app.call_later(self._take_down, Ask(ask.verb, nonce, ask.detail))

        self._begin(self.run, ask.verb, job, f"{self.run.name}: {ask.verb} was not sent")

    def _take_down(self, ask: Ask) -> None:
        self._asks.add(ask)
        self.look_again()

    # What came of it

    def settle(self) -> list[Answer]:
        """What became of the requests since the last look."""
        return self._asks.settle(self.view)
