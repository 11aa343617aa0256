"""A process goes on where nobody reads what it prints: a print is no reason to lose a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def code_without_readers(*arguments: str) -> int:
    """The exit code of a Python process whose standard output and error nobody reads."""
    source, entrance = os.pipe()
    os.close(source)
    try:
        return subprocess.run([sys.executable, *arguments], stdout=entrance, stderr=entrance, timeout=60).returncode
    finally:
        os.close(entrance)


PRINTS = "print('a line', flush=True); print('another', file=sys.stderr); os.write(1, b'native')"


def test_printing_raises_nothing_once_the_readers_are_gone() -> None:
    code = f"import os, sys; from tuitune.log_filter import outlive_readers; outlive_readers(); {PRINTS}; os._exit(7)"
    assert code_without_readers("-c", code) == 7
    assert code_without_readers("-c", f"import os, sys; {PRINTS}; os._exit(7)") != 7


def test_an_engine_whose_supervisor_and_filter_are_gone_can_print() -> None:
    code = f"""
import os, sys
from tuitune.engine import __main__ as engine, worker
def carry_out(run, listen):
    {PRINTS}
    return 7
worker.carry_out = carry_out
sys.argv = ["engine", "train", "a-run"]
os._exit(engine.main())
"""
    assert code_without_readers("-c", code) == 7


@pytest.mark.parametrize("module", ["tuitune.data scan", "tuitune.engine hub"])
def test_a_task_whose_filter_is_gone_says_how_it_ended(module: str, tmp_path: Path) -> None:
    (tmp_path / "wanted.json").write_text("{}")
    assert code_without_readers("-P", "-m", *module.split(), str(tmp_path)) == 1
    assert "KeyError" in json.loads((tmp_path / "progress.json").read_text())["error"]


def test_what_is_printed_arrives_in_order_while_somebody_reads() -> None:
    printing = "print('ä'); sys.stderr.write('b')"
    code = f"import sys; from tuitune.log_filter import outlive_readers; outlive_readers(); {printing}"
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    assert found.stdout.decode() == "ä\nb"
