"""Where things lie."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tuitune import paths
from tuitune.hardware.models import hub_cache
from tuitune.problem import TuituneError


def test_homes_follow_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TUITUNE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert paths.data_home() == tmp_path / "data/tuitune"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/paths/are/not/valid")
    assert paths.data_home() == Path.home() / ".local/share/tuitune"
    assert paths.config_home() == tmp_path / "config/tuitune"


def test_a_user_without_a_home_needs_none_but_for_what_lies_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", classmethod(lambda _: (_ for _ in ()).throw(RuntimeError())))
    monkeypatch.setenv("TUITUNE_HOME", "/somewhere")
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert paths.user_home() is None
    assert hub_cache() == Path("/somewhere/cache/huggingface/hub")
    monkeypatch.delenv("TUITUNE_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    with pytest.raises(TuituneError, match="XDG_DATA_HOME"):
        paths.data_home()


def test_a_home_that_is_not_absolute_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TUITUNE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "rel")
    assert paths.user_home() is None and paths.expanded("~/x") == Path("~/x")
    with pytest.raises(TuituneError, match="HOME is not an absolute path"):
        paths.data_home()
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_this_locale_cannot_name_is_refused(tmp_path: Path) -> None:
    """With é in it, while file names are ASCII: the libraries would write elsewhere, or fail in the run."""
    code = "from tuitune.paths import data_home; data_home()"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for name, refused in (("café", True), ("cafe", False)):
        environment["TUITUNE_HOME"] = str(tmp_path / name)
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
        assert (b"PYTHONUTF8=1" in done.stderr, done.returncode) == (refused, int(refused))


def test_a_tilde_of_nobody_stays_as_it_is() -> None:
    assert paths.expanded("~nobody-by-that-name/x") == Path("~nobody-by-that-name/x")
    assert paths.expanded("~") == Path.home()


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
