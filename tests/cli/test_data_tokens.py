"""data tokens: the summary of all rows, one row token by token, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

ANSWER = "Paris, of course."


def written(path: Path) -> Path:
    turns = [{"role": "user", "content": "The capital of France?"}, {"role": "assistant", "content": ANSWER}]
    path.write_text((json.dumps({"messages": turns}) + "\n") * 3 + "{broken\n")
    return path


def test_the_summary_of_all_rows(cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl")
    usable = ("--set", "cleaning.unusable=drop")
    answer = cli("data", "tokens", path, "--model", "bundled:nano", *usable, "--json")
    found = json.loads(answer.out)
    assert answer.code == 0, answer.err
    assert (found["rows"], found["lost_count"], found["errors"]) == (3, 0, [])
    assert 0 < found["trained_tokens"] < found["tokens"] == 3 * found["longest"]
    printed = cli("data", "tokens", path, "--model", "bundled:nano", *usable).out
    assert f"tokens    {found['tokens']:,}, of which {found['trained_share']:.1%} are learned" in printed
    short = cli("data", "tokens", path, "--model", "bundled:nano", *usable, "--set", "data.max_length=8")
    assert short.code == 2 and "row 1 (line 1)" in short.out and "max_length = 8" in short.err


def test_one_row_token_by_token(cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl")
    answer = cli("data", "tokens", path, "--model", "bundled:nano", "--row", "2")
    assert answer.code == 0, answer.err
    place, *lines = answer.out.splitlines()
    assert "kept, rows are cut after 512" in answer.out
    learned = [line.split("●  ")[1].strip("‹›") for line in lines if "●  " in line]
    assert place.split(maxsplit=1) == ["row", "row 2 (line 2)"]
    assert "".join(learned).replace("␣", " ") == f"{ANSWER}<|end|>"
    found = json.loads(cli("data", "tokens", path, "--model", "bundled:nano", "--row", "2", "--json").out)
    asked = [one["text"] for one in found["tokens"] if one["why"] == "user"]
    assert "".join(asked) == "The capital of France?"
    assert all(bool(one["why"]) != one["learned"] for one in found["tokens"])


def test_rows_that_are_not_there_or_not_readable_are_named(cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl")
    for number, words in ((4, "row 4 (line 4): broken JSON"), (5, "has no row 5")):
        answer = cli("data", "tokens", path, "--model", "bundled:nano", "--row", str(number))
        assert answer.code == 2 and words in answer.err and not answer.out
