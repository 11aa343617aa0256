"""Carrying out what the run is asked while it trains. Every request ends in one `done` record."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from tuitune.engine.control.cadence import Due
from tuitune.engine.control.tuning import Tuning
from tuitune.engine.evaluation.samples import Sampler
from tuitune.engine.journal.report import Report
from tuitune.engine.load.device import give_back_memory
from tuitune.engine.process.failures import explain
from tuitune.engine.process.request_pipe import RequestPipe
from tuitune.problem import TuituneError
from tuitune.recipe.sections.samples import SamplesSection
from tuitune.recipe.tunable import tune
from tuitune.runs.control.intake import VERBS, Request, misshapen


class Requests:
    """Takes requests from the pipe and carries them out in order, at the end of a step.

    A checkpoint and an evaluation are made by the trainer after that: they are settled then. `ending` says what the
    run was asked to come to, "pause" or "stop", if anything; that is answered when it has come to it.
    """

    def __init__(self, pipe: RequestPipe, report: Report, tuning: Tuning, sampler: Sampler) -> None:
        self.ending: str | None = None
        self._pipe = pipe
        self._report = report
        self._tuning = tuning
        self._sampler = sampler
        self._queue: deque[Request] = deque()
        self._waiting: defaultdict[str, list[Request]] = defaultdict(list)
        self._verbs: dict[str, Callable[[Request, Any, Due], str | None]] = {
            "checkpoint": self._checkpoint,
            "evaluate": self._evaluate,
            "sample": self._sample,
            "tune": self._tune,
        }

    def receive(self) -> None:
        """Take in what has arrived; a wish to end is known from here on."""
        for request in self._pipe.poll():
            if request.verb in ("pause", "stop"):
                self.ending = "pause" if "pause" in (request.verb, self.ending) else "stop"
            else:
                self._queue.append(request)

    def carry_out(self, trainer: Any, due: Due, *, ending: bool) -> None:
        """Do what was asked, or mark it in `due`; a run that is ending makes no more samples and evaluations."""
        while self._queue:
            request = self._queue.popleft()
            try:
                message, ok = self._do(request, trainer, due, ending=ending), True
            except TuituneError as error:
                message, ok = str(error), False
            except Exception as error:
                message, ok = explain(error), False
            if not ok:
                give_back_memory()
            if message is not None:
                self._done(request, ok, message)

    def settle(self, verb: str, ok: bool, message: str) -> None:
        """Answer all requests of this kind that wait for what has been done now, or could not be."""
        for request in self._waiting.pop(verb, []):
            self._done(request, ok, message)

    def _do(self, request: Request, trainer: Any, due: Due, *, ending: bool) -> str | None:
        """What came of it; None where the trainer still has to do it."""
        if (act := self._verbs.get(request.verb)) is None:
            known = request.verb in VERBS
            raise TuituneError(f"{request.verb} is not for the engine" if known else f"unknown: {request.verb!r:.40}")
        if wrong := misshapen(request.verb, request.arguments):
            raise TuituneError(wrong)
        if ending and request.verb in ("evaluate", "sample"):
            raise TuituneError("the run is ending; resume it, then ask again")
        return act(request, trainer, due)

    def _checkpoint(self, request: Request, trainer: Any, due: Due) -> None:
        due.save = True
        self._waiting[request.verb].append(request)

    def _evaluate(self, request: Request, trainer: Any, due: Due) -> None:
        if trainer.eval_dataset is None:
            raise TuituneError("this run has no held-out rows; start one with data.eval set to a fraction or a file")
        due.evaluate = True
        self._waiting[request.verb].append(request)

    def _sample(self, request: Request, trainer: Any, due: Due) -> str:
        if not self._sampler.answers:
            raise TuituneError("the model of this run gives scores and writes no answers")
        prompt = request.arguments.get("prompt")
        settings = self._tuning.recipe.samples
        if prompt is None and not settings.prompts:
            raise TuituneError("the recipe has no prompts; give one with the request")
        if prompt is not None and not prompt.strip():
            raise TuituneError("the prompt is empty; write one")
        self._refuse_long([prompt] if prompt is not None else settings.prompts, settings, trainer)
        with trainer.recorder.watch:
            self._sampler.take(self._report.step, "during", prompt=prompt, nonce=request.nonce)
        count = 1 if prompt is not None else len(settings.prompts)
        return f"{count} {'prompt' if count == 1 else 'prompts'} answered at step {self._report.step:,}"

    def _tune(self, request: Request, trainer: Any, due: Due) -> str:
        changes = request.arguments["changes"]
        tuned = tune(self._tuning.recipe, changes).samples
        if tuned != self._tuning.recipe.samples:
            self._refuse_long(tuned.prompts, tuned, trainer)
        self._tuning.change(request.nonce, changes, trainer)
        return f"in effect from step {self._report.step + 1:,} on: {', '.join(sorted(changes))}"

    def _refuse_long(self, prompts: list[str], settings: SamplesSection, trainer: Any) -> None:
        most = getattr(trainer.model.config.get_text_config(), "max_position_embeddings", None)
        if (problem := self._sampler.too_long(prompts, settings, most)) is not None:
            raise TuituneError(problem)

    def _done(self, request: Request, ok: bool, message: str) -> None:
        self._report.done(request.nonce, request.verb, ok, message)
        self._pipe.answered(request)
