from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hardware.folders import TINY, TINY_PARAMETERS, model_folder
from tuitune.hardware.models import (
    ModelEntry,
    find_models,
    hub_cache,
    locate,
    looks_like_hub_id,
    missing_parts,
    read_licence,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def cached(tmp_path: Path, model_id: str = "meta/tiny", commit: str = COMMIT, branch: str | None = "main") -> Path:
    """A model in the Hub's cache layout."""
    repository = tmp_path / "huggingface" / "hub" / f"models--{model_id.replace('/', '--')}"
    if branch:
        reference = repository / "refs" / branch
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(commit)
    return model_folder(repository / "snapshots" / commit)


def found() -> dict[str, ModelEntry]:
    return {entry.id: entry for entry in find_models()}


def test_models_of_every_kind_are_found(tmp_path: Path, home: Path, here: Path) -> None:
    kept = model_folder(home / "models" / "mine")
    model_folder(here / "models" / "local")
    (here / "models" / "local" / "README.md").write_text("---\nlicense: apache-2.0\ntags: [x]\n---\n# Card\n")
    cached(tmp_path)
    entries = found()
    assert entries["bundled:nano"].kind == "bundled"
    assert entries["bundled:nano"].complete
    assert entries[str(kept)].kind == "local"
    local = entries["./models/local"]
    assert (local.parameters, local.dtype, local.licence, local.model_type) == (
        TINY_PARAMETERS,
        "bfloat16",
        "apache-2.0",
        "llama",
    )
    assert (local.complete, local.chat_template, local.revision) == (True, True, None)
    hub = entries["meta/tiny"]
    assert (hub.kind, hub.revision, hub.complete) == ("hub-cache", COMMIT, True)


def test_the_scan_is_bounded_and_skips_what_holds_no_models(here: Path) -> None:
    model_folder(here / "a" / "b" / "c")
    model_folder(here / ".hidden" / "model")
    model_folder(here / "node_modules" / "model")
    (here / "loop").symlink_to(here)
    model_folder(here / "elsewhere")
    (here / "linked").symlink_to(here / "elsewhere")
    (here / "adapter").mkdir()
    (here / "adapter" / "config.json").write_text("{}")
    (here / "adapter" / "adapter_model.safetensors").touch()
    assert [name for name in found() if name.startswith("./")] == ["./elsewhere"]


def test_a_download_that_was_broken_off_is_partial(tmp_path: Path) -> None:
    snapshot = cached(tmp_path)
    (snapshot / "model.safetensors").unlink()
    entry = found()["meta/tiny"]
    assert not entry.complete
    assert locate("meta/tiny") is None
    (snapshot / "config.json").write_text("not json")
    assert found()["meta/tiny"].model_type is None


def test_locating(tmp_path: Path, here: Path) -> None:
    nano = locate("bundled:nano")
    assert nano is not None
    assert (nano / "config.json").is_file()
    assert locate("bundled:nothing") is None
    assert locate("bundled:../sample_data/nano") is None
    folder = model_folder(tmp_path / "elsewhere" / "m")
    assert locate(str(folder)) == folder
    assert locate("m", base=tmp_path / "elsewhere") == folder
    assert locate("m") is None
    assert locate("x" * 5000) is None
    assert locate("a\0b") is None


def test_revisions_of_a_cached_model(tmp_path: Path) -> None:
    snapshot = cached(tmp_path)
    older = cached(tmp_path, commit="f" * 40, branch="release/v1")
    assert locate("meta/tiny") == snapshot
    assert locate("meta/tiny", "release/v1") == older
    assert locate("meta/tiny", "f" * 40) == older
    assert locate("meta/tiny", "unknown") is None
    assert locate("meta/tiny", "../../../../work") is None
    assert locate("meta/tiny", "") is None


def test_a_reference_that_leads_out_of_the_cache_is_not_followed(tmp_path: Path) -> None:
    cached(tmp_path, commit=COMMIT)
    (hub_cache() / "models--meta--tiny" / "refs" / "main").write_text("../../../../work")
    assert locate("meta/tiny") is None
    assert found()["meta/tiny"].revision == COMMIT


def test_without_a_main_branch_the_newest_snapshot_counts(tmp_path: Path) -> None:
    old = cached(tmp_path, commit="a" * 40, branch=None)
    cached(tmp_path, commit="b" * 40, branch=None)
    os.utime(old, (1, 1))
    assert found()["meta/tiny"].revision == "b" * 40


def test_an_empty_entry_of_the_cache_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "huggingface" / "hub" / "models--meta--empty").mkdir(parents=True)
    assert "meta/empty" not in found()


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert hub_cache() == Path.home() / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert hub_cache() == tmp_path / "huggingface" / "hub"
    monkeypatch.setenv("HF_HOME", "$XDG_CACHE_HOME/h")
    assert hub_cache() == tmp_path / "h" / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", "/c")
    assert hub_cache() == Path("/c")


def test_missing_parts_are_all_named(tmp_path: Path) -> None:
    tmp_path.joinpath("empty").mkdir()
    assert missing_parts(tmp_path / "empty") == [
        "no config.json",
        "no weights (model.safetensors)",
        "no tokenizer (tokenizer.json)",
    ]
    whole = model_folder(tmp_path / "whole", TINY)
    assert missing_parts(whole) == []
    (whole / "config.json").write_text("[]")
    assert missing_parts(whole) == ["config.json cannot be read (config.json: not a JSON object)"]


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ('---\nlanguage: en\nlicense: "llama3.1"  # see below\n---\n', "llama3.1"),
        ("---\nlicense: other\nlicense_name: gemma\n---\n", "gemma"),
        ("---\nlicense:\n- mit\n---\n", None),
        ("license: mit", None),
        ("---\nlicense: " + "x" * 500 + "\n---\n", "x" * 80),
    ],
)
def test_licences(tmp_path: Path, card: str, licence: str | None) -> None:
    (tmp_path / "README.md").write_text(card)
    assert read_licence(tmp_path) == licence


def test_hub_ids() -> None:
    assert looks_like_hub_id("meta-llama/Llama-3.1-8B")
    for name in ("nano", "./a/b", "a/b/c", "a/../b", "a--b/c", "/a/b", "a/"):
        assert not looks_like_hub_id(name)
