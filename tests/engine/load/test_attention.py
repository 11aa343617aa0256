"""Packing is exact: a document in a packed row is computed as if it were alone, whatever stands beside it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.engine.support import ARCHITECTURES, Carry, conversation, make_model, save_model, write_rows
from tuitune.engine.load.attention import DOCUMENTS, _varlen, separates_documents
from tuitune.engine.tokens.collator import flatten, pad

LENGTHS = (19, 1, 26, 5)


def documents(seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(2, 300, (length,), generator=generator).tolist() for length in LENGTHS]


def batch_of(docs: list[list[int]]) -> dict[str, Any]:
    """Two packed rows, as the trainer's collator gets them."""
    rows = [docs[:3], docs[3:]]
    packed = []
    for row in rows:
        tokens = list(chain.from_iterable(row))
        packed.append({"input_ids": tokens, "labels": tokens, "seq_lengths": [len(doc) for doc in row]})
    return {name: value for name, value in flatten(packed).items() if name not in ("labels", "tokens")}


def logits(model: Any, docs: list[list[int]]) -> torch.Tensor:
    return model(**batch_of(docs), use_cache=False).logits[0].detach()


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_document_is_computed_as_if_it_were_alone(kind: str, dtype: torch.dtype, checkpointing: bool) -> None:
    model = make_model(kind).to(dtype)
    alone_model = make_model(kind, attn_implementation="eager").to(dtype)
    model.set_attn_implementation(DOCUMENTS)
    model.train()
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    docs = documents()
    packed = logits(model, docs)
    alone = torch.cat([alone_model(input_ids=torch.tensor([doc]), use_cache=False).logits[0].detach() for doc in docs])
    assert (packed - alone).abs().max() < (1e-5 if dtype == torch.float32 else 0.06)

    changed = [documents(seed=9)[0], *docs[1:]]
    disturbed = logits(model, changed)
    assert (packed[LENGTHS[0] :] - disturbed[LENGTHS[0] :]).abs().max() == 0.0
    assert (packed[: LENGTHS[0]] - disturbed[: LENGTHS[0]]).abs().max() > 0.0


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_a_batch_that_is_filled_up_has_the_same_loss_and_gradients(kind: str) -> None:
    model = make_model(kind)
    model.set_attn_implementation(DOCUMENTS)
    rows = [{"input_ids": doc, "labels": doc} for doc in documents()]
    plain, filled = flatten(rows), flatten(rows, multiple=64)
    assert (plain["input_ids"].shape[1], filled["input_ids"].shape[1]) == (51, 64)
    assert plain["tokens"] == filled["tokens"] == 51
    assert int((plain["labels"] != -100).sum()) == int((filled["labels"] != -100).sum())
    gradients = []
    for batch in (plain, filled):
        model.zero_grad()
        batch.pop("tokens")
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in model.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_a_cpu_attends_in_float32_and_in_few_lengths(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 16 bits it makes and keeps a kernel for each length, and memory grows for as long as new ones come."""
    from tuitune.engine.load import attention
    from tuitune.engine.load.device import Precision, row_multiple

    seen: list[torch.dtype] = []
    for name in ("_sdpa", "_explicit"):
        attend = getattr(attention, name)
        monkeypatch.setattr(
            attention, name, lambda q, *rest, _attend=attend, **more: seen.append(q.dtype) or _attend(q, *rest, **more)
        )
    model = make_model(kind).to(torch.bfloat16)
    model.set_attn_implementation(DOCUMENTS)
    assert logits(model, documents()).dtype == torch.bfloat16
    assert set(seen) == {torch.float32}

    cpu, cuda = torch.device("cpu"), torch.device("cuda", 0)
    for weights, compute, autocast, on, multiple in (
        (torch.bfloat16, torch.bfloat16, None, cpu, 64),
        (torch.float32, torch.bfloat16, None, cpu, 64),
        (torch.float32, torch.float32, torch.bfloat16, cpu, 64),
        (torch.float32, torch.float32, None, cpu, 1),
        (torch.bfloat16, torch.bfloat16, torch.bfloat16, cuda, 1),
    ):
        assert row_multiple(Precision(weights, compute, autocast), on) == multiple


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_gradients_stay_within_their_document(kind: str) -> None:
    model = make_model(kind)
    model.set_attn_implementation(DOCUMENTS)
    assert separates_documents(model) is None


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma2"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_stock_attention_is_exact_on_the_same_batches(kind: str, attention: str) -> None:
    if (kind, attention) == ("gemma2", "sdpa"):
        pytest.skip("transformers' sdpa has no soft-capping")
    stock, ours = make_model(kind, attn_implementation=attention), make_model(kind)
    ours.set_attn_implementation(DOCUMENTS)
    assert (logits(stock, documents()) - logits(ours, documents())).abs().max() < 1e-5
    assert separates_documents(stock) is None


def test_a_model_that_lets_documents_see_each_other_is_found_out() -> None:
    model = make_model("llama")
    model.set_attn_implementation("sdpa")
    careless = model.forward
    model.forward = lambda **inputs: careless(**{**inputs, "position_ids": torch.arange(12)[None]})
    assert separates_documents(model) == "a document can see its neighbours"


def test_a_model_that_mixes_along_the_row_is_trained_on_padded_rows(
    carried: Carry, chats: Path, tmp_path: Path
) -> None:
    recurrent = {"layer_types": ["conv", "full_attention"], "conv_L_cache": 3, "block_auto_adjust_ff_dim": False}
    ARCHITECTURES["lfm2"] = recurrent
    try:
        model = save_model(tmp_path / "lfm2", "lfm2")
    finally:
        del ARCHITECTURES["lfm2"]
    outcome = carried(model__id=str(model), adapter__targets="all-linear")
    assert outcome.code == 0, outcome.reason
    (alert,) = [alert for alert in outcome.records("alert") if alert["id"] == "packing-off"]
    assert "neighbours" in alert["message"]


def test_packed_attention_refuses_a_mask() -> None:
    model = make_model("llama")
    model.set_attn_implementation(DOCUMENTS)
    with pytest.raises(RuntimeError, match="boundaries"):
        model(input_ids=torch.tensor([[5, 6, 7]]), use_cache=False)


def test_the_trainers_own_batches_do_not_leak(
    chats: Path, tmp_path: Path, carried: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the real data preparation, collator, trainer and adapter: changing one row changes no other row."""
    from tuitune.engine.objectives.sft import SftTrainer

    seen: list[torch.Tensor] = []
    original = SftTrainer.compute_loss

    def spy(self: SftTrainer, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> torch.Tensor:
        if not seen or len(seen) < spy.wanted:  # type: ignore[attr-defined]
            forward = {k: v for k, v in inputs.items() if k not in ("labels", "tokens")}
            assert "attention_mask" not in forward and "cu_seq_lens_q" in forward
            with torch.no_grad():
                seen.append(model(**forward, use_cache=False).logits[0])
            spy.lengths = inputs["document_lengths"]  # type: ignore[attr-defined]
        return original(self, model, inputs, *rest, **named)

    monkeypatch.setattr(SftTrainer, "compute_loss", spy)
    rows = [conversation(number) for number in range(8)]
    for wanted, first in (
        (1, rows[0]),
        (2, {"messages": [rows[0]["messages"][0], {"role": "assistant", "content": "Order 9 is late."}]}),
    ):
        spy.wanted = wanted  # type: ignore[attr-defined]
        data = write_rows(tmp_path / f"{wanted}.jsonl", [first, *rows[1:]])
        settings = {
            "data__train": str(data),
            "data__eval": str(chats),
            "data__shuffle": False,
            "adapter__dropout": 0.0,
            "training__batch_size": 8,
        }
        assert carried(**settings, data__max_length=256, training__max_steps=1).code == 0
    changed = (seen[0] - seen[1]).abs().amax(dim=-1).split(spy.lengths)  # type: ignore[attr-defined]
    assert sum(bool(document.any()) for document in changed) == 1 and len(changed) == 8


def test_the_cuda_kernel_can_be_traced_backwards() -> None:
    """torch's variable-length kernel with grouped heads and a window, shape-checked without a GPU."""
    with FakeTensorMode():
        q, k, v = (torch.empty(48, heads, 32, dtype=torch.bfloat16, requires_grad=True) for heads in (8, 2, 2))
        boundaries = torch.tensor([0, 20, 48], dtype=torch.int32)
        output = _varlen(q, k, v, boundaries, 28, None, 8)
        output.float().sum().backward()
    assert output.shape == (48, 8, 32) and k.grad is not None and k.grad.shape == k.shape


def test_padding_marks_what_is_real() -> None:
    batch = pad([{"input_ids": [5, 6, 7], "labels": [5, 6, 7]}, {"input_ids": [8], "labels": [8]}], pad_token_id=0)
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [-100, -100, -100]]
    assert batch["tokens"] == 4


def test_the_first_token_of_a_document_is_no_target() -> None:
    batch = flatten([{"input_ids": [5, 6, 7, 8], "labels": [5, 6, 7, 8], "seq_lengths": [2, 2]}])
    assert batch["labels"].tolist() == [[-100, 6, -100, 8]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1]]
    assert batch["cu_seq_lens_q"].tolist() == [0, 2, 4]


@pytest.mark.parametrize("window", [None, 8], ids=["causal", "window"])
@pytest.mark.parametrize("stock", [False, True], ids=["documents", "stock"])
def test_grouped_heads_are_repeated_where_only_the_math_kernel_would_take_them(
    stock: bool, window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a card before Ampere, or float32 on any, is given: the same answer, through calls without grouped heads."""
    from transformers.integrations import sdpa_attention

    from tuitune.engine.load import attention

    ids = torch.tensor([documents()[0]])
    model = make_model("mistral" if window else "llama", attn_implementation="sdpa")
    if not stock:
        model.set_attn_implementation(DOCUMENTS)
    given = {"input_ids": ids} if stock else batch_of(documents())
    expected = model(**given, use_cache=False).logits.detach()

    grouped: list[bool] = []
    kernel = torch.nn.functional.scaled_dot_product_attention

    def spy(q: torch.Tensor, k: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        grouped.append(bool(named.get("enable_gqa")) or q.shape[1] != k.shape[1])
        return kernel(q, k, *rest, **named)

    monkeypatch.setattr(attention, "scaled_dot_product_attention", spy)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    monkeypatch.setattr(attention, "_takes_groups", lambda *_: False)
    monkeypatch.setattr(sdpa_attention, "use_gqa_in_sdpa", lambda *given: attention._takes_groups(*given))
    assert (model(**given, use_cache=False).logits - expected).abs().max() < 1e-5
    assert grouped and not any(grouped)


@pytest.mark.parametrize(
    ("capability", "dtype", "masked", "takes"),
    [
        ((7, 5), torch.float16, False, False),
        ((7, 0), torch.bfloat16, False, False),
        ((8, 0), torch.float32, False, False),
        ((8, 0), torch.bfloat16, True, False),
        ((8, 0), torch.bfloat16, False, True),
        ((9, 0), torch.float16, False, True),
    ],
)
def test_which_cards_take_grouped_heads(
    capability: tuple[int, int], dtype: torch.dtype, masked: bool, takes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from transformers.integrations import sdpa_attention

    from tuitune.engine.load import attention

    monkeypatch.setattr(attention, "_has_flash", lambda index: capability >= (8, 0))
    head = SimpleNamespace(device=torch.device("cuda", 0), dtype=dtype, shape=(1, 2, 9, 64))
    mask = torch.ones(1) if masked else None
    assert sdpa_attention.use_gqa_in_sdpa(mask, head, head) is takes
    on_cpu = torch.zeros(1, 2, 9, 64, dtype=dtype)
    assert attention._takes_groups(None, on_cpu, on_cpu) is True
