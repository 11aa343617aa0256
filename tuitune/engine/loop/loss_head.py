"""TRL's loss head on a GPU: by its Triton kernels where these run, else by the same arithmetic in torch."""

from __future__ import annotations

import traceback

import torch
from trl.kernels import chunked_logprob

from tuitune.engine.journal.report import Report
from tuitune.engine.process.failures import first_line, out_of_memory
from tuitune.hardware.compiler import why_not_compiled

_OUTPUTS = ("log_probs", "entropy", "is_top1")
_VOCABULARY, _WIDTH = 1024, 64


def settle(on: torch.device, dtype: torch.dtype, report: Report) -> None:
    """Try the kernels on two tokens before training begins; where they fail, have TRL do without, and say so."""
    if on.type == "cuda" and (reason := why_not_triton(on, dtype)) is not None:
        chunked_logprob._TRITON_AVAILABLE = False  # what TRL asks at every call
        report.alert("no-triton", "warning", f"the loss is computed without Triton, which is slower: {reason}")


def why_not_triton(on: torch.device, dtype: torch.dtype) -> str | None:
    """Why TRL's kernels do not run on this device, with the remedy where it is known; None where they do."""
    if not chunked_logprob._TRITON_AVAILABLE:
        return "triton is not installed; pip install triton"
    hidden = torch.zeros(2, _WIDTH, device=on, dtype=dtype, requires_grad=True)
    weight = torch.zeros(_VOCABULARY, _WIDTH, device=on, dtype=dtype)
    targets = torch.zeros(2, device=on, dtype=torch.long)
    try:
        log_probs, *_ = chunked_logprob.ChunkedLogProbFunction.apply(
            hidden, weight, None, targets, 1.0, _VOCABULARY, None, 1.0, _OUTPUTS
        )
        (-log_probs.sum()).backward()
        log_probs.tolist()  # waits for the device
    except Exception as error:
        if out_of_memory(error) is not None:
            raise
        traceback.print_exc()
        return why_not_compiled() or f"{first_line(error)} (the log has the details)"
    return None
