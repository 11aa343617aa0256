"""EVA (arXiv 2410.07170): a LoRA whose first matrices begin with what their layers read in the run's own rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from peft.utils.incremental_pca import IncrementalPCA
from torch import Tensor
from torch.nn.functional import cosine_similarity

from tuitune.engine.load.model import unwrapped
from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.collator import Batch

_MOST_BATCHES, _ALIKE = 32, 0.99
"""Batches that are looked at, unless before that the components of every layer stay as they are (`EvaConfig.tau`)."""

_SEED = 42


def begin(model: Any, layers: Mapping[str, LoraLayer], adapter: str, batches: Iterable[Batch]) -> None:
    """Give each layer's first matrix the principal components of what the layer reads, as many as its rank.

    PEFT's own (`initialize_lora_eva_weights`) looks on until all layers have settled, however long that takes, and
    moves ranks between them; here each keeps its own. EngineError where the rows have fewer tokens than a rank.
    """
    readers = {name: _Reader(layer.r[adapter]) for name, layer in layers.items()}
    hooks = [layer.register_forward_pre_hook(readers[name].read) for name, layer in layers.items()]
    try:
        for batch in islice(batches, _MOST_BATCHES):
            unwrapped(model).get_decoder()(**batch, use_cache=False)
            if all(reader.settled for reader in readers.values()):
                break
    finally:
        for hook in hooks:
            hook.remove()
    for name, layer in layers.items():
        components = readers[name].components
        if components is None:
            rank = layer.r[adapter]
            raise EngineError(
                f"adapter.init: eva needs a batch of at least {rank} tokens, one for each rank; raise "
                'training.batch_size, lower adapter.rank, or set adapter.init = "default"'
            )
        layer.lora_A[adapter].weight.data.copy_(components)


class _Reader:
    """What a layer reads, as its principal components so far."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._found: IncrementalPCA | None = None
        self.settled = False

    @property
    def components(self) -> Tensor | None:
        return None if self._found is None else self._found.components_

    def read(self, layer: LoraLayer, given: tuple[Tensor, ...]) -> None:
        states = given[0].detach().flatten(0, -2).float()
        if len(states) < self._rank or self.settled:
            return
        found, before = self._found, self.components
        if found is None:
            quick = 2 * self._rank <= min(states.shape)
            found = self._found = IncrementalPCA(self._rank, lowrank=quick, lowrank_seed=_SEED)
        with torch.autocast(states.device.type, enabled=False):
            found.partial_fit(states)
        self.settled = before is not None and bool((cosine_similarity(found.components_, before) >= _ALIKE).all())
