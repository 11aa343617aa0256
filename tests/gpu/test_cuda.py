"""What only a GPU can show: the variable-length kernel keeps documents apart, and quantized runs train and fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.support import ARCHITECTURES, Carry, make_model, save_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU"),
]

LENGTHS = (190, 1, 260, 50)


def batch(seed: int) -> dict[str, Any]:
    from tuitune.engine.collator import flatten

    first, rest = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(1)
    documents = [
        torch.randint(2, 300, (length,), generator=rest if index else first).tolist()
        for index, length in enumerate(LENGTHS)
    ]
    rows = flatten([{"input_ids": document, "labels": document} for document in documents])
    return {
        name: value.cuda() if isinstance(value, torch.Tensor) else value
        for name, value in rows.items()
        if name not in ("labels", "tokens")
    }


def documents_model(kind: str, dtype: torch.dtype, **changes: Any) -> Any:
    from tuitune.engine.attention import DOCUMENTS

    model = make_model(kind, hidden_size=128, num_attention_heads=4, head_dim=32, **changes).to("cuda", dtype)
    model.set_attn_implementation(DOCUMENTS)
    return model.train()


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointed"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=["bf16", "fp16", "fp32"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_nothing_leaks_between_documents(kind: str, dtype: torch.dtype, checkpointing: bool) -> None:
    from tuitune.engine.attention import separates_documents

    model = documents_model(kind, dtype)
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    one, other = (model(**batch(seed), use_cache=False).logits[0].detach() for seed in (3, 4))
    assert (one[LENGTHS[0] :] - other[LENGTHS[0] :]).abs().max().item() == 0.0
    assert (one[: LENGTHS[0]] - other[: LENGTHS[0]]).abs().max().item() > 0.0
    assert separates_documents(model) is None


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "phi3"])
def test_the_kernel_is_used_and_agrees_with_plain_attention(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuitune.engine import attention

    calls: list[int] = []
    kernel = attention.varlen_attn
    monkeypatch.setattr(attention, "varlen_attn", lambda *given, **named: calls.append(1) or kernel(*given, **named))
    fast = documents_model(kind, torch.bfloat16)
    exact = documents_model(kind, torch.float32)
    difference = (fast(**batch(3), use_cache=False).logits.float() - exact(**batch(3), use_cache=False).logits).abs()
    assert len(calls) == 2 and difference.max().item() < 0.1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"quantization__bits": 4},
        {"quantization__bits": 4, "training__precision": "fp16"},
        {"quantization__bits": 8},
        {"training__precision": "fp16"},
        {"training__optimizer": "paged_adamw_8bit", "training__gradient_checkpointing": True},
        {"adapter__method": "none", "training__precision": "bf16"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "lora",
)
def test_runs_train_and_record_the_gpus_memory(carried: Carry, settings: dict[str, Any]) -> None:
    outcome = carried(training__max_steps=3, samples__prompts=["Where is order 7?"], **settings)
    assert outcome.code == 0, outcome.reason
    steps = outcome.records("step")
    assert all(0 < step["memory_bytes"] <= step["peak_memory_bytes"] for step in steps)
    assert outcome.records("artefact")[0]["reload_difference"] <= 1e-3
    assert outcome.records("plan")[0]["device"] == torch.cuda.get_device_name(0)


def test_running_out_of_memory_says_what_to_change(carried: Carry, tmp_path: Path) -> None:
    torch.cuda.set_per_process_memory_fraction(0.001)
    try:
        model = save_model(tmp_path / "wide", hidden_size=2048, intermediate_size=8192)
        outcome = carried(model__id=str(model), training__precision="fp32")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert outcome.code == 1 and "training.batch_size" in str(outcome.reason)
