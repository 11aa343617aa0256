"""What completes values of a command line: argcomplete goes by the parser, and by this where that lists no values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

Completer = Callable[..., Iterable[str]]
"""Gives values by what is typed of one (`prefix`); a mapping describes each."""


def run_names(prefix: str = "", **_parsed: object) -> Mapping[str, str]:
    """Every run by its name, or by its id where several bear the name."""
    from tuitune.runs.store.directory import list_runs

    runs = list_runs()
    bearers = Counter(run.name for run in runs)
    return {run.id if bearers[run.name] > 1 else run.name: run.name for run in runs}


def presets(prefix: str = "", **_parsed: object) -> Mapping[str, str]:
    from tuitune.recipe.presets import PRESETS

    return {preset.name: preset.help for preset in PRESETS.values()}


def trainers(prefix: str = "", **_parsed: object) -> Mapping[str, str]:
    from tuitune.recipe.importing.origins import ORIGINS

    return {origin.name: origin.title for origin in ORIGINS.values()}


def metrics(prefix: str = "", **_parsed: object) -> Mapping[str, str]:
    from tuitune.objectives import METRICS

    return {metric.key: f"{metric.title}: {metric.meaning}" for metric in METRICS.values()}


def methods(prefix: str = "", **_parsed: object) -> Mapping[str, str]:
    from tuitune.methods import METHODS

    return {method.name: method.does for method in METHODS.values()}


def assignments(prefix: str = "", **_parsed: object) -> Mapping[str, str]:
    """`KEY=` of every setting; `KEY=VALUE` of one that is typed, where its values can be listed."""
    from tuitune.recipe.settings import settings

    if "=" not in prefix:
        return {f"{one.key}=": one.help for one in settings()}
    key = prefix.partition("=")[0]
    return {f"{key}={value}": one.help for one in settings() if one.key == key for value in one.choices or ()}


def tunable_assignments(prefix: str = "", **parsed: object) -> Mapping[str, str]:
    """The same of the settings that a run takes while it trains."""
    from tuitune.recipe.settings import settings

    tunable = {one.key for one in settings() if one.is_tunable}
    return {text: about for text, about in assignments(prefix).items() if text.partition("=")[0] in tunable}
