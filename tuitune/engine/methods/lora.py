"""LoRA: an adapter in float32 beside the frozen layers of the base."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import linear

from tuitune.engine.load.model import Base
from tuitune.engine.methods import beside, eva, loftq
from tuitune.engine.methods.adapted import Adapted
from tuitune.engine.methods.layers import chosen, linear_names, put_on
from tuitune.engine.tokens.collator import Batch
from tuitune.methods.lora import LORA, SUBTRACTED
from tuitune.planning.targets import too_narrow, with_patterns
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe

_NAME, _STATE = "default", "initial_adapter.safetensors"

METHODS = (LORA,)


def adapt(base: Base, recipe: Recipe, total_steps: int) -> Adapted:
    """The base, frozen, with the adapter on it. Raises TuituneError where a target cannot be adapted."""
    told = chosen(base, recipe)
    names, kind = linear_names(base.model), base.model.config.model_type
    wanted = with_patterns(recipe.adapter, told["target_modules"], names, kind)
    config = LoraConfig(
        **told,
        **beside.wanted(base, recipe),
        r=wanted.rank,
        rank_pattern=dict(wanted.rank_pattern),
        alpha_pattern=dict(wanted.alpha_pattern),
        lora_alpha=wanted.alpha,
        lora_dropout=wanted.dropout,
        bias=wanted.bias,
        use_rslora=wanted.rslora,
        use_dora=wanted.dora,
        init_lora_weights="gaussian" if wanted.init == "gaussian" else True,
    )
    model = put_on(base, recipe, config)
    beside.settle(model)
    sizes = {name: (layer.in_features, layer.out_features) for name, layer in _layers(model).items()}
    if problem := too_narrow(wanted, sizes):
        raise TuituneError(problem)
    if wanted.init in SUBTRACTED:
        return Subtracted(model, wanted.lora_plus, wanted.init)
    if wanted.init == "orthogonal":
        for layer in _layers(model).values():
            _make_orthogonal(layer)
    if wanted.init == "loftq":
        return Loftq(model, wanted.lora_plus, base.folder)
    return Eva(model, wanted.lora_plus) if wanted.init == "eva" else Lora(model, wanted.lora_plus)


class Lora(Adapted):
    """A LoRA whose second matrices train at `ratio` times the learning rate (LoRA+, arXiv 2402.12354)."""

    def __init__(self, model: PeftModel, ratio: float) -> None:
        super().__init__(model)
        self._ratio = ratio

    def rate(self, name: str, weight: Tensor) -> float:
        """As PEFT's `create_loraplus_optimizer` has it: biases and magnitudes train as the second matrices do."""
        return self._ratio if ".lora_B." in name or weight.ndim == 1 else 1.0

    def finish(self) -> None:
        beside.finish(self.model)


class Eva(Lora):
    """A LoRA that begins with what its layers read."""

    def begin(self, batches: Iterable[Batch]) -> None:
        eva.begin(self.model, _layers(self.model), _NAME, batches)


class Loftq(Lora):
    """A LoRA that begins with what the base in `folder` lost when it was quantized."""

    def __init__(self, model: PeftModel, ratio: float, folder: Path) -> None:
        super().__init__(model, ratio)
        self._folder = folder

    def begin(self, batches: Iterable[Batch]) -> None:
        loftq.begin(_layers(self.model), _NAME, self._folder)


class Subtracted(Lora):
    """A LoRA that begins with a part of the base's weights: `pissa` (arXiv 2404.02948) or `olora` (arXiv 2406.01775).

    PEFT takes that part out of the base, so that both together are what the base was. Here the base stays as it is, and
    what the adapter began with is subtracted from each layer's result: the same sum, from which a base in 4 bits, the
    model with its adapter switched off, a later life and the result on the base as it was come out right by themselves.
    """

    def __init__(self, model: PeftModel, ratio: float, init: str) -> None:
        super().__init__(model, ratio)
        self._initial = {name: _Initial(layer, init) for name, layer in _layers(model).items()}

    def save(self, folder: Path) -> None:
        """The adapter as it is, and as it began."""
        super().save(folder)
        matrices = {
            f"{name}.{key}": one for name, initial in self._initial.items() for key, one in initial.pair.items()
        }
        save_file(matrices, folder / _STATE)

    def _load(self, folder: Path) -> None:
        super()._load(folder)
        saved = load_file(folder / _STATE)
        for name, initial in self._initial.items():
            initial.pair = {key: saved[f"{name}.{key}"].to(one) for key, one in initial.pair.items()}

    def finish(self) -> None:
        """What is subtracted becomes a part of the adapter, which has twice the rank then (PiSSA, appendix C)."""
        super().finish()
        config = self.model.peft_config[_NAME]
        config.r *= 2
        config.rank_pattern = {name: 2 * rank for name, rank in config.rank_pattern.items()}
        more = 2**0.5 if config.use_rslora else 2
        config.lora_alpha *= more
        config.alpha_pattern = {name: more * alpha for name, alpha in config.alpha_pattern.items()}
        for initial in self._initial.values():
            initial.join()


class _Initial:
    """The matrices that a layer's adapter begins with, subtracted from what the layer gives."""

    def __init__(self, layer: LoraLayer, init: str) -> None:
        self._layer = layer
        weight = layer.get_base_layer().weight
        kept = weight.data.clone()
        if init == "pissa":
            layer.pissa_init(_NAME, init)
        else:
            layer.olora_init(_NAME)
        layer.get_base_layer().weight = weight
        weight.data = kept
        self.pair = {key: self._matrix(key).weight.detach().clone() for key in ("A", "B")}
        if (self.pair["A"].shape[1], self.pair["B"].shape[0]) != (layer.in_features, layer.out_features):
            message = f"PEFT's {init} does not take layers whose weights lie transposed, as GPT-2's do; use another"
            raise TuituneError(Problem("adapter.init", message))
        self._hook = layer.register_forward_hook(self._subtract)

    def join(self) -> None:
        """Make one adapter of twice the rank of both."""
        self._hook.remove()
        layer = self._layer
        for key, matrix, dim in (("A", self.pair["A"], 0), ("B", -self.pair["B"], 1)):
            both = torch.cat([self._matrix(key).weight.detach(), matrix], dim=dim)
            joined = nn.Linear(both.shape[1], both.shape[0], bias=False, device="meta")
            joined.weight = nn.Parameter(both)
            getattr(layer, f"lora_{key}")[_NAME] = joined
        layer.r[_NAME] *= 2

    def _matrix(self, key: str) -> nn.Module:
        return getattr(self._layer, f"lora_{key}")[_NAME]

    def _subtract(self, layer: LoraLayer, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
        if layer.disable_adapters:
            return result
        first, second = self.pair["A"], self.pair["B"]
        began = linear(linear(given[0].to(first.dtype), first), second) * layer.scaling[_NAME]
        return result - began.to(result.dtype)


def _make_orthogonal(layer: LoraLayer) -> None:
    """As PEFT's `orthogonal_init`, in the adapter's own format: PEFT's is that of the base, which of quantized weights
    holds no such numbers, and in 16 bits makes the product of both matrices differ from zero.
    """
    rank = layer.r[_NAME]
    rows = torch.linalg.qr(torch.randn(rank, rank)).Q
    first = (torch.randn(layer.in_features, rank // 2) @ rows[0::2]).T / 10
    second = torch.randn(layer.out_features, rank // 2) @ rows[1::2] / 10
    layer.lora_A[_NAME].weight.data.copy_(first)
    layer.lora_B[_NAME].weight.data.copy_(second)


def _layers(model: PeftModel) -> dict[str, Any]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, LoraLayer)}
