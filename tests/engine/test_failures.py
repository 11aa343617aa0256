"""What libraries really say when they fail, and what is made of it: the cause for programs, the remedy for people."""

from __future__ import annotations

import errno

import pytest
import torch

from tuitune.engine.process.failures import cause_of, explain
from tuitune.runs.supervise.exit_report import memory_that_ran_out

GPU_FULL = [
    torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.56 GiB of which 812.81 MiB "
        "is free. Including non-PyTorch memory, this process has 13.76 GiB memory in use."
    ),
    RuntimeError(
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call"
    ),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("Triton Error [CUDA]: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
    RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    RuntimeError(
        "NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.hpp:317, unhandled cuda error, NCCL version 2.21.5\n"
        "Last error:\nFailed to CUDA calloc async 608 bytes"
    ),
    RuntimeError(
        'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/CUDACachingAllocator.cpp":1016, please report a bug'
    ),
    RuntimeError("HIP out of memory. Tried to allocate 1.25 GiB. GPU 0 has a total capacity of 23.98 GiB"),
]
HOST_FULL = [
    MemoryError("Unable to allocate 2.98 GiB for an array with shape (400000000,) and data type int64"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 549755813888 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("unable to mmap 4096 bytes from file <model.safetensors>: Cannot allocate memory (12)"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("std::bad_alloc"),
]
OTHERS = {
    "CUDA error: no kernel image is available for execution on the device": "cu126",
    "CUDA error: CUDA-capable device(s) is/are busy or unavailable": "exclusive",
    "CUDA error: device-side assert triggered": "token id",
    "CUDA error: an illegal memory access was encountered": "Xid",
    "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
    "shared memory. Please try to raise your shared memory limit.": "--shm-size",
}
UNKNOWN = [
    RuntimeError("CUDA error: invalid configuration argument"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x64 and 32x8)"),
    RuntimeError("out of memory pages are a feature of this book"),
    ValueError("the memory column holds 'CUDA out of memory'"),
]


@pytest.mark.parametrize("error", GPU_FULL + HOST_FULL, ids=lambda error: str(error)[:40])
def test_every_way_to_run_out_of_memory_is_known(error: Exception) -> None:
    outer = RuntimeError("training failed")
    outer.__cause__ = error
    assert cause_of(error) == cause_of(outer) == "out-of-memory"
    where = "the GPU" if error in GPU_FULL else "this machine"
    assert explain(outer).startswith(f"{where} ran out of memory") and "training.batch_size" in explain(outer)


@pytest.mark.parametrize("said", OTHERS)
def test_other_troubles_of_a_gpu_have_a_remedy(said: str) -> None:
    error = RuntimeError(said)
    assert cause_of(error) is None and OTHERS[said] in explain(error)


@pytest.mark.parametrize("error", UNKNOWN, ids=str)
def test_what_is_not_known_is_told_as_it_is(error: Exception) -> None:
    assert cause_of(error) is None and str(error) in explain(error)


def test_the_last_words_of_native_code_are_known() -> None:
    """bitsandbytes prints this and calls exit, so there is no exception to look at."""
    said = "Error out of memory at line 380 in file /src/csrc/pythonInterface.cpp"
    assert memory_that_ran_out(said) == "the GPU"
    assert memory_that_ran_out("Error invalid argument at line 380 in file /src/csrc/ops.cu") is None
