"""Whether Triton could compile here, told by compiling: every way in which it cannot is named with its remedy."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from tuitune.hardware.compiler import compiler, why_not_compiled


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A slim container: no compiler on the path, and none named."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CC", raising=False)
    return folder


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def headers(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(folder))


@pytest.mark.skipif(
    compiler() is None or not Path(sysconfig.get_path("include"), "Python.h").is_file(),
    reason="this machine has no C compiler with Python's headers",
)
def test_a_machine_with_compiler_and_headers_can() -> None:
    assert why_not_compiled() is None


def test_no_compiler(nothing_installed: Path) -> None:
    reason = why_not_compiled()
    assert reason is not None and "gcc" in reason and "CC" in reason


def test_no_headers(nothing_installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(nothing_installed / "gcc", "exit 0")
    headers(monkeypatch, tmp_path / "include")
    reason = why_not_compiled()
    assert reason is not None and "Python.h" in reason and "python3-dev" in reason


def test_a_compiler_that_is_not_there_cannot_run_or_fails(
    nothing_installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Python.h").touch()
    headers(monkeypatch, tmp_path)
    monkeypatch.setenv("CC", str(tmp_path / "absent-cc"))
    assert "absent-cc" in str(why_not_compiled())
    failing = program(nothing_installed / "clang", 'echo "fatal error: stdio.h: No such file" >&2; exit 1')
    monkeypatch.delenv("CC")
    assert compiler() == str(failing) and "stdio.h" in str(why_not_compiled())
    program(nothing_installed / "gcc", "exit 0")
    assert compiler() == str(nothing_installed / "gcc") and why_not_compiled() is None
