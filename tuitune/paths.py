"""Where tuitune keeps things: the user's folders (XDG, `TUITUNE_HOME`) and the files that ship with it."""

from __future__ import annotations

import os
from pathlib import Path

from tuitune.problem import TuituneError

_PACKAGE = Path(__file__).resolve().parent


def user_home() -> Path | None:
    """The user's home folder; None for one who has none, as a container's user without a name."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(name: str) -> Path:
    """The path that `name` means, `~` being the user's home; as it stands where nobody knows that."""
    return Path(os.path.expanduser(name))  # noqa: PTH111


def _xdg(variable: str, fallback: str) -> Path:
    configured = os.environ.get(variable, "")
    if Path(configured).is_absolute():
        return Path(configured)
    if (home := user_home()) is None:
        raise TuituneError(f"this user has no home folder; set {variable}, or HOME, to a folder to keep things in")
    return home / fallback


def data_home() -> Path:
    """The folder of runs, recipes and caches: `TUITUNE_HOME`, else `$XDG_DATA_HOME/tuitune`."""
    chosen = os.environ.get("TUITUNE_HOME")
    return expanded(chosen).absolute() if chosen else _xdg("XDG_DATA_HOME", ".local/share") / "tuitune"


def config_home() -> Path:
    """The folder of settings and user themes: `$XDG_CONFIG_HOME/tuitune`."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "tuitune"


def runs_home() -> Path:
    return data_home() / "runs"


def recipes_home() -> Path:
    return data_home() / "recipes"


def drafts_home() -> Path:
    return data_home() / "drafts"


def shipped(name: str) -> Path:
    """A folder that ships with tuitune (`themes`, `sample_data`): inside an installed wheel, or beside a checkout."""
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def private_directory(path: Path) -> Path:
    """Create `path` and its parents, readable by their owner alone (mode 0700), and return it."""
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path
