"""Drafts on disk: what is composed outlives its screen, also one that was killed. Knows nothing of Textual.

A screen writes a file of its own, so that several at once never write over each other's draft. One whose owner is gone
was left behind, and another screen can take it over.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ulid import ULID

from tuitune.paths import drafts_home, private_directory
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import settings
from tuitune.runs.located import resolve_paths
from tuitune.runs.store import files, identity
from tuitune.runs.store.identity import Identity
from tuitune.text import clean
from tuitune.views.draft import Draft, Version

_LARGEST = 1 << 21
_MOST = 20
_ELSEWHERE_SECONDS = 3_600.0
"""Another machine's screen cannot be looked at: its draft counts as left behind once it has rested for this long."""


@dataclass(frozen=True)
class LeftBehind:
    """A draft whose screen is gone; `saved_at` in seconds since 1970. Its relative paths start at `base`."""

    path: Path
    version: Version
    base: Path
    saved_at: float

    @property
    def name(self) -> str:
        return self.version.recipe.run.name

    @property
    def changes(self) -> int:
        """How many settings differ from their defaults."""
        return len(Draft(self.version).changed())


class KeptDraft:
    """The file of one draft. Safe to use from several threads."""

    def __init__(self) -> None:
        self.path = drafts_home() / f"{ULID()}.json"
        self._lock = threading.Lock()
        self._dropped = False

    def save(self, version: Version, base: Path) -> None:
        """Write the draft as it is now; one that is all defaults needs no file. OSError where that fails."""
        record = {
            "owner": identity.current().as_record(),
            "saved_at": time.time(),
            "base": str(base),
            "recipe": version.recipe.model_dump(mode="json"),
            "refused": {key: entry.text for key, entry in version.refused.items()},
        }
        with self._lock:
            if self._dropped or version == Version(Recipe()):
                self.path.unlink(missing_ok=True)
                return
            private_directory(self.path.parent)
            files.write_whole(self.path, json.dumps(record, ensure_ascii=True).encode())

    def drop(self) -> None:
        """Remove the file; nothing is saved from then on."""
        with self._lock:
            self._dropped = True
            self.path.unlink(missing_ok=True)


def left_behind() -> tuple[list[LeftBehind], list[Problem]]:
    """The drafts whose screens are gone, newest first, at most twenty; and those that cannot be read, with why."""
    try:
        paths = sorted(drafts_home().glob("*.json"), reverse=True)[:_MOST]
    except OSError:
        return [], []
    found, problems = [], []
    for path in paths:
        try:
            if (one := _read(path)) is not None:
                found.append(one)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or "not a draft that this version can read"
            problems.append(Problem(clean(str(path)), f"{reason}; delete it, or open it in an editor"))
    return sorted(found, key=lambda one: -one.saved_at), problems


def take(found: LeftBehind, base: Path) -> tuple[KeptDraft, Version]:
    """Make a draft that was left behind ours, its paths for `base`; TuituneError where another screen is faster."""
    kept = KeptDraft()
    version = found.version
    if found.base != base:
        version = Version(resolve_paths(version.recipe, found.base), version.refused)
    try:
        found.path.rename(kept.path)
        kept.save(version, base)
    except FileNotFoundError:
        raise TuituneError(f"the draft {found.name} is open in another tuitune") from None
    except OSError as error:
        raise TuituneError(f"the draft {found.name} cannot be opened: {error.strerror or error}") from error
    return kept, version


def _read(path: Path) -> LeftBehind | None:
    """The draft in a file; None where its screen is still there. ValueError where it is none."""
    record = json.loads(files.read_bytes(path, _LARGEST))
    if not isinstance(record, Mapping):
        raise ValueError("no object")
    saved_at = record.get("saved_at")
    saved_at = float(saved_at) if isinstance(saved_at, int | float) else 0.0
    if _at_work(Identity.from_record(record.get("owner")), saved_at):
        return None
    return LeftBehind(path, _version(record), Path(str(record.get("base") or "/")), saved_at)


def _at_work(owner: Identity | None, saved_at: float) -> bool:
    if owner is None:
        return False
    if owner.host == identity.host() or owner.boot_id == identity.boot_id():
        return identity.alive(owner)
    return time.time() - saved_at < _ELSEWHERE_SECONDS


def _version(record: Mapping[str, Any]) -> Version:
    try:
        draft = Draft(Recipe.model_validate(record.get("recipe")))
    except ValidationError as error:
        raise ValueError(str(error)) from error
    refused, known = record.get("refused"), {one.key for one in settings()}
    for key, text in refused.items() if isinstance(refused, Mapping) else ():
        if key in known and isinstance(text, str):
            draft.set_text(key, text)
    return draft.version
