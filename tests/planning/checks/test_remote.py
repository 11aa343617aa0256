"""What is known of a Hub model before it is downloaded, through huggingface_hub's client and a stand-in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.hub import Hub, serve
from tests.hardware.folders import LLAMA_3_1_8B, model_folder
from tests.planning.checks.test_preflight import CARD, advice, error, rows
from tuitune.hardware.model_facts import read_facts
from tuitune.hardware.models import hub_cache
from tuitune.planning.checks import remote
from tuitune.planning.preflight import Check, check
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe

MIDDLING = {
    **LLAMA_3_1_8B, "hidden_size": 512, "num_hidden_layers": 4, "vocab_size": 1000, "intermediate_size": 1024,
    "num_attention_heads": 8, "num_key_value_heads": 8,
}  # fmt: skip


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from tests.hardware.folders import llama_tensors

    models = tmp_path / "published"
    whole = model_folder(models / "whole", MIDDLING, llama_tensors(MIDDLING))
    shutil.copytree(whole, models / "gated")
    shutil.copytree(whole, models / "pickled", ignore=shutil.ignore_patterns("*.safetensors"))
    shutil.copytree(whole, models / "foreign")
    (models / "foreign" / "config.json").write_text(json.dumps(MIDDLING | {"num_hidden_layers": 6}))
    shutil.copytree(whole, models / "bert")
    (models / "bert" / "config.json").write_text(json.dumps(MIDDLING | {"architectures": ["BertForMaskedLM"]}))
    monkeypatch.setattr(remote, "_answers", {})
    with serve(models) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


def looked_at(tmp_path: Path, name: str, **values: Any) -> Check:
    rows(tmp_path / "rows.jsonl", [{"instruction": f"Say {number}", "output": str(number)} for number in range(150)])
    chosen = {"model.id": name, "data.train": "rows.jsonl", **values}
    return check(with_values(Recipe(), chosen), base=tmp_path, gpus=[CARD], online=True)


def test_a_model_is_forecast_before_its_download_from_a_few_kilobytes(hub: Hub, tmp_path: Path) -> None:
    found = looked_at(tmp_path, "owner/whole")
    here = read_facts(hub.folder / "whole")
    assert found.errors == []
    assert (found.total, found.facts and found.facts.linears) == (here.parameters, here.linears)
    assert found.forecast and found.fit and found.trainable
    size = (hub.folder / "whole" / "model.safetensors").stat().st_size
    assert hub.sent < 120_000 < size
    assert not (hub_cache() / "models--owner--whole").exists()
    assert f"{size / 1e6:.0f}" in advice(found, "download")[0].message
    sent = hub.sent
    assert looked_at(tmp_path, "owner/whole").total == found.total
    assert hub.sent == sent


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("owner/whloe", "owner/whloe does not exist on the Hub"),
        ("owner/gated", "owner/gated is gated"),
        ("owner/pickled", "no safetensors weights"),
        ("owner/foreign", "not in the weights, which have 4 of the 6 layers"),
        ("owner/bert", "does not generate text"),
    ],
)
def test_what_a_run_would_fail_on_is_refused_before_the_download(
    hub: Hub, tmp_path: Path, name: str, words: str
) -> None:
    key, message = error(looked_at(tmp_path, name))
    assert key == "model.id" and words in message
    assert hub.sent < 200_000


def test_where_the_hub_does_not_answer_that_is_said_and_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(remote, "_answers", {})
    found = looked_at(tmp_path, "owner/whole")
    assert (found.errors, found.facts, found.forecast) == ([], None, None)
    (note,) = advice(found, "download")
    assert (note.level, note.key) == ("warning", "model.id")
    assert "could not be reached, and owner/whole is not" in note.message
    assert found.unknown and not found.to_ask


def test_nothing_is_asked_unless_that_is_wanted_or_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(remote, "begin", never)
    monkeypatch.setattr(remote, "_answers", {})
    recipe = with_values(Recipe(), {"model.id": "owner/whole"})
    assert check(recipe, base=tmp_path, gpus=[CARD]).to_ask == "owner/whole"
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "yes")
        assert name in error(check(recipe, base=tmp_path, gpus=[CARD], online=True))[1]
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", "socks://127.0.0.1:9")
    assert "HTTPS_PROXY" in error(check(recipe, base=tmp_path, gpus=[CARD], online=True))[1]
