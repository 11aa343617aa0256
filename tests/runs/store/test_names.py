"""Names of runs: whatever somebody calls a run, its directory lies directly among the runs, or there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuitune.problem import TuituneError
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.run import RunSection
from tuitune.runs import launcher
from tuitune.runs.store.directory import Run, create, find, list_runs

REFUSED = [
    "", ".", "..", "../up", "../../../etc/cron.d/x", "/etc/passwd", "a/b", "a/../../b", "a\\b/c", "~", "$HOME", "`id`",
    "a;b", "a b", "a\n", "new\nline", "tab\t", "nul\0byte", "\x1b[2J", "UPPER", "-rf", "--help", ".hidden", "é", "‮abc",
    "ａｂｃ", "%2e%2e", "x" * 65, "x" * 5000, "\ud800",
]  # fmt: skip
CONTAINED = ["checkpoint-3", "step-000500", "a..b", "a.", "con", "0", "latest", "adapter", "x" * 64, "01m85chft7hq9"]


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_that_could_lead_elsewhere_is_refused_at_every_door(name: str, home: Path) -> None:
    with pytest.raises(TuituneError, match=r"run\.name"):
        apply(Recipe(), [f"run.name={_toml(name)}"])
    unchecked = Recipe().model_copy(update={"run": RunSection.model_construct(name=name, notes="", seed=1)})
    for door in (create, launcher.launch):
        with pytest.raises((TuituneError, OSError, ValueError)):
            door(unchecked)
    with pytest.raises(TuituneError):
        find(name)
    assert not home.exists() or [path.name for path in home.rglob("*") if path.name != "runs"] == []
    assert not (home.parent / "up").exists()


@pytest.mark.parametrize("name", CONTAINED)
def test_an_odd_name_is_only_a_name(name: str, home: Path) -> None:
    run = create(apply(Recipe(), [f"run.name={name!r}"]))
    assert run.path.parent == home / "runs" and run.path.resolve() == run.path
    assert (run.name, list_runs()) == (name, [run])
    assert find(run.id) == find(run.path.name) == run
    assert find(name) == run
    assert Run(run.path) == run


def _toml(name: str) -> str:
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in name) + '"'
