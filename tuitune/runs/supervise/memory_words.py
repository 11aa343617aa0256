"""Texts by which libraries and native code say that memory ran out: torch, Triton, CUDA's own, bitsandbytes."""

from __future__ import annotations

import re
from typing import Literal

Place = Literal["the GPU", "this machine"]

_GPU = re.compile(
    r"(CUDA|HIP) out of memory"
    r"|(CUDA|HIP)( driver)? error: out of memory"
    r"|Triton Error \[(CUDA|HIP)\]: out of memory"
    r"|(CUDA|HIP)_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation"
    r"|\bCU[A-Z]+_STATUS_ALLOC_FAILED"
    r"|CUBLAS_STATUS_NOT_INITIALIZED"  # what making a handle gives where no memory is left for its workspace
    r"|Failed to CUDA calloc"  # NCCL
    r"|NVML_SUCCESS == r INTERNAL ASSERT FAILED"  # torch's allocator, while it words its own error
    r"|Error out of memory at line \d+ in file"  # bitsandbytes' native code, which then exits with code 1
)
_HOST = re.compile(r"can't allocate memory|Cannot allocate memory|std::bad_alloc")


def memory_that_ran_out(text: str) -> Place | None:
    """Which memory was used up, by what an error or the last line of a log says; None where it says nothing of it."""
    if _GPU.search(text):
        return "the GPU"
    return "this machine" if _HOST.search(text) else None
