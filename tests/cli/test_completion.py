"""Completion: scripts that the shells take, and what they offer at a line."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import create

CHECKED = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


@pytest.mark.parametrize("shell", CHECKED)
def test_the_script_is_one_of_its_shell(shell: str, cli, tmp_path: Path) -> None:
    answer = cli("completion", shell)
    assert answer.code == 0
    assert answer.out.count("tuitune") > 1 and answer.err == ""
    if shutil.which(shell):
        script = tmp_path / f"tuitune.{shell}"
        script.write_text(answer.out)
        assert subprocess.run([*CHECKED[shell], script], capture_output=True, text=True).stderr == ""


def test_another_shell_is_refused(cli) -> None:
    assert cli("completion", "tcsh").code == 2


@pytest.fixture
def tab(home: Path, tmp_path: Path, cli) -> Callable[[str], set[str]]:
    """What bash offers for a line, by the script and a `tuitune` of this tree."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "tuitune"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tuitune "$@"\n')
    command.chmod(0o755)
    script = cli("completion", "bash").out

    def press(line: str) -> set[str]:
        asked = f"""{script}
COMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9
_python_argcomplete tuitune
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        path = f"{command.parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "TUITUNE_HOME": str(home)}
        done = subprocess.run(["bash", "-c", asked], env=environment, capture_output=True, text=True, timeout=60)
        return {word.strip() for word in done.stdout.splitlines() if word.strip()}

    return press


def named(name: str) -> str:
    return create(apply(Recipe(), [f"run.name={name}"])).id


def test_runs_are_offered_by_name_and_by_id_where_several_bear_it(tab) -> None:
    twins = {named("twin"), named("twin")}
    named("alone")
    assert tab("tuitune show ") == {"alone", *twins}
    assert tab("tuitune queue move al") == {"alone"}


def test_verbs_settings_and_values_are_offered(tab) -> None:
    assert tab("tuitune pa") == {"pause"}
    assert tab("tuitune data t") == {"tokens"}
    assert "training.learning_rate=" in tab("tuitune train faq.toml --set training.l")
    assert tab("tuitune train faq.toml --set limits.nonfinite=") == {"stop", "warn"}
    offered = tab("tuitune tune faq ")
    assert "training.learning_rate=" in offered and "adapter.rank=" not in offered
