"""Attention over packed rows in which every document sees only itself.

A packed batch is one long row of documents laid end to end. The model is told where each begins (`cu_seq_lens_q`,
`document_lengths`) and gets positions that start from 0 in each; no mask is built, so none can be wrong and none of its
(batch × length)² cells has to fit in memory. CUDA runs torch's variable-length flash attention; elsewhere, and for what
that kernel lacks (float32, logit soft-capping, head sizes over 256), each document goes through attention alone.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import dropout as drop
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations import sdpa_attention

DOCUMENTS = "tuitune_documents"
"""Name under which transformers knows this attention. It has no mask function of that name, so it builds no masks."""

_INT32_LIMIT = 2**31
_stock_takes_groups = sdpa_attention.use_gqa_in_sdpa  # knows of masks and head sizes, but not of old cards and float32


def document_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    cu_seq_lens_q: Tensor | None = None,
    max_length_q: int | None = None,
    document_lengths: list[int] | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """An attention function as transformers calls it: heads first in, (1, tokens, heads, head size) out."""
    if attention_mask is not None or cu_seq_lens_q is None or max_length_q is None or document_lengths is None:
        raise RuntimeError("packed attention takes document boundaries and no mask")
    if others.get("s_aux") is not None or others.get("position_bias") is not None or others.get("is_causal") is False:
        raise NotImplementedError("packed attention knows no attention sinks, position biases or two-way attention")
    if softcap is None and (kernel_dtype := _kernel_dtype(query, value, document_lengths)) is not None:
        q, k, v = (tensor[0].transpose(0, 1).to(kernel_dtype) for tensor in (query, key, value))
        output = _varlen(q, k, v, cu_seq_lens_q, max_length_q, scaling, sliding_window)
        return output[None].to(value.dtype), None
    # In 16 bits a CPU makes and keeps a kernel for each length that it meets, and is slower than in float32.
    wide = [tensor.float() if tensor.device.type == "cpu" else tensor for tensor in (query, key, value)]
    parts = zip(*(tensor.split(document_lengths, dim=2) for tensor in wide), strict=True)
    attend = _sdpa if softcap is None else partial(_explicit, cap=softcap)
    outputs = [attend(q, k, v, scaling, dropout, sliding_window) for q, k, v in parts]
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous().to(value.dtype), None


def _varlen(
    q: Tensor, k: Tensor, v: Tensor, cu: Tensor, longest: int, scale: float | None, window: int | None
) -> Tensor:
    """torch's variable-length flash attention on (tokens, heads, head size); a window counts the token itself."""
    reach = -1 if window is None or window >= longest else window - 1
    return varlen_attn(q, k, v, cu, cu, longest, longest, scale=scale, window_size=(reach, 0), enable_gqa=True)


def _kernel_dtype(query: Tensor, value: Tensor, lengths: list[int]) -> torch.dtype | None:
    """The format in which the variable-length kernel can take these tensors; None where it cannot."""
    if query.device.type != "cuda" or not _has_flash(query.device.index or 0):
        return None
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else query.dtype
    head, tokens = query.shape[-1], query.shape[2]
    # The kernel's backward pass addresses its padded workspace with 32-bit integers.
    workspace = (tokens + 128 * len(lengths)) * query.shape[1] * (-(-head // 32) * 32)
    fits = head == value.shape[-1] and head <= 256 and workspace < _INT32_LIMIT
    return dtype if fits and dtype in (torch.bfloat16, torch.float16) else None


@lru_cache
def _has_flash(index: int) -> bool:
    return torch.cuda.get_device_capability(index) >= (8, 0)


def _sdpa(q: Tensor, k: Tensor, v: Tensor, scale: float | None, dropout: float, window: int | None) -> Tensor:
    length = q.shape[2]
    mask = None if window is None or window >= length else _visible(length, window, q.device)
    grouped = q.shape[1] != k.shape[1]
    if grouped and not _takes_groups(mask, k, v):
        k, v, grouped = *_repeated(q, k, v), False
    return scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, dropout_p=dropout, scale=scale, enable_gqa=grouped
    )


def _takes_groups(mask: Tensor | None, key: Tensor, value: Tensor) -> bool:
    """Whether a kernel that does not write out the (length × length) scores takes fewer key heads than query heads.

    On CUDA flash attention alone does, which needs 16 bits, no mask and capability 8.0 (torch's `sdp_utils.cpp`).
    """
    if key.device.type != "cuda":
        return True
    half = key.dtype in (torch.bfloat16, torch.float16)
    return half and _has_flash(key.device.index or 0) and _stock_takes_groups(mask, key, value)


def _repeated(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    groups = q.shape[1] // k.shape[1]
    return k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)


def _explicit(
    q: Tensor, k: Tensor, v: Tensor, scale: float | None, dropout: float, window: int | None, *, cap: float
) -> Tensor:
    """Attention written out, for logits that are soft-capped: cap · tanh(logit / cap), as in Gemma 2."""
    k, v = _repeated(q, k, v)
    scores = q @ k.transpose(2, 3) * (scale if scale is not None else q.shape[-1] ** -0.5)
    scores = cap * torch.tanh(scores / cap)
    scores = scores.masked_fill(~_visible(q.shape[2], window, q.device), torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
    return drop(weights, p=dropout, training=dropout > 0) @ v


def _visible(length: int, window: int | None, device: torch.device) -> Tensor:
    """True where a query (row) may look at a key (column): itself and what comes before, `window` tokens in all."""
    positions = torch.arange(length, device=device)
    distance = positions[:, None] - positions[None, :]
    return (distance >= 0) & (distance < (window or length))


def separates_documents(model: PreTrainedModel) -> str | None:
    """Whether `model`, with the attention now set, keeps packed documents apart; None if so, else what went wrong.

    Asked of the model itself: the logits of the middle one of three documents must have a gradient in its own
    embeddings and exactly none in those of its neighbours. Catches every path, attention or not (state-space layers,
    convolutions), and works for quantized weights too.
    """
    from tuitune.engine.tokens.collator import flatten

    lengths = (5, 4, 3)
    rows = [{"input_ids": list(range(1, n + 1)), "labels": [-100] * n} for n in lengths]
    batch = {k: v.to(model.device) if isinstance(v, Tensor) else v for k, v in flatten(rows).items()}
    del batch["labels"], batch["tokens"]
    embedded: list[Tensor] = []

    def catch(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        embedded.append(output.detach().requires_grad_())
        return embedded[-1]

    handle = model.get_input_embeddings().register_forward_hook(catch)
    try:
        with torch.enable_grad(), torch.random.fork_rng():
            logits = model(**batch, use_cache=False).logits[0, lengths[0] : lengths[0] + lengths[1]]
            weights = torch.randn(logits.shape, device=logits.device)
            (gradient,) = torch.autograd.grad((logits.float() * weights).sum(), embedded)
    except torch.OutOfMemoryError:
        raise
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        return str(error)
    finally:
        handle.remove()
    before, own, after = gradient[0].split(lengths)
    if before.any() or after.any():
        return "a document can see its neighbours"
    return None if own.any() else "a document cannot see itself"


AttentionInterface.register(DOCUMENTS, document_attention)
sdpa_attention.use_gqa_in_sdpa = _takes_groups  # the stock attention of padded rows repeats keys and values likewise
