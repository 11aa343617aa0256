"""What went wrong, in words: one sentence or two for the end record. The traceback is for the log."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuitune.hardware.host import out_of_room
from tuitune.hub import offline
from tuitune.problem import TuituneError
from tuitune.runs.supervise.exit_report import memory_that_ran_out
from tuitune.text import redact

_LONGEST = 600


class EngineError(TuituneError):
    """A failure whose message is already meant for a person."""


class NotFiniteError(EngineError):
    """The loss or the gradient was not a finite number, and the recipe says to stop there."""


def cause_of(error: BaseException) -> str | None:
    """What kind of failure this is, for programs: "out-of-memory", "disk-full", "not-finite", or None for any other."""
    for cause in _causes(error):
        if isinstance(cause, NotFiniteError):
            return "not-finite"
        if out_of_memory(cause) is not None:
            return "out-of-memory"
        if disk_full(cause):
            return "disk-full"
    return None


def explain(error: BaseException) -> str:
    """The cause of `error` and what to do about it, in the recipe's terms, without secrets."""
    for cause in _causes(error):
        if isinstance(cause, TuituneError):
            return redact(str(cause))[:_LONGEST]
        for known in (_out_of_memory, _gpu_trouble, hub_words, _files):
            if (words := known(cause)) is not None:
                return redact(words)[:_LONGEST]
    return f"{type(error).__name__}: {first_line(error)}"[:_LONGEST] + " (the log has the details)"


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says anything, without secrets."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return redact(line)


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and what led to it, the outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _out_of_memory(error: BaseException) -> str | None:
    if (where := out_of_memory(error)) is None:
        return None
    return (
        f"{where} ran out of memory. Use gradient checkpointing, a smaller training.batch_size with more "
        "training.accumulation, a shorter data.max_length, or quantization.bits = 4."
    )


def out_of_memory(error: BaseException) -> str | None:
    """Which memory was used up, in words, where this error says so: torch and its libraries have several ways to."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return "the GPU"
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return "this machine"
    return memory_that_ran_out(str(error)) if isinstance(error, RuntimeError) else None


_GPU_TROUBLE = {
    "no kernel image is available": (
        "this torch has no kernels for this GPU. Install a build of torch that has: cu126 for cards before Turing; "
        "`tuitune doctor` names the one that fits."
    ),
    "busy or unavailable": (
        "another process holds this GPU, which is in exclusive mode or has lost its driver. Wait for that process, or "
        "see `nvidia-smi`."
    ),
    "device-side assert triggered": (
        "an index was out of range on the GPU, most often a token id beyond the model's embedding. "
        'Run it on the CPU to see where (hardware.gpu = "cpu").'
    ),
    "illegal memory access": (
        "a GPU kernel accessed invalid memory. Resume from the last checkpoint; if it happens again, update "
        "torch and the driver, and look for Xid errors in `dmesg`."
    ),
    "out of shared memory": (
        "the data workers ran out of shared memory (/dev/shm). Give the container more (--shm-size=1g), or set "
        "training.workers = 0."
    ),
}


def _gpu_trouble(error: BaseException) -> str | None:
    text = str(error) if isinstance(error, RuntimeError) else ""
    return next((words for sign, words in _GPU_TROUBLE.items() if sign in text), None)


def hub_words(error: BaseException) -> str | None:
    """What an error of the Hub's client means, in a sentence; None for any other."""
    import httpx2
    from huggingface_hub import errors

    where = _repository(error)
    if isinstance(error, errors.GatedRepoError):
        return (
            f"{where} is gated: its owner must grant you access. Accept its terms on its page, then log in here with "
            "`hf auth login` or set HF_TOKEN."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"{where} does not exist on the Hub, or is private. Check the id for typos; for a private one, log "
            "in with `hf auth login` or set HF_TOKEN."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{where} has no such revision; check model.revision."
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"{offline() or 'HF_HUB_OFFLINE'} forbids downloads, and {where} is not in this machine's cache."
    if type(error).__name__ == "DatasetNotFoundError":
        return f"the data set does not exist on the Hub, or you have no access to it: {error}"
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        return f"{where} cannot be downloaded: the Hub answered with an error ({status}); try again later."
    if isinstance(error, httpx2.TransportError):
        return f"the Hub could not be reached, and {where} is not in this machine's cache; check the network."
    return None


def _repository(error: BaseException) -> str:
    """The repository that a Hub error is about, from the address that was asked for."""
    parts: list[str] = []
    with suppress(AttributeError, RuntimeError):  # httpx2 raises this where an error knows no request
        told: Any = getattr(error, "response", None) or error
        parts = str(told.request.url.path).strip("/").split("/")
    if parts[:1] == ["api"]:
        parts = parts[2:]
    return "/".join(parts[:2]) or "the repository"


def disk_full(error: BaseException, folder: Path | None = None) -> bool:
    """Whether this error says that a disk is full, or comes when that of `folder` is: torch does not tell why."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or "No space left on device" in str(error) or (folder is not None and out_of_room(folder))


def _files(error: BaseException) -> str | None:
    if disk_full(error):
        return "the disk is full: free some space, or point TUITUNE_HOME at another disk."
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} does not exist."
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename} may not be read or written by this user."
    return None
