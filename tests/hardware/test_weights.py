from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hardware.folders import safetensors
from tuitune.hardware.weights import INDEX, SINGLE, read_header, weigh

ONE = {"embed": ("BF16", [4, 8], 64), "norm": ("F32", [8], 32)}


def test_one_file_is_counted_from_its_header(tmp_path: Path) -> None:
    (tmp_path / SINGLE).write_bytes(safetensors(ONE))
    weights = weigh(tmp_path)
    assert (weights.parameters, weights.dtype, weights.complete) == (40, "bfloat16", True)
    assert weights.bytes == (tmp_path / SINGLE).stat().st_size
    assert read_header(tmp_path / SINGLE) == {"embed": ("BF16", 32), "norm": ("F32", 8)}


def test_tied_heads_and_old_buffers_are_no_parameters(tmp_path: Path) -> None:
    extra = {"lm_head.weight": ("BF16", [4, 8], 64), "layers.0.rotary_emb.inv_freq": ("F32", [4], 16)}
    (tmp_path / SINGLE).write_bytes(safetensors({**ONE, **extra}))
    assert weigh(tmp_path, tied=True).parameters == 40
    assert weigh(tmp_path).parameters == 72


def test_packed_weights_have_no_count(tmp_path: Path) -> None:
    (tmp_path / SINGLE).write_bytes(safetensors({"packed": ("U8", [64, 1], 64), "norm": ("BF16", [8], 16)}))
    weights = weigh(tmp_path)
    assert (weights.parameters, weights.dtype, weights.complete) == (None, "quantized", True)


def shards(folder: Path) -> None:
    (folder / "a.safetensors").write_bytes(safetensors({"embed": ONE["embed"]}))
    (folder / "b.safetensors").write_bytes(safetensors({"norm": ONE["norm"]}))
    index = {"weight_map": {"embed": "a.safetensors", "norm": "b.safetensors"}}
    (folder / INDEX).write_text(json.dumps(index))


def test_shards_are_added_up_and_missing_ones_named(tmp_path: Path) -> None:
    shards(tmp_path)
    assert weigh(tmp_path).parameters == 40
    (tmp_path / "b.safetensors").unlink()
    weights = weigh(tmp_path)
    assert weights.problems == ("b.safetensors: missing",)
    assert weights.parameters is None


def test_shards_without_an_index_are_found(tmp_path: Path) -> None:
    shards(tmp_path)
    (tmp_path / INDEX).unlink()
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "consolidated.safetensors").write_bytes(b"")
    assert weigh(tmp_path).parameters == 40


@pytest.mark.parametrize(
    "index",
    ["{", "[]", '{"weight_map": 3}', '{"weight_map": {"a": "../elsewhere.safetensors", "b": 4}}', "[" * 100_000],
)
def test_a_damaged_index_leads_nowhere(tmp_path: Path, index: str) -> None:
    (tmp_path / INDEX).write_text(index)
    assert weigh(tmp_path).problems == (f"{INDEX}: damaged index",)


def test_no_weights_or_only_pickled_ones(tmp_path: Path) -> None:
    assert weigh(tmp_path).problems == (f"no weights ({SINGLE})",)
    (tmp_path / "pytorch_model.bin").touch()
    assert weigh(tmp_path).problems == ("no weights as safetensors, only pytorch_model.bin",)


def test_a_file_cut_short_is_named_with_its_sizes(tmp_path: Path) -> None:
    whole = safetensors(ONE)
    (tmp_path / SINGLE).write_bytes(whole[:-10])
    assert weigh(tmp_path).problems == (f"{SINGLE}: cut short: {len(whole) - 10} of {len(whole)} bytes",)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b'{"a": 1}',
        b'{"a": {"dtype": "F32"}}',
        b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}',
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / SINGLE).write_bytes(len(header).to_bytes(8, "little") + header)
    (problem,) = weigh(tmp_path).problems
    assert problem.startswith(SINGLE)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_weighed_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / SINGLE).write_bytes(content)
    assert weigh(folder).problems or weigh(folder).parameters is None
