"""What a Hub model is, before it is downloaded: its config and the headers of its weights, a few kilobytes each."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, errors, hf_hub_download
from huggingface_hub.hf_api import ModelInfo

from tuitune.data.task_report import TaskReport
from tuitune.engine.load.download import needed
from tuitune.engine.process.failures import hub_words
from tuitune.hardware.layout import misfits
from tuitune.hardware.model_facts import read_facts
from tuitune.hardware.weights import Tensor, weigh_tensors
from tuitune.hub import proxy_problem
from tuitune.problem import TuituneError

_SECONDS = 10.0
_HINTS = 3
_REFUSALS = (errors.GatedRepoError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError)


def run(report: TaskReport) -> dict[str, Any]:
    """Carry out the task; `wanted` is `{"id": owner/name, "revision": …}`.

    TuituneError begins with `refused:` where a run would fail on this model, `unknown:` where nothing was found out.
    """
    name, revision = report.wanted["id"], report.wanted["revision"]
    report.progress(f"asking the Hub about {name}")
    if (problem := proxy_problem()) is not None:
        raise TuituneError(f"refused: {problem}")
    try:
        return _known(name, revision)
    except errors.NotASafetensorsRepoError:
        raise TuituneError(f"refused: {name} has no safetensors weights; tuitune loads no other format") from None
    except Exception as error:
        words = (hub_words(error) or f"{type(error).__name__}: {error}").rstrip(".")
        hint = _alike(name) if type(error) is errors.RepositoryNotFoundError else ""
        raise TuituneError(f"{'refused' if isinstance(error, _REFUSALS) else 'unknown'}: {words}{hint}") from error


def _known(name: str, revision: str) -> dict[str, Any]:
    hub = HfApi()
    info = hub.model_info(name, revision=revision, files_metadata=True, timeout=_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        facts = read_facts(Path(hf_hub_download(name, "config.json", revision=info.sha, local_dir=folder)))
    found = hub.get_safetensors_metadata(name, revision=info.sha, timeout=_SECONDS).files_metadata.values()
    headers = {tensor: header for file in found for tensor, header in file.tensors.items()}
    tensors = {tensor: Tensor(header.dtype, tuple(header.shape)) for tensor, header in headers.items()}
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    size = sum(
        count for file, count in files.items() if file.endswith(".safetensors") and needed(file, with_code=False)
    )
    weights = weigh_tensors(tensors, size, tied=facts.tied)
    template = True if any(file.startswith("chat_template.") for file in files) else None
    known = replace(
        facts,
        parameters=weights.parameters or facts.parameters,
        dtype=weights.dtype or facts.dtype,
        bytes=size,
        chat_template=template,
    )
    download = sum(count for file, count in files.items() if needed(file, with_code=False))
    return {"commit": info.sha, "download": download, "facts": asdict(known), "misfits": misfits(known, tensors)}


def _alike(name: str) -> str:
    """Ids of models whose names are like this one's, as the Hub's search has them."""
    found: list[ModelInfo] = []
    with suppress(httpx2.HTTPError, errors.HfHubHTTPError, ValueError, TypeError):
        found = list(HfApi().list_models(search=name.partition("/")[2], limit=_HINTS))
    return f"; there is {', '.join(model.id for model in found)}" if found else ""
