"""A training step of the engine on fake tensors, as a GPU would run it: the bytes of live tensors at their peak.

The model, the adapter, the collator, the attention and the loss are the project's own; nothing has values, so an 8 B
model takes seconds and no memory. Tensors are on the CPU (torch's CPU build cannot run autograd on fake GPU tensors),
and what the engine decides by asking the GPU is decided here: which attention kernel, which number format, which path
through trl's head. Kernels are not run, so what they use for themselves is not seen.
"""

from __future__ import annotations

import contextlib
import copy
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import bitsandbytes as bnb
import bitsandbytes.functional as bnb_functional
import torch
import trl.kernels.chunked_logprob as head
import trl.trainer.utils as trl_utils
from peft.tuners.lora import dora
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from tuitune.engine.load import attention, score_head
from tuitune.engine.load.device import Precision, precision
from tuitune.engine.methods import adapt
from tuitune.engine.objectives.sft import SftTrainer
from tuitune.engine.tokens.collator import IGNORED, flatten
from tuitune.recipe.schema import Recipe

_BLOCK = 512
"""Bytes that CUDA's allocator rounds a tensor up to."""


@dataclass
class Live(TorchDispatchMode):
    """Bytes of all storages that are alive, and at their peak, by what made them."""

    now: int = 0
    peak: int = 0
    stage: str = "model"
    by: dict[str, int] = field(default_factory=dict)
    at_peak: dict[str, int] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return result

    def restart(self) -> None:
        self.peak, self.at_peak = self.now, dict(self.by)

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size, stage = -(-storage.nbytes() // _BLOCK) * _BLOCK, self.stage
        self._known.add(key)
        self._count(size, stage)
        weakref.finalize(storage, self._remove, key, size, stage)
        if self.now > self.peak:
            self.restart()

    def _remove(self, key: int, size: int, stage: str) -> None:
        self._known.discard(key)
        self._count(-size, stage)

    def _count(self, size: int, stage: str) -> None:
        self.now += size
        self.by[stage] = self.by.get(stage, 0) + size


class _Packed(bnb.nn.Linear4bit):
    """bitsandbytes' layer with its own autograd function, over packed weights without values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        read = x.to(self.compute_dtype)
        output = bnb.matmul_4bit(read, self.weight.t(), bias=None, quant_state=self.weight.quant_state)
        return (output if self.bias is None else output + self.bias.to(read.dtype)).to(x.dtype)


class _Launch:
    """A Triton kernel whose launch does nothing: it writes in place."""

    def __getitem__(self, grid: Any) -> Any:
        return lambda *args, **kwargs: None


def peak(recipe: Recipe, config: dict[str, Any], *, gpu: bool = True, flash: bool = True, documents: int = 1) -> Live:
    """The second training step of `recipe` with a model of `config`, every row full and all of it learned.

    `flash`: the GPU has the variable-length attention kernel (Ampere or later); `documents` in a row.
    """
    formats = precision(recipe, torch.device("cuda" if gpu else "cpu"))
    live = Live()
    with contextlib.ExitStack() as stack:
        every_one = patch.object(torch.Tensor, "nonzero", lambda learned: torch.arange(len(learned))[:, None])
        stack.enter_context(_as_on_a_gpu(flash, formats.autocast is not None) if gpu else every_one)
        base = _meta_model(recipe, config, formats)
        vocabulary = types.SimpleNamespace(get_vocab=lambda: {"<|end|>": 1})
        with torch.device("meta"):
            whole: Any = types.SimpleNamespace(model=base, commit=None, tokenizer=vocabulary)
            model = adapt(whole, recipe, 100).model
        copied = recipe.optimises.compares and recipe.method.trains_base
        reference = copy.deepcopy(base).requires_grad_(False) if copied else None
        stack.enter_context(FakeTensorMode())
        stack.enter_context(live)
        _materialise(model, live)
        if not recipe.optimises.scores:
            trl_utils.add_fused_lm_head(base, outputs=("log_probs", "entropy", "is_top1"))
        if reference is not None:
            _materialise(reference, live)
            trl_utils.add_fused_lm_head(reference)
        if recipe.training.gradient_checkpointing:
            base.activation_checkpointing_enable({"use_reentrant": False})
        model.train()
        losses = {
            "dpo": partial(_preferences, reference=reference),
            "kto": partial(_labelled, reference=reference),
            **dict.fromkeys(("orpo", "simpo"), _unreferenced),
            "reward": _scores,
        }
        loss = losses.get(recipe.objective.kind, _answers)
        _step(model, live, recipe, formats, partial(loss, model, recipe, documents, fused=gpu))
    return live


def _answers(model: nn.Module, recipe: Recipe, documents: int, *, fused: bool) -> torch.Tensor:
    """The loss of packed answers."""
    length = recipe.data.max_length
    row = {"input_ids": [1] * length, "labels": [1] * length, "seq_lengths": [length // documents] * documents}
    adapted = types.SimpleNamespace(leading=0)
    trainer: Any = types.SimpleNamespace(_flat=True, _fused_head=fused, aux_loss_enabled=False, adapted=adapted)
    batch = flatten([row] * recipe.training.batch_size)
    loss, _ = SftTrainer.summed_loss(trainer, model, batch)
    return loss / (batch["labels"] != IGNORED).sum()


def _preferences(model: Any, recipe: Recipe, documents: int, *, fused: bool, reference: Any) -> torch.Tensor:
    """The loss of pairs, in the order of trl's trainer: the model's pass, then that of the reference."""
    batch = _padded(2 * recipe.training.batch_size, recipe)
    sums = model(**batch, use_cache=False, fused_lm_head=True).log_probs.sum(dim=1)
    with torch.no_grad(), contextlib.nullcontext() if reference else model.disable_adapter():
        theirs = (reference or model)(**batch, use_cache=False, fused_lm_head=True).log_probs.sum(dim=1)
    chosen, rejected = (sums - theirs).chunk(2)
    return -nn.functional.logsigmoid(0.1 * (chosen - rejected)).mean()


def _labelled(model: Any, recipe: Recipe, documents: int, *, fused: bool, reference: Any) -> torch.Tensor:
    """The loss of labelled answers: a pass over answers to other questions first, then as of pairs."""
    batch = _padded(recipe.training.batch_size, recipe)
    with torch.no_grad():
        moved = model(**batch, use_cache=False, fused_lm_head=True).log_probs.sum(dim=1)
    sums = model(**batch, use_cache=False, fused_lm_head=True).log_probs.sum(dim=1)
    with torch.no_grad(), contextlib.nullcontext() if reference else model.disable_adapter():
        stood, theirs = (
            (reference or model)(**batch, use_cache=False, fused_lm_head=True).log_probs.sum(dim=1) for _ in range(2)
        )
    return (1 - torch.sigmoid(0.1 * (sums - theirs - (moved - stood).mean()))).mean()


def _unreferenced(model: Any, recipe: Recipe, documents: int, *, fused: bool) -> torch.Tensor:
    """The loss of pairs by the mean log-probabilities of their answers."""
    batch = _padded(2 * recipe.training.batch_size, recipe)
    chosen, rejected = model(**batch, use_cache=False, fused_lm_head=True).log_probs.mean(dim=1).chunk(2)
    return (-chosen - 0.1 * nn.functional.logsigmoid(chosen - rejected)).mean()


def _scores(model: Any, recipe: Recipe, documents: int, *, fused: bool) -> torch.Tensor:
    """The loss of the scores of pairs."""
    batch = _padded(2 * recipe.training.batch_size, recipe)
    del batch["labels"]
    better, worse = model(**batch, use_cache=False).logits.squeeze(-1).chunk(2)
    return -nn.functional.logsigmoid(better - worse).mean()


def _padded(rows: int, recipe: Recipe) -> dict[str, torch.Tensor]:
    length = recipe.data.max_length
    return {
        "input_ids": torch.ones(rows, length, dtype=torch.long),
        "labels": torch.ones(rows, length, dtype=torch.long),
        "attention_mask": torch.ones(rows, 1, length, length, dtype=torch.bool),
    }


def _step(
    model: nn.Module, live: Live, recipe: Recipe, formats: Precision, loss_of: Callable[[], torch.Tensor]
) -> None:
    training = recipe.training
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    fused, foreach = (training.optimizer == name for name in ("adamw_torch_fused", "adamw_torch"))
    optimizer = torch.optim.AdamW(trained, fused=fused, foreach=foreach)
    live.stage = "optimizer"
    for weight in trained:
        weight.grad = torch.empty_like(weight)
    optimizer.step()
    if training.accumulation == 1:
        optimizer.zero_grad()
    live.restart()
    live.stage = "forward"
    with torch.autocast("cpu", dtype=formats.autocast, enabled=formats.autocast is not None):
        loss = loss_of()
    live.stage = "backward"
    loss.backward()
    live.stage = "optimizer"
    optimizer.step()


@contextlib.contextmanager
def _as_on_a_gpu(flash: bool, autocast: bool) -> Iterator[None]:
    """What asks the device is answered as by a GPU."""

    def dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
        return torch.native_dropout(input, p, training)[0] if training and p else input

    def kernel_dtype(query: torch.Tensor, value: torch.Tensor, lengths: list[int]) -> torch.dtype | None:
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype
        fits = query.shape[-1] == value.shape[-1] <= 256
        return dtype if flash and fits and dtype != torch.float32 else None

    def takes_groups(mask: torch.Tensor | None, key: torch.Tensor, value: torch.Tensor) -> bool:
        return flash and mask is None and key.dtype != torch.float32

    def unpacked(layer: nn.Module) -> torch.Tensor:
        if not isinstance(layer, _Packed):
            return layer.weight
        if layer.weight.quant_state is None:  # while the adapter is made
            return torch.empty(layer.out_features, layer.in_features, dtype=layer.compute_dtype)
        return bnb_functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)

    def addmm(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        total.mul_(1)

    triton = types.SimpleNamespace(cdiv=lambda number, size: -(-number // size))
    with (
        patch.multiple(attention, _kernel_dtype=kernel_dtype, _takes_groups=takes_groups),
        patch.multiple(head, _forward_kernel=_Launch(), _backward_kernel=_Launch(), _addmm_fp32=addmm),
        patch.object(nn.functional, "dropout", dropout),  # a mask of bytes, where the CPU's has floats
        patch.object(dora, "dequantize_module_weight", unpacked),  # it asks for the class, which no fake tensor has
        patch.object(head, "_use_triton", lambda device: True),
        patch.object(head, "triton", triton, create=True),
        patch.object(trl_utils, "_use_triton", lambda device: False),  # every token is learned: scoring all is the same
    ):
        torch.set_autocast_enabled("cuda", autocast)  # for the libraries that ask
        try:
            yield
        finally:
            torch.set_autocast_enabled("cuda", False)


def _meta_model(recipe: Recipe, config: dict[str, Any], formats: Precision) -> Any:
    named = ("architectures", "model_type", "torch_dtype")
    values = {name: value for name, value in config.items() if name not in named}
    scores = recipe.optimises.scores
    kind = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    more = {"num_labels": 1} if scores else {}
    with torch.device("meta"):
        model = kind.from_config(AutoConfig.for_model(config["model_type"], **values, **more), dtype=formats.weights)
        if scores:
            score_head.put_on(model, types.SimpleNamespace(pad_token_id=0))  # type: ignore[arg-type]
        model.set_attn_implementation(attention.DOCUMENTS if recipe.optimises.packs else "sdpa")
        if recipe.quantization.bits == 4:
            model.is_loaded_in_4bit = True
            for parent in list(model.modules()):
                for name, layer in list(parent.named_children()):
                    if type(layer) is nn.Linear and name not in ("lm_head", "score"):
                        setattr(parent, name, _packed(layer, recipe, formats))
    return model


def _packed(layer: nn.Linear, recipe: Recipe, formats: Precision) -> _Packed:
    wanted = recipe.quantization
    packed = _Packed(
        layer.in_features, layer.out_features, bias=layer.bias is not None, compute_dtype=formats.compute,
        compress_statistics=wanted.double, quant_type=wanted.kind,
    )  # fmt: skip
    half = torch.empty(layer.in_features * layer.out_features // 2, 1, dtype=torch.uint8)
    packed.weight = bnb.nn.Params4bit(
        half, requires_grad=False, compress_statistics=wanted.double, quant_type=wanted.kind
    )
    return packed


def _quantized(layer: _Packed, packed: torch.Tensor) -> nn.Parameter:
    """The packed weights with their scales: of blocks of 64, themselves in blocks of 256 where those are quantized."""
    old = layer.weight
    blocks = layer.in_features * layer.out_features // 64
    shape = torch.Size((layer.out_features, layer.in_features))
    values = {"code": torch.empty(16), "blocksize": 64, "quant_type": old.quant_type, "dtype": layer.compute_dtype}
    if old.compress_statistics:
        inner = bnb_functional.QuantState(torch.empty(-(-blocks // 256)), code=torch.empty(256), blocksize=256)
        inner.dtype = torch.float32
        values |= {"offset": torch.empty(()), "state2": inner}
    scales = torch.empty(blocks, dtype=torch.uint8 if old.compress_statistics else torch.float32)
    weight = nn.Parameter(packed, requires_grad=False)
    weight.quant_state = bnb_functional.QuantState(scales, shape=shape, **values)
    return weight


def _materialise(model: nn.Module, live: Live) -> None:
    """Fake tensors in place of meta ones: shared weights stay shared."""
    made: dict[nn.Parameter, nn.Parameter] = {}
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is None:
                continue
            live.stage = "adapter" if weight.requires_grad else "weights"
            if weight not in made:
                fresh = torch.empty(weight.shape, dtype=weight.dtype)
                packed = isinstance(module, _Packed) and name == "weight"
                made[weight] = _quantized(module, fresh) if packed else nn.Parameter(fresh, weight.requires_grad)
            module._parameters[name] = made[weight]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.ones(buffer.shape, dtype=buffer.dtype)
        if hasattr(module, "original_inv_freq"):
            module.original_inv_freq = module._buffers["inv_freq"]
