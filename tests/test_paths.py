"""Where things lie."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tuitune import paths


def test_homes_follow_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TUITUNE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert paths.data_home() == tmp_path / "data/tuitune"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/paths/are/not/valid")
    assert paths.data_home() == Path.home() / ".local/share/tuitune"
    assert paths.config_home() == tmp_path / "config/tuitune"


def test_tuitune_home_moves_the_data(home: Path) -> None:
    assert paths.runs_home() == home / "runs"
    assert paths.recipes_home() == home / "recipes"


def test_new_folders_are_private_all_the_way(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = paths.private_directory(tmp_path / "a/b/c")
    finally:
        os.umask(before)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in (folder, folder.parent, folder.parent.parent))
    assert paths.private_directory(folder) == folder


def test_what_ships_is_found() -> None:
    assert (paths.shipped("sample_data") / "nano/config.json").is_file()
    assert list(paths.shipped("themes").glob("*.toml"))
