"""data tokens: the summary of all rows, one row token by token, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuitune.planning.preflight import check
from tuitune.recipe import document
from tuitune.units import percent_text

pytestmark = pytest.mark.usefixtures("warm")
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
    short = cli("data", "tokens", path, "--model", "bundled:nano", *usable, "--set", "data.max_length=8")
    assert short.code == 2 and "row 1 (line 1)" in short.out and "max_length = 8" in short.err


def test_one_row_token_by_token(cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl")
    row = ("data", "tokens", path, "--model", "bundled:nano", "--row", "2")
    answer = cli(*row, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    asked = [one["text"] for one in found["tokens"] if one["why"] == "user"]
    assert "".join(asked) == "The capital of France?"
    assert all(bool(one["why"]) != one["learned"] for one in found["tokens"])
    learned = [one["learned"] for one in found["tokens"]]

    first = 1 + learned.index(True)
    printed = cli(*row, "--set", f"data.max_length={first}").out
    above, _, below = printed.partition("┄ cut\n")
    assert above.splitlines()[0].split(maxsplit=1) == ["row", "row 2 (line 2)"]
    assert above.splitlines()[-2].split()[0] == str(first) and "●" not in below
    assert "are lost, its end too" in above
    numbers = [int(line.split()[0]) for line in above.splitlines() if "●  " in line or "·  " in line]
    assert numbers == list(range(1, first + 1)), "tokens count from 1, as in the mask inspector"


def test_rows_that_are_not_there_or_not_readable_are_named(cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl")
    for number, words in ((4, "row 4 (line 4): broken JSON"), (5, "has no row 5")):
        answer = cli("data", "tokens", path, "--model", "bundled:nano", "--row", str(number))
        assert answer.code == 2 and words in answer.err and not answer.out


def test_a_recipe_says_what_is_tokenized_and_how(cli, tmp_path: Path) -> None:
    path, recipe = written(tmp_path / "rows.jsonl"), tmp_path / "r.toml"
    recipe.write_text(
        f'[model]\nid = "bundled:nano"\n[data]\ntrain = "{path}"\neval = ""\nmax_length = 64\n'
        '[cleaning]\nunusable = "drop"\n'
    )
    found = json.loads(cli("data", "tokens", "--recipe", recipe, "--json").out)
    assert (found["rows"], found["max_length"]) == (3, 64)
    other = tmp_path / "other.jsonl"
    other.write_text(path.read_text().partition("\n")[0] + "\n")
    printed = cli("data", "tokens", other, "--recipe", recipe).out
    tokens, share = found["tokens"] // 3, percent_text(found["trained_share"], 3)
    assert f"tokens    {tokens:,}, {share} learned" in printed
    whole = cli("data", "tokens", "--recipe", recipe, "--row", "1")
    lines = whole.out.splitlines()
    learned = [line.split("●  ")[1].strip("‹›") for line in lines if "●  " in line]
    assert "".join(learned).replace("␣", " ") == f"{ANSWER}<|end|>" and "kept, rows are cut to 64" in whole.out
    assert cli("data", "tokens").code == 2


def test_check_says_what_a_template_leaves_out_and_refuses_what_is_lost(cli, tmp_path: Path) -> None:
    path, recipe = tmp_path / "rows.jsonl", tmp_path / "r.toml"
    turns = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "Four.", "thinking": "Two twos."}]
    path.write_text((json.dumps({"messages": turns}) + "\n") * 3)
    recipe.write_text(f'[model]\nid = "bundled:nano"\n[data]\ntrain = "{path}"\neval = ""\n')
    answer = cli("check", recipe, "--json")
    assert answer.code == 0
    (said,) = [one for one in json.loads(answer.out)["advice"] if one["id"] == "labels"]
    assert "drops reasoning" in said["message"] and "row 1 (line 1)" in said["message"]
    call = {"type": "function", "function": {"name": "sum", "arguments": {"of": "two"}}}
    turns[1:] = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    path.write_text((json.dumps({"messages": turns}) + "\n") * 3)
    answer = cli("check", recipe)
    assert answer.code == 2 and "tool calls" in answer.err
    refused = check(document.read(recipe), base=Path.cwd()).errors
    assert [problem.key for problem in refused] == ["data.train"] and refused[0].message in answer.err


def test_check_counts_the_rows_that_are_left(cli, tmp_path: Path) -> None:
    path, recipe = tmp_path / "rows.jsonl", tmp_path / "r.toml"
    rows = [{"prompt": f"{number}?", "completion": "so " * (200 if number > 5 else 2)} for number in range(10)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe.write_text(f'[data]\ntrain = "{path}"\nmax_length = 64\neval = ""\n[cleaning]\ntoo_long = "drop"\n')
    answer = cli("check", recipe)
    assert answer.code == 0 and "6 to train on, 0 held out" in answer.out
    assert "4 of 10 rows are longer than 64 tokens" in answer.out
    assert cli("check", recipe).out.count("4 of 10 rows") == 1
    assert "4 rows are dropped for more than 64" in cli("data", "tokens", "--recipe", recipe).out


def test_both_answers_of_a_pair(cli, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": "The capital of France?", "chosen": ANSWER, "rejected": "No idea."}]
    rows += [{"prompt": "Why?", "chosen": "So.", "rejected": "So."}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ("data", "tokens", path, "--model", "bundled:nano", "--set", "objective.kind=dpo")
    found = json.loads(cli(*given, "--row", "1", "--json").out)
    for side, answer in (("chosen", ANSWER), ("rejected", "No idea.")):
        tokens = found[side]["tokens"]
        assert "".join(one["text"] for one in tokens if one["why"] == "user") == "The capital of France?"
        assert "".join(one["text"] for one in tokens if one["learned"] and not one["special"]) == answer
    printed = cli(*given, "--row", "1").out
    assert 0 < printed.index("chosen") < printed.index("Paris") < printed.index("rejected") < printed.rindex("●  No")
    same = cli(*given)
    assert same.code == 2 and "row 2 (line 2)" in same.err and "rejected" in same.err
    kept = cli(*given, "--set", "cleaning.unusable=drop", "--json")
    facts = json.loads(kept.out)
    assert kept.code == 0 and facts["rows"] == 1, kept.err
    assert facts["tokens"] == sum(len(found[side]["tokens"]) for side in ("chosen", "rejected"))
