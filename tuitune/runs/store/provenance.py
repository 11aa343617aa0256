"""Where a run comes from: what run.json keeps so that the run can be explained and repeated. Never the environment."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from tuitune import __version__
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, settings
from tuitune.rewards import REWARDS
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run, read_record
from tuitune.runs.store.records.line import is_table, is_text
from tuitune.text import redact

_PACKAGES = (
    *("torch", "transformers", "trl", "peft", "bitsandbytes"),
    *("datasets", "accelerate", "tokenizers", "safetensors"),
)
SOURCES = frozenset(
    {
        *("model.revision", "rewards.weights"),
        *(one.key for one in settings() if one.entails.names in ("model", "data")),
        *(one.key for one in settings() if one.section == "rewards" and one.entails.names == "file"),
    }
)
_LARGEST_HASHED = 1 << 30


def provenance(recipe: Recipe) -> dict[str, Any]:
    """Versions, host, command line, model revision and fingerprints of the data files of a resolved recipe."""
    return {
        "tuitune": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": platform.node(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "command_line": [redact(argument) for argument in sys.argv],
        **sources(recipe),
    }


def sources(recipe: Recipe) -> dict[str, Any]:
    """The part that is about the model, the data and what rewards judge by, which the settings in `SOURCES` name."""
    return {
        "model": {"id": recipe.model.id, "revision": recipe.model.revision},
        "data": {
            "train": fingerprint(recipe.data.train),
            "eval": fingerprint(recipe.data.eval),
            "mix": {name: fingerprint(name) for name in recipe.data.mix},
        },
        **({"rewards": files} if (files := reward_files(recipe)) else {}),
    }


def reward_files(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Setting → fingerprint of the file that it names, of those that the rewards of a recipe judge by."""
    weights = recipe.rewards.weights if recipe.optimises.generates else {}
    needed = [setting(f"rewards.{name}") for reward in weights for name in REWARDS[reward].filled]
    found = {one.key: fingerprint(one.of(recipe)) for one in needed if one.entails.names == "file"}
    return {key: file for key, file in found.items() if file is not None}


def record_sources(run: Run, recipe: Recipe) -> list[str]:
    """Put the sources as they are now into run.json, the rest of which stays; the files of data and rewards whose
    content is another than what stood there. OSError where it cannot be written.
    """
    record, found = read_record(run.run_file), sources(recipe)
    before, after = ({one["path"]: _content(one) for one in _files_of(known)} for known in (record, found))
    if record and {key: record.get(key) for key in found} != found:
        files.write_whole(run.run_file, json.dumps({**record, **found}, indent=2).encode() + b"\n")
    return [path for path in after if path in before and before[path] != after[path]]


def _files_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    data, rewards = (part if is_table(part := record.get(name)) else {} for name in ("data", "rewards"))
    mix = data.get("mix")
    found = (data.get("train"), data.get("eval"), *(mix.values() if is_table(mix) else ()), *rewards.values())
    return [one for one in found if is_table(one) and is_text(one.get("path"))]


def _content(one: dict[str, Any]) -> tuple[Any, ...]:
    """What tells one content of a file from another: its time of change only where the file is too large to hash."""
    return one.get("bytes"), one.get("sha256") or one.get("modified_at")


def fingerprint(source: object) -> dict[str, Any] | None:
    """Path, size, time of change and SHA-256 (below 1 GiB) of a data file; None for what is not a file here."""
    if not isinstance(source, str) or not Path(source).is_absolute():
        return None
    try:
        fd = files.open_regular(Path(source).resolve(), os.O_RDONLY)
    except OSError:
        return None
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        digest = hashlib.file_digest(file, "sha256").hexdigest() if found.st_size < _LARGEST_HASHED else None
    return {"path": source, "bytes": found.st_size, "modified_at": found.st_mtime, "sha256": digest}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
