"""What logind does with a user's processes at logout, read from its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_FOLDERS = ("etc", "run", "usr/local/lib", "usr/lib", "lib")
_ASSIGNMENT = re.compile(r"\s*(#?)\s*(Kill\w+)\s*=\s*(.*?)\s*")
_SIZE_LIMIT = 1 << 20


def kills_at_logout(user: str, root: Path = Path("/")) -> bool | None:
    """Whether a logout of `user` ends everything that the login session started (KillUserProcesses).

    False where no logind runs; None where its configuration does not tell: what it was built with is known only
    from the comments of the file that came with it.
    """
    if not (root / "run/systemd/system").is_dir():
        return False
    settings, built_in = _settings(root)
    kills = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
    told = kills.get(settings.get("KillUserProcesses", built_in).lower())
    if user in settings.get("KillExcludeUsers", "root").split():
        return False
    only = settings.get("KillOnlyUsers", "").split()
    return False if only and user not in only else told


def _settings(root: Path) -> tuple[dict[str, str], str]:
    """The Kill… settings in force, and the KillUserProcesses that the file says logind was built with ("" for none)."""
    settings: dict[str, str] = {}
    built_in = ""
    for file in _files(root):
        for line in _lines(file):
            matched = _ASSIGNMENT.fullmatch(line)
            if matched and not matched[1]:
                settings[matched[2]] = matched[3]
            elif matched and matched[2] == "KillUserProcesses":
                built_in = built_in or matched[3]
    return settings, built_in


def _files(root: Path) -> Iterator[Path]:
    """logind.conf, then the drop-ins in the order of their names; of two with one name the first folder's counts."""
    folders = [root / folder / "systemd" for folder in _FOLDERS]
    yield from [file for folder in folders if (file := folder / "logind.conf").is_file()][:1]
    drop_ins: dict[str, Path] = {}
    for folder in folders:
        for file in (folder / "logind.conf.d").glob("*.conf"):
            drop_ins.setdefault(file.name, file)
    yield from (drop_ins[name] for name in sorted(drop_ins))


def _lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            return opened.read(_SIZE_LIMIT).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
