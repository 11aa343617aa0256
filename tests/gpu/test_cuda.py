"""What only a GPU can show: the variable-length kernel keeps documents apart, and quantized runs train and fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.support import ARCHITECTURES, Carry, Outcome, make_model, save_model, write_rows
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.rewards.python_file import fingerprint
from tuitune.runs.store.directory import create

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU"),
]

LENGTHS = (190, 1, 260, 50)


@pytest.fixture
def ampere() -> None:
    """For what needs bfloat16 in hardware and flash attention: compute capability 8.0."""
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this card is from before Ampere")


def batch(seed: int) -> dict[str, Any]:
    from tuitune.engine.tokens.collator import flatten

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
    from tuitune.engine.load.attention import DOCUMENTS

    model = make_model(kind, hidden_size=128, num_attention_heads=4, head_dim=32, **changes).to("cuda", dtype)
    model.set_attn_implementation(DOCUMENTS)
    return model.train()


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointed"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=["bf16", "fp16", "fp32"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_nothing_leaks_between_documents(kind: str, dtype: torch.dtype, checkpointing: bool) -> None:
    from tuitune.engine.load.attention import separates_documents

    if dtype == torch.bfloat16 and torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this card has no bfloat16")
    model = documents_model(kind, dtype)
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    one, other = (model(**batch(seed), use_cache=False).logits[0].detach() for seed in (3, 4))
    assert (one[LENGTHS[0] :] - other[LENGTHS[0] :]).abs().max().item() == 0.0
    assert (one[: LENGTHS[0]] - other[: LENGTHS[0]]).abs().max().item() > 0.0
    assert separates_documents(model) is None


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "phi3"])
def test_the_kernel_is_used_and_agrees_with_plain_attention(
    kind: str, ampere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuitune.engine.load import attention

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
        {"adapter__method": "none"},
        {"adapter__bias": "all", "training__precision": "fp32"},
        {"adapter__dora": True, "training__workers": 0},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "lora",
)
def test_runs_train_and_record_the_gpus_memory(carried: Carry, settings: dict[str, Any]) -> None:
    outcome = carried(training__max_steps=3, samples__prompts=["Where is order 7?"], **settings)
    assert outcome.code == 0, outcome.reason
    steps = outcome.records("step")
    for step in steps:
        assert 0 < step["memory_bytes"] <= step["peak_memory_bytes"] <= step["reserved_memory_bytes"]
        assert step.get("context_memory_bytes", 1) > 0
    assert outcome.records("artefact")
    assert [alert["id"] for alert in outcome.records("alert") if alert["id"] != "no-triton"] == []
    assert outcome.records("plan")[0]["device"] == torch.cuda.get_device_name(0)


@pytest.mark.parametrize(
    "settings",
    [
        {"quantization__bits": 4, "training__gradient_checkpointing": True},
        {"adapter__method": "none", "training__learning_rate": 1e-3},
    ],
    ids=["qlora, recomputed", "every weight"],
)
def test_preferences_train_against_the_base(carried: Carry, tmp_path: Path, settings: dict[str, Any]) -> None:
    rows = [{"prompt": f"Say {one}.", "chosen": f"Here is {one}.", "rejected": "No."} for one in range(40)]
    pairs = str(write_rows(tmp_path / "pairs.jsonl", rows))
    values = {"training__learning_rate": 1e-2, "training__warmup_ratio": 0.0, **settings}
    outcome = carried(objective__kind="dpo", data__train=pairs, training__max_steps=12, **values)
    assert outcome.code == 0, outcome.reason
    first, *_, last = outcome.records("step")
    assert abs(first["rewards/margins"]) < 0.05 < last["rewards/margins"] and last["rewards/accuracies"] > 0.5


@pytest.mark.parametrize("settings", [{}, {"quantization__bits": 4}, {"adapter__method": "none"}], ids=str)
@pytest.mark.parametrize("kind", ["kto", "orpo", "simpo", "reward", "pretrain"])
def test_every_objective_learns(carried: Carry, tmp_path: Path, kind: str, settings: dict[str, Any]) -> None:
    def row(one: int) -> dict[str, Any]:
        good, bad = f"Here is {one}.", "No."
        if kind == "pretrain":
            return {"text": f"The order {one} is late. " * 20}
        if kind == "kto":
            return {"prompt": f"Say {one}.", "completion": good if one % 2 else bad, "label": bool(one % 2)}
        return {"prompt": f"Say {one}.", "chosen": good, "rejected": bad}

    data = str(write_rows(tmp_path / "rows.jsonl", [row(one) for one in range(40)]))
    rate = 1e-3 if "adapter__method" in settings else 1e-2
    values = {"training__learning_rate": rate, "training__warmup_ratio": 0.0, **settings}
    outcome = carried(objective__kind=kind, data__train=data, training__max_steps=12, **values)
    assert outcome.code == 0, outcome.reason
    base, *_, tuned = outcome.records("eval")
    assert tuned["loss"] < base["loss"]


@pytest.mark.parametrize("kind", ["grpo", "rloo"])
def test_rewards_raise_what_they_reward(kind: str, tmp_path: Path, tiny: Path, home: Path) -> None:
    from tuitune.engine.worker import carry_out

    rows = [{"prompt": f"Say {one}."} for one in range(40)]
    prompts = write_rows(tmp_path / "prompts.jsonl", rows)
    file = tmp_path / "mine.py"
    file.write_text("def reward(completion): return sum(map(str.isascii, completion)) / 12\n")
    given = [
        f"model.id={tiny}", f"data.train={prompts}", f"objective.kind={kind}", "objective.answer_length=12",
        "objective.kl=0.01", "rewards.weights=python=1", f"rewards.file={file}",
        f"rewards.approved={fingerprint(file.read_bytes())}", "training.max_steps=20", "training.learning_rate=1e-2",
        "adapter.dropout=0", "data.max_length=48",
    ]  # fmt: skip
    run = create(apply(Recipe(), given))
    outcome = Outcome(run, carry_out(run.path))
    assert outcome.code == 0, outcome.reason
    steps = outcome.records("step")
    assert sum(one["reward"] for one in steps[-5:]) > sum(one["reward"] for one in steps[:5])


def test_running_out_of_memory_says_what_to_change(carried: Carry, tmp_path: Path) -> None:
    torch.cuda.set_per_process_memory_fraction(0.001)
    try:
        model = save_model(tmp_path / "wide", hidden_size=2048, intermediate_size=8192)
        outcome = carried(model__id=str(model), training__precision="fp32")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert outcome.code == 1 and "training.batch_size" in str(outcome.reason)


def test_the_peak_is_that_of_training(carried: Carry, tmp_path: Path) -> None:
    """A larger tensor, held and given back before training, is not in it."""
    torch.empty(2**30, dtype=torch.uint8, device="cuda")
    outcome = carried()
    assert outcome.code == 0, outcome.reason
    assert max(step["peak_memory_bytes"] for step in outcome.records("step")) < 2**29


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
def test_the_loss_heads_kernels_run_where_they_can_be_compiled(dtype: torch.dtype) -> None:
    from tuitune.engine.loop.loss_head import why_not_triton
    from tuitune.hardware.compiler import why_not_compiled

    assert why_not_triton(torch.device("cuda", 0), dtype) == why_not_compiled()


@pytest.mark.parametrize("window", [None, 512], ids=["causal", "window"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
def test_grouped_heads_never_have_their_scores_written_out(dtype: torch.dtype, window: int | None) -> None:
    """What the variable-length kernel does not take: a row of 8,192 tokens, whose scores would fill 2 GiB a copy."""
    from tuitune.engine.load.attention import _sdpa

    q, k, v = (torch.randn(1, heads, 8192, 64, device="cuda", dtype=dtype, requires_grad=True) for heads in (8, 2, 2))
    torch.cuda.reset_peak_memory_stats()
    _sdpa(q, k, v, None, 0.0, window).float().sum().backward()
    assert torch.cuda.max_memory_allocated() < 2**30 and k.grad is not None


def test_stock_attention_repeats_grouped_heads_in_float32() -> None:
    """As above, for padded rows: transformers' own attention function."""
    model = make_model("llama", max_position_embeddings=8192, attn_implementation="sdpa").to("cuda")
    torch.cuda.reset_peak_memory_stats()
    model(input_ids=torch.ones(1, 8192, dtype=torch.long, device="cuda"), use_cache=False, logits_to_keep=1)
    assert torch.cuda.max_memory_allocated() < 2**30


def test_answers_that_do_not_fit_together_are_given_in_smaller_batches(carried: Carry, tmp_path: Path) -> None:
    """Eight long prompts in so little memory that only some fit at once."""
    from tuitune.engine.evaluation import generate

    sizes: list[int] = []
    batch = generate.Generator._batch
    model = save_model(tmp_path / "wide", hidden_size=1024, intermediate_size=32768, max_position_embeddings=16384)
    total = torch.cuda.get_device_properties(0).total_memory

    def counted(self: Any, prompts: Any) -> Any:
        sizes.append(len(prompts))
        return batch(self, prompts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate.Generator, "_batch", counted)
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min(2 * 2**30 / total, 1.0))
        try:
            outcome = carried(
                model__id=str(model), samples__prompts=["please " * 700 + str(n) for n in range(8)],
                samples__max_new_tokens=2, samples__every="end", data__eval="",
            )  # fmt: skip
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
    assert outcome.code == 0, outcome.reason
    assert sizes[0] == 8 and len(outcome.samples) == 16
