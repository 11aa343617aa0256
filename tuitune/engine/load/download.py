"""A model of the Hub brought onto this machine: only the files that training needs, with progress in bytes."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from tqdm import tqdm

from tuitune.engine.process.failures import EngineError
from tuitune.hardware.models import locate
from tuitune.hub import proxy_problem

_WANTED = ("*.json", "*.safetensors", "*.jinja", "*.model", "merges.txt", "vocab.txt", "LICENSE*", "README.md")
_UNWANTED = ("consolidated*", "adapter_*", "*.gguf")

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; may raise to break the download off."""


def download(repository: str, revision: str, *, with_code: bool, progress: Progress) -> tuple[Path, str]:
    """The folder that holds `repository` at `revision`, and the commit that this is.

    Weights are taken as safetensors alone: other formats can carry programs. So can `*.py`, taken only `with_code`.
    A copy in the cache is used where the Hub cannot be reached. Raises what huggingface_hub does, or EngineError.
    """
    if (problem := proxy_problem()) is not None:
        if (cached := locate(repository, revision)) is None:
            raise EngineError(f"{repository} cannot be downloaded: {problem}")
        return cached, cached.name
    try:
        info = HfApi().model_info(repository, revision=revision, files_metadata=True)
    except (httpx2.TransportError, OfflineModeIsEnabled, HfHubHTTPError):
        if (cached := locate(repository, revision)) is None:
            raise
        return cached, cached.name
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or [] if needed(file.rfilename, with_code)}
    if not any(name.endswith(".safetensors") for name in sizes):
        raise EngineError(f"{repository} has no safetensors weights; tuitune loads no other format.")
    bar = _bar(progress, sum(sizes.values()))
    folder = Path(snapshot_download(repository, revision=revision, allow_patterns=list(sizes), tqdm_class=bar))
    return folder, folder.name


def needed(name: str, with_code: bool) -> bool:
    """Whether a file at the top of a repository is needed; folders hold other formats and copies."""
    patterns = (*_WANTED, "*.py") if with_code else _WANTED
    matches = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    return matches and "/" not in name and not any(fnmatch.fnmatchcase(name, pattern) for pattern in _UNWANTED)


def _bar(progress: Progress, total: int) -> type[tqdm]:
    """A silent progress bar class that passes on the bytes written to disk (huggingface_hub: reconstructed)."""

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._counts = str(kwargs.get("desc", "")).startswith("Reconstructing")
            self._done = 0
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if self._counts:
                self._done += int(n or 0)
                progress(self._done, total)

    return Bar
