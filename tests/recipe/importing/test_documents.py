"""Files that are no configuration, or a hostile one: refused by file, line and what was expected; nothing is run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from tuitune.recipe.importing.documents import LARGEST, UnreadableError, read
from tuitune.recipe.importing.origins import import_file

_BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)

_WRONG = {
    "an alias bomb": (_BOMB, "line 5", "20,000"),
    "an alias within itself": ("base_model: x\na: &a\n  b: *a\n", "line 2", "within itself"),
    "code": ("base_model: x\nhook: !!python/object/apply:os.system [echo]\n", "line 2", "python/object"),
    "an unknown tag": ("base_model: !mine x\n", "line 1", "!mine"),
    "a key twice": ("base_model: x\nlora_r: 1\nlora_r: 2\n", "line 3", "lora_r"),
    "a key twice further in": ("base_model: x\ndatasets:\n  - path: a\n    path: b\n", "line 4", "path"),
    "no key but a list": ("base_model: x\n? [a, b]\n: c\n", "line 2", "a list"),
    "a broken line": ("base_model: x\n  lora_r: : 3\n", "line 2", "YAML"),
    "a tab": ("base_model: x\n\tlora_r: 3\n", "line 2", "YAML"),
    "two documents": ("base_model: x\n---\nbase_model: y\n", "line 2", "YAML"),
    "a list": ("- a\n- b\n", "line 1", "a list"),
    "a word": ("train\n", "line 1", "single value"),
    "nothing": ("# only a remark\n", "", "empty"),
    "an impossible number": ("base_model: x\nseed: !!int none\n", "line 2", "none"),
    "deep nesting": ("a: " + "[" * 400 + "]" * 400, "", "deep"),
    "a NUL": ("base_model: x\nlora_r: \0\n", "line 2", "NUL"),
    "a written NUL": ('base_model: "a\\0b"\n', "line 1", "NUL"),
}


@pytest.mark.parametrize("kind", _WRONG)
def test_wrong_yaml_is_refused_by_its_line(kind: str, tmp_path: Path) -> None:
    text, line, words = _WRONG[kind]
    path = tmp_path / "odd.yml"
    path.write_text(text)
    with pytest.raises(UnreadableError) as caught:
        read(path)
    [problem] = caught.value.problems
    assert "odd.yml" in problem.key
    assert line in problem.key
    assert words in problem.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{"peft_type": "LORA",\n "r": }', "line 2", "JSON"),
        ('{"r": 1, "r": 2}', "", "twice"),
        ('{"r": NaN}', "", "NaN"),
        ("[1]", "", "object"),
        ('{"a": "\\u0000"}', "", "NUL"),
        ('{"a": ' + "[" * 100_000, "", "deep"),
    ],
)
def test_wrong_json_is_refused(text: str, line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    path.write_text(text)
    with pytest.raises(UnreadableError) as caught:
        read(path)
    assert line in caught.value.problems[0].key
    assert words in caught.value.problems[0].message


def test_other_bytes_are_refused_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yml"
    path.write_bytes("base_model: x\nrun: café\n".encode("latin-1"))
    with pytest.raises(UnreadableError, match=r"line 2: is not UTF-8"):
        read(path)


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "large.yml").write_bytes(b"#" * (LARGEST + 1))
    for name, words in (
        ("pipe.yml", "regular file"),
        ("large.yml", "too large"),
        (".", "folder"),
        ("no.yml", "no such"),
    ):
        with pytest.raises(UnreadableError, match=words):
            read(tmp_path / name)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "made"),)

    path = tmp_path / "training_args.bin"
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(UnreadableError, match="pickle"):
        import_file(path)
    assert not (tmp_path / "made").exists()


def test_anchors_and_merged_tables_are_read(tmp_path: Path) -> None:
    path = tmp_path / "merged.yml"
    path.write_text("usual: &usual\n  lora_r: 8\n  seed: 1\nlora: {<<: *usual, seed: 2}\nlearning_rate: 1e-4\n")
    document = read(path)
    assert document.values["lora"] == {"lora_r": 8, "seed": 2}
    assert document.values["learning_rate"] == 1e-4
    assert document.place("lora.seed").endswith("line 4")


def test_a_file_of_no_trainer_is_refused_with_what_would_tell_one(tmp_path: Path) -> None:
    path = tmp_path / "docker.yml"
    path.write_text("services: {}\n")
    with pytest.raises(UnreadableError, match=r"base_model.*peft_type"):
        import_file(path)
