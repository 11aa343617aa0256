from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hardware.folders import model_folder, safetensors
from tuitune.hardware.models import find_models
from tuitune.hardware.weights import INDEX, SINGLE, read_header, weigh

ONE = {"embed": ("BF16", [4, 8], 64), "norm": ("F32", [8], 32)}


def test_one_file_is_counted_from_its_header(tmp_path: Path) -> None:
    (tmp_path / SINGLE).write_bytes(safetensors(ONE))
    weights = weigh(tmp_path)
    assert (weights.parameters, weights.dtype, not weights.problems) == (40, "bfloat16", True)
    assert weights.bytes == (tmp_path / SINGLE).stat().st_size
    assert read_header(tmp_path / SINGLE) == {"embed": ("BF16", (4, 8)), "norm": ("F32", (8,))}


def test_tied_heads_and_old_buffers_are_no_parameters(tmp_path: Path) -> None:
    extra = {"lm_head.weight": ("BF16", [4, 8], 64), "layers.0.rotary_emb.inv_freq": ("F32", [4], 16)}
    (tmp_path / SINGLE).write_bytes(safetensors({**ONE, **extra}))
    assert weigh(tmp_path, tied=True).parameters == 40
    assert weigh(tmp_path).parameters == 72


def test_packed_weights_have_no_count(tmp_path: Path) -> None:
    (tmp_path / SINGLE).write_bytes(safetensors({"packed": ("U8", [64, 1], 64), "norm": ("BF16", [8], 16)}))
    weights = weigh(tmp_path)
    assert (weights.parameters, weights.dtype, not weights.problems) == (None, "quantized", True)


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


def test_shards_without_an_index_are_not_loaded_by_transformers(tmp_path: Path) -> None:
    shards(tmp_path)
    (tmp_path / INDEX).unlink()
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "consolidated.safetensors").write_bytes(b"")
    weights = weigh(tmp_path)
    assert weights.problems == (f"no {INDEX} beside a.safetensors",)
    assert weights.bytes > 0


def test_a_tensor_that_is_not_in_the_shard_of_the_index_is_named(tmp_path: Path) -> None:
    shards(tmp_path)
    places = {"embed": "a.safetensors", "norm": "b.safetensors", "head": "b.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": places}))
    (problem,) = weigh(tmp_path).problems
    assert problem.startswith("b.safetensors: ") and "head" in problem


def test_a_tensor_in_two_files_is_named(tmp_path: Path) -> None:
    shards(tmp_path)
    (tmp_path / "b.safetensors").write_bytes(safetensors(ONE))
    (problem,) = weigh(tmp_path).problems
    assert problem.startswith("b.safetensors: ") and "embed" in problem


def test_one_file_beside_an_index_of_shards_is_refused(tmp_path: Path) -> None:
    shards(tmp_path)
    (tmp_path / SINGLE).write_bytes(safetensors(ONE))
    assert any(SINGLE in problem and INDEX in problem for problem in weigh(tmp_path).problems)


def test_a_header_is_read_again_when_its_file_has_changed(tmp_path: Path) -> None:
    (tmp_path / SINGLE).write_bytes(safetensors(ONE))
    assert len(read_header(tmp_path / SINGLE)) == 2
    (tmp_path / SINGLE).write_bytes(safetensors({"norm": ("F32", [9], 36)}))
    assert read_header(tmp_path / SINGLE) == {"norm": ("F32", (9,))}


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


def described(header: object, *, length: int | None = None, follows: int = 0) -> bytes:
    """A safetensors file with this header, and a length field that may lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(follows)


GOOD = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "content",
    [
        described({}, length=2**60),
        described({}, length=2**64 - 1),
        described(b"\0" * 64, follows=16),
        described(b"[1, 2, 3]"),
        described(b'{"a": ' + b"[" * 5000),
        described({"a": {**GOOD, "data_offsets": [0, 2**40]}}, follows=16),
        described({"a": {**GOOD, "data_offsets": ["0", "16"]}}, follows=16),
        described({"a": {**GOOD, "data_offsets": [-16, 0]}}, follows=16),
        described({"a": {**GOOD, "data_offsets": 16}}, follows=16),
        described({"a": {**GOOD, "shape": [2**49, 2**49]}}, follows=16),
        described({"a": {**GOOD, "shape": [2] * 100_000}}, follows=16),
        described({"a": {**GOOD, "shape": [2.0, 2.0]}}, follows=16),
        described({"a": {**GOOD, "shape": [3, 3]}}, follows=16),
        described({"a": {**GOOD, "dtype": ["F32"]}}, follows=16),
        described({"a": "F32"}, follows=16),
    ],
)
def test_a_header_that_lies_is_one_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SINGLE).write_bytes(content)
    weights = weigh(tmp_path)
    assert weights.parameters is None
    (problem,) = weights.problems
    assert problem.startswith(SINGLE) and len(problem) < 100


def test_pipes_in_a_model_folder_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUITUNE_HOME", str(tmp_path / "home"))
    for pipe in ("README.md", "tokenizer_config.json", "tokenizer.json"):
        folder = model_folder(tmp_path / f"with-{pipe}")
        (folder / pipe).unlink(missing_ok=True)
        os.mkfifo(folder / pipe)
    for pipe in ("config.json", SINGLE, INDEX):
        folder = tmp_path / f"only-{pipe}"
        folder.mkdir()
        os.mkfifo(folder / pipe)
    shards(folder := model_folder(tmp_path / "shard"))
    (folder / SINGLE).unlink()
    (folder / "b.safetensors").unlink()
    os.mkfifo(folder / "b.safetensors")
    found = {entry.path.name: entry.complete for entry in find_models() if entry.kind == "local"}
    assert found["with-README.md"] and found["with-tokenizer_config.json"]
    assert not found["with-tokenizer.json"] and not found["shard"]
