"""Paths as a person types them: half of them are not there yet, too long to be one, or begin with the ~ of nobody."""

from __future__ import annotations

import os
from pathlib import Path

from tuitune.paths import expanded


def typed_path(text: str, base: Path) -> Path:
    """The path that `text` means; a relative one starts at `base`. Never raises."""
    return base / expanded(text)


def is_there(path: Path) -> bool:
    """Whether something lies at `path`, as far as that can be seen."""
    return os.path.exists(path)  # noqa: PTH110 - that of a Path raises where the name is too long


def is_folder(path: Path) -> bool:
    """Whether a folder lies at `path`, as far as that can be seen."""
    return os.path.isdir(path)  # noqa: PTH112
