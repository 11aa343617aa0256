"""First contact with a device: whether what a run needs of it works, told in JSON lines as each check ends.

First `{"kind": "versions", …}`, then for each check `{"kind": "begin", "title"}` and `{"kind": "check", "title",
"state", "seconds", "text"}`, whose state is "ok" or "failed". Not yet measured on a GPU.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_4bit
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, PreTrainedModel
from trl.kernels import chunked_logprob
from trl.trainer.utils import add_fused_lm_head

from tuitune.engine.load import attention
from tuitune.engine.load.attention import DOCUMENTS, separates_documents
from tuitune.engine.process.failures import EngineError, explain
from tuitune.engine.tokens.collator import flatten
from tuitune.engine.worker import carry_out
from tuitune.hardware.compiler import why_not_compiled
from tuitune.hardware.model_facts import read_facts
from tuitune.hardware.models import locate
from tuitune.planning.forecast.memory import forecast
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import create
from tuitune.runs.store.journal import read_all
from tuitune.units import bytes_text

Check = Callable[[torch.device], str]
"""Does something on a device; says what was seen, or raises."""

_MODEL = "bundled:nano"
_PACKAGES = ("torch", "triton", "transformers", "trl", "peft", "accelerate", "bitsandbytes")
_DOCUMENTS = (70, 1, 40)
_RECIPE = (
    'run.name="contact"',
    'data.train="bundled:triage"',
    "data.limit=200",
    "data.max_length=256",
    "training.max_steps=3",
    "training.batch_size=4",
    "training.accumulation=1",
    'adapter.targets="all-linear"',
    "evaluation.perplexity=false",
    'evaluation.every="end"',
    'checkpoints.every="end"',
)
_CLOSE = {torch.float32: 1e-3, torch.bfloat16: 3e-2, torch.float16: 5e-3}
"""How far a result may be from the exact one, as a share of the largest value: some units of the format's last place.
"""


def serve(on: torch.device, out: TextIO) -> int:
    """All checks on a device, one after another, whatever becomes of each; 0 where each was passed, else 1."""
    _tell(out, kind="versions", versions={name: _version(name) for name in _PACKAGES})
    code = 0
    for title, check in checks(on).items():
        _tell(out, kind="begin", title=title)
        begun = time.monotonic()
        try:
            state, text = "ok", check(on)
        except Exception as error:
            state, text, code = "failed", explain(error), 1
        _tell(out, kind="check", title=title, state=state, seconds=round(time.monotonic() - begun, 1), text=text)
    return code


def checks(on: torch.device) -> dict[str, Check]:
    """The checks for a device by their titles: three steps in each 16-bit format that its hardware has."""
    found: dict[str, Check] = {"Triton loss head": loss_head, "packed attention": packed_attention, "4 bits": four_bits}
    if on.type == "cpu":
        return {**found, "training in fp32": partial(training, precision="fp32")}
    names = ["bf16"] * torch.cuda.is_bf16_supported(including_emulation=False) + ["fp16"]
    return {**found, **{f"training in {name}": partial(training, precision=name) for name in names}}


def loss_head(on: torch.device) -> str:
    """TRL's loss head forward and backward against torch's cross-entropy; its first use compiles Triton's launcher."""
    triton = chunked_logprob._use_triton(on)
    if triton and (missing := why_not_compiled()):
        raise EngineError(missing)
    model, (batch, labels) = _model(torch.float32, on), _batch(on)
    logits = model(**batch, use_cache=False).logits[0, :-1]
    weight = model.get_input_embeddings().weight
    exact = cross_entropy(logits.float(), labels[0, 1:], ignore_index=-100, reduction="sum")
    (slope,) = torch.autograd.grad(exact, weight)
    add_fused_lm_head(model)
    loss = -model(**batch, labels=labels, use_cache=False, fused_lm_head=True).log_probs.sum()
    (found,) = torch.autograd.grad(loss, weight)
    apart = max(_apart(loss, exact), _apart(found, slope))
    return f"{'Triton' if triton else 'torch'}: {_near(apart, torch.float32)}"


def packed_attention(on: torch.device) -> str:
    """Documents side by side in one row see only themselves, and each gets the gradient that it gets alone."""
    dtype = _format(on)
    model, (batch, _) = _model(dtype, on), _batch(on)
    model.set_attn_implementation(DOCUMENTS)
    if (leak := separates_documents(model)) is not None:
        raise EngineError(leak)
    weight = model.get_input_embeddings().weight
    loss = model(**batch, use_cache=False).logits.float().square().mean()
    (slope,) = torch.autograd.grad(loss, weight)
    exact = _model(torch.float32, on)
    parts = batch["input_ids"][0].split(list(_DOCUMENTS))
    alone = torch.cat([exact(input_ids=part[None], use_cache=False).logits[0] for part in parts])
    (expected,) = torch.autograd.grad(alone.square().mean(), exact.get_input_embeddings().weight)
    kernel = on.type == "cuda" and attention._has_flash(on.index or 0)
    apart = _near(_apart(slope, expected), dtype)
    return f"{'variable-length kernel' if kernel else 'document by document'}, {_name(dtype)}: {apart}"


def four_bits(on: torch.device) -> str:
    """bitsandbytes' 4-bit layer forward and backward against its own weights unpacked."""
    dtype = _format(on)
    layer = bitsandbytes.nn.Linear4bit(256, 384, bias=False, compute_dtype=dtype, quant_type="nf4").to(on)
    inputs = torch.randn(64, 256, generator=torch.Generator().manual_seed(1)).to(on, dtype).requires_grad_()
    outputs = layer(inputs)
    (slope,) = torch.autograd.grad(outputs.float().square().mean(), inputs)
    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    exact = inputs.detach().float().requires_grad_()
    expected = exact @ weight.T
    (steep,) = torch.autograd.grad(expected.square().mean(), exact)
    return f"nf4, {_name(dtype)}: {_near(max(_apart(outputs, expected), _apart(slope, steep)), dtype)}"


def training(on: torch.device, *, precision: str) -> str:
    """Three steps of the bundled model as any run makes them, loaded back; the peak of memory against the forecast."""
    recipe = apply(Recipe(), [*_RECIPE, f'model.id="{_MODEL}"', f'training.precision="{precision}"'])
    run = create(recipe)
    code = carry_out(run.path)
    records = list(read_all(run.metrics_file))
    if code != 0:
        raise EngineError(str(records[-1].get("reason") or f"ended with exit code {code}"))
    steps = [record for record in records if record["kind"] == "step"]
    (artefact,) = [record for record in records if record["kind"] == "artefact"]
    losses = " → ".join(f"{step['loss']:.3f}" for step in steps)
    told = [f"loss {losses}", f"reloaded within {artefact['reload_difference']:.2g}"]
    expected = forecast(recipe, read_facts(_folder()), device="cuda" if on.type == "cuda" else "cpu")
    if on.type == "cuda" and expected is not None:
        held = expected.total - expected.parts["context"]
        peak = max(step["peak_memory_bytes"] for step in steps)
        told.append(f"peak {bytes_text(peak)}, forecast {bytes_text(held)}, both without CUDA's context")
        sizes = {name: steps[-1].get(f"{name}_memory_bytes") for name in ("reserved", "context")}
        told += [f"{name} {bytes_text(size)}" for name, size in sizes.items() if size is not None]
    return "; ".join(told)


def _folder() -> Path:
    folder = locate(_MODEL)
    if folder is None:
        raise EngineError(f"{_MODEL} is not installed: reinstall tuitune")
    return folder


def _model(dtype: torch.dtype, on: torch.device) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(_folder(), dtype=dtype).to(on).eval()


def _batch(on: torch.device) -> tuple[dict[str, Any], Tensor]:
    """Documents of made-up tokens laid end to end, as the model takes them, and the same as labels."""
    number = torch.Generator().manual_seed(3)
    documents = [torch.randint(2, 300, (length,), generator=number).tolist() for length in _DOCUMENTS]
    rows = flatten([{"input_ids": document, "labels": document} for document in documents])
    held = {name: value.to(on) if isinstance(value, Tensor) else value for name, value in rows.items()}
    labels = held.pop("labels")
    held.pop("tokens", None)
    return held, labels


def _format(on: torch.device) -> torch.dtype:
    if on.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def _apart(found: Tensor, exact: Tensor) -> float:
    """The largest difference as a share of the largest value."""
    found, exact = found.detach().float(), exact.detach().float()
    return float((found - exact).abs().max() / exact.abs().max().clamp(min=1e-30))


def _near(apart: float, dtype: torch.dtype) -> str:
    if not apart <= _CLOSE[dtype]:
        raise EngineError(f"results differ by {apart:.2g} of the largest value, more than {_CLOSE[dtype]:g}")
    return f"within {apart:.1g} of the exact result"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _tell(out: TextIO, **record: Any) -> None:
    out.write(json.dumps(record) + "\n")
    out.flush()
