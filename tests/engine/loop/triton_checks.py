"""TRL's Triton kernels without a GPU: run by Triton's interpreter, and compiled for cards that are not here.

A process of its own: `python -m tests.engine.loop.triton_checks interpret|compile`; the first with TRITON_INTERPRET=1.
"""

from __future__ import annotations

import sys
from typing import Any

CARDS = (75, 80, 86, 89, 90, 100, 120)


def interpret() -> None:
    """The loss of packed documents and its gradient, through the kernels and through torch's cross-entropy."""
    import torch
    import trl.trainer.utils as trl_utils
    from torch.nn.functional import cross_entropy
    from trl.kernels import chunked_logprob

    from tests.engine.support import make_model
    from tuitune.engine.load.attention import DOCUMENTS
    from tuitune.engine.tokens.collator import flatten

    torch.set_num_threads(1)
    chunked_logprob._use_triton = trl_utils._use_triton = lambda device: True
    documents = [list(range(2, 40)), list(range(50, 70))]
    batch = flatten([{"input_ids": ids, "labels": [-100] * 5 + ids[5:]} for ids in documents])
    forward = {name: value for name, value in batch.items() if name not in ("labels", "tokens")}
    for kind, changes in (("llama", {}), ("gemma2", {"final_logit_softcapping": 30.0})):
        for dtype, exact in ((torch.float32, 1e-5), (torch.bfloat16, 0.02), (torch.float16, 0.005)):
            model = make_model(kind, **changes).to(dtype)
            model.set_attn_implementation(DOCUMENTS)
            weight = model.model.layers[0].self_attn.q_proj.weight
            logits = model(**forward, use_cache=False).logits.float()
            plain = cross_entropy(logits[0, :-1], batch["labels"][0, 1:], ignore_index=-100, reduction="sum")
            (expected,) = torch.autograd.grad(plain, weight)
            trl_utils.add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
            fused = -model(**forward, labels=batch["labels"], use_cache=False, fused_lm_head=True).log_probs.sum()
            (found,) = torch.autograd.grad(fused, weight)
            difference = float((found - expected).float().norm() / expected.float().norm())
            assert abs(float(fused) / float(plain) - 1) < exact and difference < exact, (kind, dtype, difference)
            nothing = torch.full_like(batch["labels"], -100)
            empty = model(**forward, labels=nothing, use_cache=False, fused_lm_head=True).log_probs.sum()
            empty.backward()
            assert float(empty) == 0.0


def compile_for_cards() -> None:
    """Both kernels, in both 16-bit formats, as a card of each generation would have them compiled."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from trl.kernels import chunked_logprob

    for kernel in (chunked_logprob._forward_kernel, chunked_logprob._backward_kernel):
        for pointer in ("fp16", "bf16"):
            signature, constants = _signature(kernel, pointer)
            for card in CARDS:
                source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
                built = triton.compile(source, target=GPUTarget("cuda", card, 32))
                assert len(built.asm["cubin"]) > 0, (kernel, pointer, card)


def _signature(kernel: Any, pointer: str) -> tuple[dict[str, str], dict[str, Any]]:
    """How the engine's runs call a kernel: entropy and the top token beside the log-probability, no soft-capping."""
    off = ("HAS_SOFTCAP", "HAS_LOG_SUM_SQ_PROBS", "HAS_MEAN_LOGITS", "HAS_ENTROPY_GRAD")
    flags = {name: name not in off for name in kernel.arg_names if name.startswith("HAS_")}
    constants = {**flags, "BLOCK_SIZE": _block()}
    types = {"mm_ptr": f"*{pointer}", "targets_ptr": "*i64"}
    types |= dict.fromkeys(("mm_stride", "vocab_start", "n_cols"), "i32") | dict.fromkeys(constants, "constexpr")
    return {name: types.get(name, "*fp32" if name.endswith("_ptr") else "fp32") for name in kernel.arg_names}, constants


def _block() -> int:
    from trl.kernels import chunked_logprob

    return chunked_logprob._BLOCK_SIZE


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_for_cards}[sys.argv[1]]()
    print("checked")
