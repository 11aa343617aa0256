"""Checkpoints of a run: committed whole or not at all, verified before they are used, dropped only for better ones.

A checkpoint is a folder `checkpoints/step-000500` with a manifest (see `tuitune.runs.store.manifest`). It is written as
`.staging`, synced, and renamed into place; what is dropped is renamed to `.trash-…` first. So at any instant, also one
at which the power fails, what bears a checkpoint's name is whole. Links, and folders without our manifest, are
somebody else's: they are neither used nor removed.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuitune.runs.store import files
from tuitune.runs.store import manifest as manifests
from tuitune.runs.store.directory import Run
from tuitune.units import bytes_text

STAGING = ".staging"
_NAME = re.compile(r"step-(\d{6,})")
_DEBRIS = re.compile(r"\.staging|\.trash-step-\d{6,}-\d+")
_RESERVE = 4 << 20  # bytes left to the journals and the log
_GROWTH = 1.2

Skipped = list[tuple[Path, str]]
"""Checkpoints passed over, each with the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder with the name of a checkpoint of `step`; `manifest` is None where it has none that can be trusted."""

    path: Path
    step: int
    manifest: manifests.Manifest | None

    @property
    def healthy(self) -> bool:
        """Whether weights, loss and gradient were finite numbers when it was saved."""
        return self.manifest is not None and self.manifest.get("healthy") is True


def name_of(step: int) -> str:
    return f"step-{step:06d}"


def listing(run: Run) -> list[Checkpoint]:
    """Every checkpoint by step, damaged ones too; a link, or a folder with any other name, is none."""
    names = {path.name for path in _entries(run.checkpoints) if path.is_dir() and not path.is_symlink()}
    steps = {int(matched[1]) for name in names if (matched := _NAME.fullmatch(name))}
    return [_read(run.checkpoints / name_of(step), step) for step in sorted(steps) if name_of(step) in names]


def reached(run: Run) -> int:
    """The step of the newest healthy checkpoint, as far as can be told before it is verified; 0 where there is none."""
    return max((checkpoint.step for checkpoint in listing(run) if checkpoint.healthy), default=0)


def verify(checkpoint: Checkpoint) -> str:
    """Why a checkpoint cannot be trusted, in words; "" where every file is there as it was saved."""
    if checkpoint.manifest is None:
        return f"its {manifests.NAME} is missing or damaged"
    return manifests.check(checkpoint.path, checkpoint.manifest)


def newest(run: Run) -> tuple[Checkpoint | None, Skipped]:
    """The newest checkpoint to go on from, whole and healthy, and the newer ones that are not."""
    skipped: Skipped = []
    for checkpoint in reversed(listing(run)):
        reason = verify(checkpoint)
        if not reason and checkpoint.healthy:
            return checkpoint, skipped
        skipped.append((checkpoint.path, reason or "its weights, loss or gradient were not finite numbers"))
    return None, skipped


def committed(run: Run, step: int) -> Checkpoint | None:
    """The checkpoint of `step`, if there is one and it is whole."""
    found = next((checkpoint for checkpoint in listing(run) if checkpoint.step == step), None)
    return found if found and not verify(found) else None


def shortage(run: Run) -> str:
    """Why there is no room for another checkpoint, judged by the newest one's size; "" where there is, or none yet."""
    sizes = [manifests.size(checkpoint.manifest) for checkpoint in listing(run) if checkpoint.manifest]
    if not sizes:
        return ""
    needed, disk = int(sizes[-1] * _GROWTH) + _RESERVE, os.statvfs(run.checkpoints)
    free = disk.f_bavail * disk.f_frsize
    return f"it needs {bytes_text(needed)} and {bytes_text(free)} are free" if free < needed else ""


def stage(folder: Path) -> Path:
    """An empty folder in `folder` to save a checkpoint into. OSError where `folder` is a link or cannot be written."""
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700)
        files.sync_directory(folder.parent)
    files.sync_directory(folder)
    staged = folder / STAGING
    _remove(staged)
    staged.mkdir(mode=0o700)
    return staged


def commit(folder: Path, staged: Path, manifest: Mapping[str, Any]) -> Path:
    """Make `staged` the checkpoint of `manifest["step"]` in `folder`, on disk when this returns; its path.

    `manifest` holds at least `step` and `healthy`; files, sizes and hashes are added. OSError where anything on the way
    fails: then there is no such checkpoint, and those of other steps are as they were.
    """
    step = int(manifest["step"])
    manifests.seal(staged, manifest)
    final = folder / name_of(step)
    former = _set_aside(final, step)
    staged.rename(final)
    try:
        files.sync_directory(folder)
    except OSError:
        final.rename(_trash(final))
        raise
    if former is not None:
        shutil.rmtree(former, ignore_errors=True)
    return final


def rotate(run: Run, keep: int, also_keep: Collection[int] = ()) -> list[Path]:
    """Drop whole checkpoints beyond the newest `keep` healthy ones and those of the steps `also_keep`; the paths.

    The last healthy one always stays, and of the unhealthy ones the newest. What cannot be verified is left alone.
    """
    candidates = [checkpoint for checkpoint in listing(run) if checkpoint.manifest]
    if len(candidates) <= keep:
        return []
    whole = [checkpoint for checkpoint in candidates if not verify(checkpoint)]
    healthy = [checkpoint for checkpoint in whole if checkpoint.healthy]
    unhealthy = [checkpoint for checkpoint in whole if not checkpoint.healthy]
    kept = {checkpoint.step for checkpoint in (*healthy[-max(keep, 1) :], *unhealthy[-1:])} | set(also_keep)
    doomed = [checkpoint.path for checkpoint in whole if checkpoint.step not in kept]
    trash = [path.rename(_trash(path)) for path in doomed]
    if trash:
        files.sync_directory(run.checkpoints)
    for path in trash:
        shutil.rmtree(path, ignore_errors=True)
    return doomed


def clear_debris(run: Run) -> None:
    """Remove what a process that was killed while saving or dropping a checkpoint, or writing a file whole, left."""
    for folder in (run.path, run.control):
        files.clear_drafts(folder)
    for path in _entries(run.checkpoints):
        if _DEBRIS.fullmatch(path.name):
            _remove(path)


def _entries(folder: Path) -> list[Path]:
    """What lies in `folder`; nothing where it is a link, missing or unreadable."""
    try:
        return [] if folder.is_symlink() else list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path, step: int) -> Checkpoint:
    manifest = manifests.read(path)
    return Checkpoint(path, step, manifest if manifest and manifest.get("step") == step else None)


def _set_aside(path: Path, step: int) -> Path | None:
    """Make room for the checkpoint of `step`: a former one of ours becomes trash, which is returned; another's folder
    stays, hidden. OSError where something else than a folder bears the name.
    """
    if not os.path.lexists(path):
        return None
    if _read(path, step).manifest is not None:
        return path.rename(_trash(path))
    if path.is_symlink() or not path.is_dir():
        raise FileExistsError(f"{path} is in the way")
    path.rename(path.with_name(f".damaged-{path.name}-{time.time_ns()}"))
    return None


def _trash(path: Path) -> Path:
    return path.with_name(f".trash-{path.name}-{time.time_ns()}")


def _remove(path: Path) -> None:
    """Remove a folder with all that is in it; of a link the link alone. What cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
