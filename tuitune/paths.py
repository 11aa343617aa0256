"""Where tuitune keeps things: the user's folders (XDG, `TUITUNE_HOME`) and the files that ship with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tuitune.problem import Problem, TuituneError
from tuitune.text import clean

_PACKAGE = Path(__file__).resolve().parent


def user_home() -> Path | None:
    """The user's home folder; None for one who has none, as a container's user without a name, or a HOME that is not
    absolute.
    """
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_absolute() else None


def expanded(name: str) -> Path:
    """The path that `name` means, `~` being the user's home; as it stands where nobody knows that."""
    meant = Path(os.path.expanduser(name))  # noqa: PTH111
    return meant if meant.is_absolute() or not name.startswith("~") else Path(name)


def not_utf8(path: Path) -> str:
    """Why a path cannot be handed to the libraries, which take UTF-8 alone; "" where it can."""
    encoding = sys.getfilesystemencoding()
    try:
        if os.fsencode(path).decode() == str(path):
            return ""
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError) or encoding == "utf-8":
            return "this path is not UTF-8, and the libraries cannot open it; rename it"
    return f"this path is not ASCII, and file names are {encoding} here; set PYTHONUTF8=1, or a UTF-8 locale (LC_ALL)"


def _xdg(variable: str, fallback: str) -> Path:
    configured = os.environ.get(variable, "")
    if Path(configured).is_absolute():
        return Path(configured)
    if (home := user_home()) is None:
        wrong = "HOME is not an absolute path" if os.environ.get("HOME") else "this user has no home folder"
        raise TuituneError(f"{wrong}; set {variable}, or HOME, to a folder to keep things in")
    return home / fallback


def data_home() -> Path:
    """The folder of runs, recipes and caches: `TUITUNE_HOME`, else `$XDG_DATA_HOME/tuitune`.

    TuituneError where there is none, or the libraries cannot open it.
    """
    chosen = os.environ.get("TUITUNE_HOME")
    home = expanded(chosen).absolute() if chosen else _xdg("XDG_DATA_HOME", ".local/share") / "tuitune"
    if wrong := not_utf8(home):
        raise TuituneError(Problem("TUITUNE_HOME", f"{clean(str(home), limit=200)}: {wrong}"))
    return home


def config_home() -> Path:
    """The folder of settings, user themes and user catalogues: `$XDG_CONFIG_HOME/tuitune`."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "tuitune"


def runs_home() -> Path:
    return data_home() / "runs"


def recipes_home() -> Path:
    return data_home() / "recipes"


def drafts_home() -> Path:
    return data_home() / "drafts"


def shipped(name: str) -> Path:
    """A folder that ships with tuitune (`themes`, `catalogue`, `sample_data`): in an installed wheel, or a checkout."""
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def private_directory(path: Path) -> Path:
    """Create `path` and its parents, readable by their owner alone (mode 0700), and return it."""
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path
