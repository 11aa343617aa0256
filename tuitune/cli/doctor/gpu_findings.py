"""What the doctor finds out about GPUs: whether the driver, the installed torch and each card go together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tuitune.cli.doctor import Finding
from tuitune.hardware import fitness, occupancy
from tuitune.hardware.compiler import why_not_compiled
from tuitune.hardware.fitness import Build
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.text import clean
from tuitune.units import bytes_text, counted

_PROBE = """
import json, torch
error = ""
if torch.version.cuda:
    try:
        torch.cuda.init()
    except Exception as failure:
        error = (str(failure).strip().splitlines() or [type(failure).__name__])[0]
print(json.dumps({
    "version": torch.__version__, "cuda": torch.version.cuda, "architectures": torch.cuda.get_arch_list(),
    "devices": torch.cuda.device_count() if torch.cuda.is_available() else 0, "error": error,
    "threads": torch.get_num_threads(),
}))
"""

_SECONDS = 120
_ON_CPU = 'hardware.gpu = "cpu" trains on the CPU'


def gpu_findings() -> Iterator[Finding]:
    """torch as an engine would import it, held against the cards that NVML sees."""
    sampler = GpuSampler()
    cards = sampler.sample()
    try:
        facts = probe()
    except RuntimeError as error:
        yield Finding("error", "torch import", str(error))
        return
    if not cards:
        yield from _without_cards(sampler, facts)
        return
    build = build_of(facts)
    findings = [_card(card, build) for card in cards]
    yield from findings
    if all(finding.level == "ok" for finding in findings):
        yield _torch_on(cards, build, facts)
    if missing := why_not_compiled():
        slower = f"{missing}. Until then the loss is computed without Triton, which is slower"
        yield Finding("warning", "compiler", slower)
    if occupancy.hides_all(visible := occupancy.visible_devices()):
        hidden = f"CUDA_VISIBLE_DEVICES = {visible!r} hides every GPU from runs started here"
        yield Finding("warning", "visible GPUs", hidden)


def probe() -> Mapping[str, Any]:
    """What torch says of itself, in a process of its own that may see every GPU. RuntimeError where it cannot."""
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    command = [sys.executable, "-P", "-c", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"took more than {_SECONDS} s: is the disk or the network file system slow?") from None
    if done.returncode != 0:
        raise RuntimeError(f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def build_of(facts: Mapping[str, Any]) -> Build:
    """The torch that a probe describes."""
    cuda = fitness.release(facts["cuda"]) if facts["cuda"] else None
    return Build(facts["version"], cuda, tuple(facts["architectures"]))


def _without_cards(sampler: GpuSampler, facts: Mapping[str, Any]) -> Iterator[Finding]:
    reason, works = sampler.reason, facts["devices"] > 0
    if sampler.certain:
        yield Finding("warning", "GPU", f"none: {reason}")
    elif sampler.blind and works:
        remedy = f"CUDA works, so hardware.gpu = 0 trains on the first GPU; {_ON_CPU}"
        yield Finding("warning", "GPU", f"{reason}; {remedy}")
    else:
        yield Finding("error", "GPU", f"{reason}; runs stay queued until a GPU is found; {_ON_CPU}")
    if works:
        text = f"torch {facts['version']} finds {counted(facts['devices'], 'device')} that NVML does not"
        text += "; a run uses one only when hardware.gpu names it"
        yield Finding("warning", "torch on GPU", text)
    else:
        built = f"built for CUDA {facts['cuda']}" if facts["cuda"] else "built for the CPU only"
        yield Finding("warning", "torch on GPU", f"{built}; training uses {facts['threads']} CPU threads")


def _card(gpu: Gpu, build: Build) -> Finding:
    subject, name = f"GPU {gpu.index}", clean(gpu.name, limit=60)
    if refusal := fitness.refusal(gpu, build):
        return Finding("error", subject, f"{name} cannot be used: {refusal}")
    capability = gpu.capability and f"compute capability {gpu.capability[0]}.{gpu.capability[1]}"
    bfloat16 = {True: "bf16", False: "no bf16: fp16 is used", None: None}[fitness.has_bfloat16(gpu)]
    driver = gpu.driver and f"driver {clean(gpu.driver, limit=40)}"
    cuda = gpu.cuda and f"CUDA {gpu.cuda[0]}.{gpu.cuda[1]}"
    mode = "exclusive mode: one process at a time" if gpu.mode == "exclusive" else None
    memory = f"{bytes_text(gpu.memory_free)} of {bytes_text(gpu.memory_total)} free"
    known = filter(None, (name, memory, capability, bfloat16, driver, cuda, mode))
    return Finding("ok", subject, ", ".join(known))


def _torch_on(cards: list[Gpu], build: Build, facts: Mapping[str, Any]) -> Finding:
    """torch's own word, where nothing is known against the cards."""
    if facts["devices"]:
        return Finding("ok", "torch on GPU", f"{build.title}: {counted(facts['devices'], 'device')}")
    told = f": {clean(facts['error'], limit=200)}" if facts["error"] else ""
    driver = f" (driver {clean(cards[0].driver, limit=40)})" if cards[0].driver else ""
    remedy = "does `nvidia-smi` work, and has the driver been updated since the last restart?"
    return Finding("error", "torch on GPU", f"{build.title} cannot use what NVML sees{driver}{told}; {remedy}")
