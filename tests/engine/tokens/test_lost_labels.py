"""Rows that lose everything they teach: refused here with their numbers, and what plain trl does with the same set."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import datasets
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from tests.engine.support import TEMPLATE, Carry, conversation, make_tokenizer, write_rows
from tuitune.data.preparation import reading
from tuitune.data.task_report import TaskReport
from tuitune.engine.process.failures import EngineError
from tuitune.engine.process.time_limit import time_limit
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.remarks import judge
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.recipe.values import toml_text

MAX_LENGTH = 32
LOST = [
    {"messages": [{"role": "user", "content": f"{n} " + "x " * 100}, {"role": "assistant", "content": "yes"}]}
    for n in range(8)
]


def test_a_set_that_loses_all_labels_is_refused_and_trl_alone_trains_on_nothing(
    carried: Carry, tiny: Path, tmp_path: Path
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", LOST)
    outcome = carried(data__train=str(data), data__eval="", data__max_length=MAX_LENGTH)
    assert outcome.code == 1 and not outcome.losses
    assert all(word in str(outcome.reason) for word in ("no row has a token to learn", "row 1 (line 1)", "max_length"))

    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(tiny),
        args=SFTConfig(
            output_dir=str(tmp_path / "plain"), max_length=MAX_LENGTH, assistant_only_loss=True, max_steps=2,
            per_device_train_batch_size=2, report_to="none", use_cpu=True, logging_steps=1, disable_tqdm=True,
            save_strategy="no",
        ),
        train_dataset=datasets.Dataset.from_list(LOST),
        processing_class=AutoTokenizer.from_pretrained(tiny),
    )  # fmt: skip
    silently_dropped = len(LOST) - len(trainer.train_dataset)
    losses = []
    if len(trainer.train_dataset):
        trainer.train()
        losses = [record["loss"] for record in trainer.state.log_history if "loss" in record]
    assert silently_dropped == len(LOST) or all(not loss > 0 for loss in losses)


def tokens_of(folder: Path, **settings: Any) -> dict[str, Any]:
    """What the tokens task gives, carried out in this process."""
    import json

    from tuitune.engine.jobs.token_report import run

    recipe = apply(Recipe(), [f"{key.replace('__', '.')}={toml_text(value)}" for key, value in settings.items()])
    folder.mkdir()
    (folder / "wanted.json").write_text(json.dumps({"recipe": recipe.model_dump(mode="json"), "base": str(folder)}))
    return run(TaskReport(folder))


def test_the_report_counts_rows_lost_and_cut(tmp_path: Path, tiny: Path) -> None:
    rows = [*(conversation(number) for number in range(99)), LOST[0]]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    common = {"model__id": str(tiny), "data__train": str(data), "data__eval": ""}
    found = tokens_of(tmp_path / "one", data__max_length=128, **common)
    assert (found["rows"], found["lost_count"], found["errors"]) == (100, 1, [])
    (lost,) = found["lost"]
    assert (lost["row"], lost["place"]) == (100, "row 100 (line 100)") and "128" in lost["why"]
    assert {"row": 100, "kind": "lost"}.items() <= next(one for one in found["odd"] if one["row"] == 100).items()
    assert found["tokens"] > found["trained_tokens"] > 0 and 0 < found["fill"] <= 1
    assert sum(found["lengths"]["counts"]) == 100 and found["lengths"]["edges"][-1] > found["longest"]
    fix = next(one["fix"] for one in found["verdicts"] if one["id"] == "lost")
    assert tokens_of(tmp_path / "two", data__max_length=fix["data.max_length"], **common)["lost_count"] == 0


def test_what_no_length_of_the_model_mends_is_left_out_by_the_fix(tmp_path: Path, tiny: Path) -> None:
    question = {"role": "user", "content": "please " * 600}
    too_long = {"messages": [question, {"role": "assistant", "content": "No."}]}
    data = write_rows(tmp_path / "rows.jsonl", [*(conversation(number) for number in range(99)), too_long])
    common = {"model__id": str(tiny), "data__train": str(data), "data__eval": "", "data__max_length": 128}
    verdicts = {one["id"]: one for one in tokens_of(tmp_path / "one", **common)["verdicts"]}
    assert list(verdicts["lost"]["fix"]) == ["data.exclude"]
    found = tokens_of(tmp_path / "two", data__exclude=verdicts["lost"]["fix"]["data.exclude"], **common)
    assert (found["rows"], found["lost_count"]) == (99, 0)


def test_a_longer_row_is_no_way_out_where_nothing_is_cut(tmp_path: Path, tiny: Path) -> None:
    turns = conversation(1)["messages"]
    rows = [{"messages": [*turns, turns[0], {**turns[1], "weight": 0}]}] * 3
    data = write_rows(tmp_path / "rows.jsonl", rows)
    found = tokens_of(
        tmp_path / "one", model__id=str(tiny), data__train=str(data), data__eval="", data__loss_on="completion"
    )
    (error,) = found["errors"]
    assert "no row has a token to learn; change data.loss_on" in error and "max_length" not in error


def test_a_template_that_tells_no_answer_is_refused_before_the_rows_are_read(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [conversation(number) for number in range(1500)]
    data, template = write_rows(tmp_path / "rows.jsonl", rows), tmp_path / "counts.jinja"
    template.write_text("{% for m in messages %}{{ m.role }}{% endfor %}{{ messages | length }}")
    read: list[int] = []
    marked = reading.mark
    monkeypatch.setattr(reading, "mark", lambda row: read.append(row.number) or marked(row))
    with pytest.raises(EngineError, match="does not mark where"):
        tokens_of(
            tmp_path / "one", model__id=str(tiny), data__train=str(data), data__eval="", data__template=str(template)
        )
    assert len(read) < len(rows) / 2


def test_tokens_are_found_again_and_over_long_rows_dropped(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [*(conversation(number) for number in range(50)), LOST[0]])
    settings = {
        "model__id": str(tiny), "data__train": str(data), "data__eval": "", "data__max_length": 128,
        "cleaning__too_long": "drop",
    }  # fmt: skip
    first = tokens_of(tmp_path / "one", **settings)
    assert first["lost_count"] == 0
    assert [(step["step"], step["dropped"]) for step in first["cleaning"] if step["dropped"]] == [("too_long", 1)]

    def read_again(*_: Any, **__: Any) -> None:
        raise AssertionError("the rows are read again")

    monkeypatch.setattr("tuitune.engine.tokens.tokenize.prepare", read_again)
    assert tokens_of(tmp_path / "two", **settings) == first
    with data.open("a") as file:
        file.write("\n{}\n")
    with pytest.raises(EngineError, match="read again"):
        tokens_of(tmp_path / "three", **settings)


def test_what_dropping_over_long_rows_costs_is_said_with_what_is_left(tmp_path: Path, tiny: Path) -> None:
    asked = [conversation(number)["messages"][:1] for number in range(10)]
    long = [{"messages": [*one, {"role": "assistant", "content": "so " * 60}]} for one in asked]
    data = write_rows(tmp_path / "rows.jsonl", [*(conversation(number) for number in range(10, 16)), *long[:4]])
    held_out = write_rows(tmp_path / "held_out.jsonl", long[4:6])
    settings = {
        "model__id": str(tiny), "data__train": str(data), "data__eval": str(held_out), "data__max_length": 64,
        "cleaning__too_long": "drop",
    }  # fmt: skip
    found = tokens_of(tmp_path / "one", **settings)
    assert (found["errors"], found["kept"], found["held_out_kept"]) == ([], 6, 0)
    dropped, none_left = found["warnings"]
    assert "4 of 10 rows" in dropped and "6 left to train on" in dropped and "cleaning.too_long" in dropped
    assert "no held-out row is left" in none_left and "2 of 2 held-out rows" in none_left
    fix = next(one["fix"] for one in found["verdicts"] if one["id"] == "no-held-out-left")
    mended = tokens_of(tmp_path / "two", **{**settings, "data__max_length": fix["data.max_length"]})
    assert (mended["warnings"], mended["kept"], mended["held_out_kept"]) == ([], 10, 2)


def test_a_refusal_says_what_dropping_over_long_rows_costs_beside(tmp_path: Path, tiny: Path) -> None:
    cut = [
        {"messages": [*conversation(n)["messages"][:1], {"role": "assistant", "content": "so " * 60}]} for n in (50, 51)
    ]
    data = write_rows(tmp_path / "rows.jsonl", [*(conversation(number) for number in range(9)), *cut, LOST[0]])
    settings = {"model__id": str(tiny), "data__train": str(data), "data__eval": "", "data__max_length": 64}
    (error,) = tokens_of(tmp_path / "one", **settings)["errors"]
    assert "1 of 12 rows" in error and "drops 2 that are only cut" in error
    dropped = tokens_of(tmp_path / "two", **settings, cleaning__too_long="drop")
    assert (dropped["errors"], dropped["kept"]) == ([], 9)


def test_rows_without_an_answer_that_a_reward_compares_with_are_refused_for_that(tmp_path: Path, tiny: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [{"prompt": f"What is {number} + 1?"} for number in range(7)])
    settings = {"model__id": str(tiny), "data__train": str(data), "data__eval": "", "objective__kind": "grpo"}
    (error,) = tokens_of(tmp_path / "one", **settings, rewards__weights={"exact": 1.0})["errors"]
    assert "7 of 7 rows" in error and error.count("the reward exact") == 1 and "row 5 (line 5)" in error
    assert "data.columns" in error and "rewards.weights" in error
    assert "template" not in error and "cleaning.unusable" not in error
    assert tokens_of(tmp_path / "two", **settings, rewards__weights={"length": 1.0})["errors"] == []


def test_rows_that_a_template_refuses_are_named_and_may_be_dropped(tmp_path: Path, tiny: Path) -> None:
    template = tmp_path / "strict.jinja"
    template.write_text(
        "{% if 'order 7?' in messages[0].content %}{{ raise_exception('no \x1b[31mseven') }}{% endif %}" + TEMPLATE
    )
    data = write_rows(tmp_path / "rows.jsonl", [conversation(number) for number in range(40)])
    common = {"model__id": str(tiny), "data__train": str(data), "data__eval": "", "data__template": str(template)}
    (error,) = tokens_of(tmp_path / "one", **common)["errors"]
    assert "row 8 (line 8)" in error and "seven" in error and "\x1b" not in error
    assert "another chat template" in error and "cleaning.unusable" in error
    assert tokens_of(tmp_path / "two", cleaning__unusable="drop", **common)["errors"] == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('\x1b[31m[b]no[/b]') }}", "refuses the row: ␛[31m[b]no[/b]"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{% for a in range(99999) %}{{ 'a' * 1000 }}{% endfor %}", "characters of it"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{{ messages[0].nothing.more }}", "no attribute 'nothing'"),
    ],
)
def test_a_hostile_template_is_one_error_verdict(template: str, words: str) -> None:
    (verdict,) = judge(Encoder(ChatTemplate(make_tokenizer(template)), "assistant", 64), {1})
    assert verdict.level == "error" and words in verdict.text and "\x1b" not in verdict.text


def test_an_endless_template_is_ended() -> None:
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(EngineError, match="2 s"):
        ChatTemplate(make_tokenizer(loops))


def burn(seconds: float) -> None:
    """Use so much of this thread's CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_the_limit_of_time_counts_one_thread_and_leaves_no_alarm_behind() -> None:
    other = threading.Thread(target=burn, args=(0.4,))
    with time_limit(0.2):
        other.start()
        other.join()
    burn(0.3)
    with pytest.raises(EngineError), time_limit(0.1):
        burn(30)


def test_a_process_made_by_fork_has_limits_of_its_own() -> None:
    with time_limit(1):
        pass
    child = os.fork()
    if not child:
        with suppress(EngineError), time_limit(0.1):
            burn(30)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def verdicts(tokenizer: Any, loss_on: str = "assistant") -> dict[str, tuple[str, Any]]:
    judged = judge(Encoder(ChatTemplate(tokenizer), loss_on, 64), {1}, ("system", "tools"))
    return {one.id: (one.level, one.fix) for one in judged}


UNMARKED = TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")


def test_verdicts_on_templates() -> None:
    good = verdicts(make_tokenizer())
    assert [good[name][0] for name in ("markers", "prefix", "stop-token")] == ["ok"] * 3 and "system" not in good
    assert good["tools"][0] == "warning"
    endless = TEMPLATE.replace("{{ m.content }}<|end|>{% endgeneration %}", "{{ m.content }}{% endgeneration %}<|end|>")
    assert verdicts(make_tokenizer(endless))["stop-token"][0] in ("ok", "warning")
    forgetful = UNMARKED.replace("{{ m.content }}<|end|>{% else %}", "{{ m.content if loop.last }}<|end|>{% else %}")
    assert verdicts(make_tokenizer(forgetful))["prefix"] == ("error", {"data.loss_on": "completion"})
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE
    assert verdicts(make_tokenizer(refusing))["system"][0] == "warning"
    twice = make_tokenizer("{{ bos_token }}{{ bos_token }}" + TEMPLATE)
    twice.bos_token = "<|system|>"
    assert verdicts(twice)["bos"][0] == "warning"
    same = make_tokenizer()
    same.pad_token = same.eos_token
    assert verdicts(same)["pad-eos"][0] == "ok"


def test_the_split_is_recorded(carried: Carry) -> None:
    import json

    outcome = carried(data__eval=0.25, checkpoints__every=1)
    record = json.loads(outcome.run.data_file.read_text())
    assert record["held_out_rows"] == len(record["held_out_marks"]) and record["eval"] == 0.25
    assert record["train_rows"] + record["held_out_rows"] == 40
