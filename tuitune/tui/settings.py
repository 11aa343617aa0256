"""What the screen remembers between sessions: `settings.toml` in the configuration folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tuitune.paths import config_home, private_directory
from tuitune.problem import Problem, TuituneError


def _path() -> Path:
    return config_home() / "settings.toml"


def remembered(key: str) -> str | None:
    """A remembered text, or None where there is none or the file cannot be read."""
    try:
        value = tomllib.loads(_path().read_text("utf-8")).get(key)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    return value if isinstance(value, str) else None


def remember(key: str, value: str) -> None:
    """Write one text, keeping what else a person wrote there. Raises TuituneError where the file cannot be changed."""
    import tomlkit

    from tuitune.recipe.document import write_text

    try:
        document = tomlkit.parse(_path().read_text("utf-8") if _path().exists() else "")
        document[key] = value
        private_directory(config_home())
    except (OSError, ValueError) as error:  # tomlkit's and Unicode errors are ValueErrors
        raise TuituneError(Problem(str(_path()), str(error))) from error
    write_text(_path(), tomlkit.dumps(document))
