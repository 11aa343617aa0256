"""The models on this machine: bundled ones, folders, and the Hub's cache by its layout. Nothing here goes online."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from tuitune import plain
from tuitune.hardware.model_facts import load_config, read_facts
from tuitune.hardware.weights import weigh
from tuitune.paths import data_home, expanded, shipped, user_home

_FOLDERS_LIMIT, _ENTRIES_LIMIT = 2_000, 10_000
"""Folders looked into by one scan, and entries in each: a picker must open at once, also beside a million files."""

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
"""A model folder has at least one of these."""

ADAPTER_CONFIG = "adapter_config.json"
"""The file that makes a folder an adapter; beside a whole model it is one of somebody's earlier runs."""

_PARTS = {"config.json", ADAPTER_CONFIG, *TOKENIZER_FILES}
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "runs", "checkpoints"}
_CARD_LIMIT = 65_536
_LICENCE = re.compile(r"^(license|license_name):[ \t]*[\"']?([^\"'\n#]+)", re.MULTILINE)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


Kind = Literal["bundled", "local", "hub-cache"]


@dataclass(frozen=True)
class ModelEntry:
    """A model that is already here. `id` is what goes into a recipe; texts are whatever the model's maker wrote.

    `complete` is false for a download that was broken off or a folder that lacks something.
    """

    id: str
    kind: Kind
    path: Path
    parameters: int | None
    bytes: int | None
    dtype: str | None
    licence: str | None
    model_type: str | None
    complete: bool = True
    revision: str | None = None
    chat_template: bool | None = None
    context: int | None = None
    """The positions that its config names, in tokens."""


def find_models() -> list[ModelEntry]:
    """Every model found: bundled, then folders (in `TUITUNE_HOME/models` and here, two deep), then the Hub cache."""
    here = Path.cwd()
    entries = [
        look_at(f"bundled:{folder.name}", folder, "bundled")
        for folder in _model_folders(shipped("sample_data"), depth=1)
    ]
    seen = {entry.path.resolve() for entry in entries}
    for root in (data_home() / "models", here):
        for folder in _model_folders(root, depth=2):
            if folder.resolve() not in seen:
                seen.add(folder.resolve())
                name = f"./{folder.relative_to(here)}" if root == here else str(folder)
                entries.append(look_at(name, folder))
    return entries + [
        look_at(model_id, path, "hub-cache", path.name) for model_id, path in _cached_models() if path.is_dir()
    ]


def look_at(name: str, folder: Path, kind: Kind = "local", revision: str | None = None) -> ModelEntry:
    """The model in a folder, whatever it lacks, as recipes call it by `name`."""
    facts = None
    with suppress(OSError, ValueError):
        facts = read_facts(folder)
    known: dict[str, Any] = {
        field: getattr(facts, field, None) for field in ("parameters", "bytes", "dtype", "model_type", "chat_template")
    }
    known["context"] = facts.max_positions if facts else None
    complete = not missing_parts(folder)
    return ModelEntry(name, kind, folder, licence=read_licence(folder), complete=complete, revision=revision, **known)


def holds_model(folder: Path) -> bool:
    """Whether a folder has anything that a model is made of."""
    files, _ = _listing(folder)
    return any(name in _PARTS or name.endswith(".safetensors") for name in files)


def locate(model_id: str, revision: str = "main", *, base: Path | None = None) -> Path | None:
    """The folder of a model's files: bundled, a folder (relative to `base`, or to here), or a complete cached download.

    None where there is no such folder and no complete download of that revision.
    """
    if model_id.startswith("bundled:"):
        name = model_id.removeprefix("bundled:")
        bundled = shipped("sample_data") / name
        return bundled if name == Path(name).name and (bundled / "config.json").is_file() else None
    with suppress(OSError, RuntimeError):
        if (folder := (base or Path.cwd()) / expanded(model_id)).is_dir():
            return folder.absolute()
    snapshot = cached_snapshot(model_id, revision)
    return snapshot if snapshot and not missing_parts(snapshot) else None


def cached_snapshot(model_id: str, revision: str = "main") -> Path | None:
    """The snapshot of a Hub model in the cache, complete or not; `revision` is a branch, a tag or a whole commit."""
    if not looks_like_hub_id(model_id):
        return None
    repository = hub_cache() / f"models--{model_id.replace('/', '--')}"
    if not _stays_inside(revision):
        return None
    commit = revision
    with suppress(OSError):
        told = plain.head(repository / "refs" / revision, 200).decode("ascii", "replace")
        commit = told.partition("\n")[0].strip() or revision
    snapshot = repository / "snapshots" / commit
    return snapshot if _stays_inside(commit) and snapshot.is_dir() else None


def hub_cache() -> Path:
    """The Hub's cache folder, found as huggingface_hub finds it: `HF_HUB_CACHE`, `HF_HOME`, XDG."""
    if chosen := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return expanded(os.path.expandvars(chosen))
    if home := os.environ.get("HF_HOME"):
        return expanded(os.path.expandvars(home)) / "hub"
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return expanded(caches) / "huggingface" / "hub"
    own = user_home()
    return (own / ".cache" if own else data_home() / "cache") / "huggingface" / "hub"


def looks_like_hub_id(text: str) -> bool:
    """Whether `text` has the form owner/name that the Hub's models have."""
    return bool(_HUB_ID.fullmatch(text)) and "--" not in text and ".." not in text


def missing_parts(folder: Path) -> list[str]:
    """What a folder lacks of config, weights and tokenizer, in words; nothing for a model that can be trained."""
    missing = []
    try:
        load_config(folder / "config.json")
    except FileNotFoundError:
        missing.append("no config.json")
    except (OSError, ValueError) as error:
        missing.append(f"config.json cannot be read ({error})")
    missing += weigh(folder).problems
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        missing.append(f"no tokenizer ({TOKENIZER_FILES[0]})")
    return missing


def read_licence(folder: Path) -> str | None:
    """The licence that the model card names in its front matter; at most 80 characters of foreign text."""
    try:
        card = plain.head(folder / "README.md", _CARD_LIMIT).decode("utf-8", "replace")
    except OSError:
        return None
    front_matter = re.match(r"\ufeff?---\s*\n(.*?)\n---", card, re.DOTALL)
    named = dict(_LICENCE.findall(front_matter[1])) if front_matter else {}
    licence = named.get("license_name") or named.get("license", "")
    return licence.strip()[:80] or None


def _model_folders(root: Path, *, depth: int) -> Iterator[Path]:
    """Folders with a config.json and weights, `depth` levels under `root`; hidden and build folders are left out."""
    queue = [(root, 0)]
    looked_into = 0
    while queue and looked_into < _FOLDERS_LIMIT:
        folder, level = queue.pop(0)
        looked_into += 1
        files, folders = _listing(folder)
        if "config.json" in files and any(
            name.endswith(".safetensors") and not name.startswith("adapter") for name in files
        ):
            yield folder
        elif level < depth:
            queue.extend((folder / name, level + 1) for name in folders)


def _listing(folder: Path) -> tuple[set[str], list[str]]:
    files, folders = set(), []
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, _ENTRIES_LIMIT):
                if entry.is_file():
                    files.add(entry.name)
                elif entry.is_dir() and not entry.name.startswith(".") and entry.name not in _SKIPPED:
                    folders.append(entry.name)
    except OSError:
        return set(), []
    return files, sorted(folders)


def _cached_models() -> Iterator[tuple[str, Path]]:
    """Id and newest snapshot of every model in the Hub cache."""
    cache = hub_cache()
    for name in _listing(cache)[1]:
        if name.startswith("models--"):
            model_id = name.removeprefix("models--").replace("--", "/", 1)
            current = cached_snapshot(model_id)
            snapshots = [cache / name / "snapshots" / commit for commit in _listing(cache / name / "snapshots")[1]]
            newest = current or max(snapshots, key=_modified, default=None)
            if newest is not None:
                yield model_id, newest


def _stays_inside(name: str) -> bool:
    """Whether a name below a folder, with slashes perhaps (branches have them), cannot lead out of it."""
    parts = Path(name).parts
    return bool(parts) and not Path(name).is_absolute() and ".." not in parts


def _modified(folder: Path) -> float:
    return found.st_mtime if (found := plain.stat_of(folder)) else 0.0
