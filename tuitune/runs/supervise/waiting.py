"""Waiting for a device: the part of a life before its engine, in which the recipe can still be edited."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tuitune.recipe.schema import Recipe
from tuitune.recipe.values import shown
from tuitune.runs.control.intake import Request
from tuitune.runs.queue.order import Turn, WaitingRun
from tuitune.runs.store.directory import read_recipe
from tuitune.runs.store.records.lifecycle import PauseRequested, StopRequested
from tuitune.runs.store.records.lifecycle import Waiting as Told
from tuitune.runs.supervise.context import SupervisorContext
from tuitune.runs.supervise.exit_report import ExitReport

if TYPE_CHECKING:
    from tuitune.runs.queue.slots import SlotHolder

TICK_SECONDS = 0.4

_ENDS = {
    "stop": ExitReport("stopped", "stopped while queued"),
    "pause": ExitReport("paused", "paused while queued"),
    "kill": ExitReport("stopped", "killed on request while queued"),
}

_REQUESTED: dict[str, type[StopRequested]] = {"stop": StopRequested, "pause": PauseRequested}


def await_device(context: SupervisorContext, recipe: Recipe) -> SlotHolder | ExitReport:
    """The device, once it is this run's turn; or how the run ended before. RecipeError where the recipe is damaged."""
    turn, told = Turn(context.run, recipe), ""
    found: SlotHolder | WaitingRun | ExitReport = turn.attempt()
    try:
        while isinstance(found, WaitingRun):
            if found.reason != told:
                told = found.reason
                context.events.append(Told(reason=told, place=found.place, of=found.of))
            time.sleep(TICK_SECONDS)
            context.notices.poll()
            edited, ending = _heed(context)
            if edited:
                recipe = read_recipe(context.run)
                context.notices.command = recipe.run.notify
                turn = Turn(context.run, recipe)
            found = ending or turn.attempt()
    finally:
        if isinstance(found, WaitingRun | ExitReport):
            turn.leave()
    return found


def _heed(context: SupervisorContext) -> tuple[bool, ExitReport | None]:
    """Answer what was asked: whether the recipe was edited, and how the run ended, if it was asked to."""
    edited, ending = False, None
    if context.terminated:
        context.events.append(StopRequested(by="signal"))
        ending = _ENDS["stop"]
    for request in context.inbox.take():
        if ending is not None:
            context.inbox.answer(request, False, "it has already ended, on an earlier request")
        elif request.verb == "edit":
            edited = _edit(context, request) or edited
        elif request.verb in _ENDS:
            ending = _ENDS[request.verb]
            if request.verb in _REQUESTED:
                context.events.append(_REQUESTED[request.verb](by=f"request {request.nonce}"))
            context.inbox.answer(request, True, ending.reason)
        else:
            context.inbox.answer(request, False, "it is queued and not training yet")
    return edited, ending


def _edit(context: SupervisorContext, request: Request) -> bool:
    from tuitune.recipe.check import RecipeError

    try:
        made = context.amend(request.arguments["changes"], "edit")
    except (RecipeError, OSError) as error:
        context.inbox.answer(request, False, str(error))
        return False
    changed = ", ".join(f"{key}: {shown(change['from'])} → {shown(change['to'])}" for key, change in made.items())
    context.inbox.answer(request, True, changed or "nothing to change")
    return bool(made)
