"""What a row says against what its chat template writes of it: learned up to its end, said where it is left out, and
control tokens that stand in the texts themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tests.engine.support import TEMPLATE, make_tokenizer, write_rows
from tests.engine.tokens.test_lost_labels import tokens_of
from tests.engine.tokens.test_masks import TEMPLATES
from tests.engine.tokens.test_tokens import TALK, UNMARKED, learned
from tuitune.engine.process.failures import EngineError
from tuitune.engine.tokens.control_tokens import ControlTokens
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.remarks import judge
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.rows.turns import per_answer

END = "<|end|>"
LINES = TEMPLATE.replace(f"{END}{{% endgeneration %}}", f"{END}\n{{% endgeneration %}}").replace(
    f"{END}{{% else %}}{{{{ m.content }}}}{END}", f"{END}\n{{% else %}}{{{{ m.content }}}}{END}\n"
)
"""A template that puts a line break behind every end token, and marks it as part of the answer."""
LINES_UNMARKED = UNMARKED.replace(END, END + "\n")
OPENS = (
    "{% for m in messages %}<|{{ m.role }}|>"
    "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n{% endif %}{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
REWRITES = UNMARKED.replace("{{ m.content }}", "{{ m.content if loop.last else m.content | upper }}")
SILENT = UNMARKED.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}")
GEMMA = "{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}" + TEMPLATE


@pytest.mark.parametrize("template", [LINES, LINES_UNMARKED], ids=["marked", "unmarked"])
def test_what_stands_behind_the_end_token_is_not_learned(template: str) -> None:
    tokenizer = make_tokenizer(template)
    assert learned(tokenizer, {"messages": TALK}) == f"One.{END}|Two.{END}"
    assert learned(tokenizer, {"messages": TALK}, "completion") == f"Two.{END}"
    assert learned(tokenizer, {"messages": TALK}, "all").count("\n") >= 2


@pytest.mark.parametrize(
    ("tail", "stops", "kept"),
    [
        (f"{END}\n<|pad|>", [END], END),
        (f"<|pad|>{END}", [END], f"<|pad|>{END}"),
        ("\n\n", [END], "\n\n"),
        (f" {END}", [END], f" {END}"),
    ],
)
def test_an_answer_ends_at_the_first_stop_token_behind_it(tail: str, stops: list[str], kept: str) -> None:
    tokenizer = make_tokenizer(UNMARKED.replace(END, tail))
    ids = set(tokenizer.convert_tokens_to_ids(stops))
    encoder = Encoder(ChatTemplate(tokenizer), "completion", 512, ids)
    rendered = encoder.render({"messages": TALK})
    assert [rendered.text[first:last] for first, last in rendered.answers] == [f"Two.{kept}"]


@pytest.mark.parametrize("loss_on", ["assistant", "completion"])
def test_a_template_that_opens_reasoning_still_tells_its_answers(loss_on: str) -> None:
    tokenizer = make_tokenizer(OPENS)
    last = f"Two.{END}"
    assert learned(tokenizer, {"messages": TALK}, loss_on) == (last if loss_on == "completion" else f"One.{END}|{last}")
    thinking = [*TALK[:-1], {**TALK[-1], "reasoning_content": "One and one."}]
    assert learned(tokenizer, {"messages": thinking}, "completion") == f"One and one.\n</think>\n{last}"
    verdicts = {one.id: one.level for one in judge(Encoder(ChatTemplate(tokenizer), loss_on, 64), {1})}
    assert verdicts["opening"] == "warning" and verdicts["prefix"] == "ok"


def test_answers_that_are_written_otherwise_later_are_found_in_the_whole() -> None:
    assert learned(make_tokenizer(REWRITES), {"messages": TALK}) == f"ONE.{END}|Two.{END}"


def test_the_remedy_for_answers_that_cannot_be_told_works() -> None:
    counts = make_tokenizer("{% for m in messages %}{{ m.role }} {{ m.content }}{% endfor %}{{ messages | length }}")
    with pytest.raises(EngineError, match=r'data\.loss_on to "completion" or "all"'):
        learned(counts, {"messages": TALK})
    assert learned(counts, {"messages": TALK}, "completion").startswith("Two.")
    assert learned(counts, {"messages": TALK}, "all")


@pytest.mark.parametrize("template", [TEMPLATE, UNMARKED], ids=["marked", "unmarked"])
def test_an_answer_that_the_template_leaves_out_is_refused(template: str) -> None:
    silent = template.replace("{{ m.content }}<|end|>", "<|end|>", 1)
    (row,) = Encoder(ChatTemplate(make_tokenizer(silent)), "assistant", 512).encode([{"messages": TALK}])
    assert "drops words of its answers" in row.problem


def left_out(template: str, *turns: dict[str, Any], inline: bool = False, **more: Any) -> tuple[str, ...]:
    encoder = Encoder(ChatTemplate(make_tokenizer(template), inline=inline), "assistant", 512)
    (row,) = encoder.encode([{"messages": list(turns), **more}])
    assert not row.problem
    return row.left_out


ASKED, SAID = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}
TOOLS = [{"type": "function", "function": {"name": "clock", "parameters": {}}}]


@pytest.mark.parametrize("template", [TEMPLATE, UNMARKED], ids=["marked", "unmarked"])
def test_what_a_template_leaves_out_is_named(template: str) -> None:
    assert left_out(template, *TALK) == ()
    assert left_out(template, ASKED, {**SAID, "reasoning_content": "Since ever."}) == ("reasoning",)
    assert left_out(template, ASKED, {**SAID, "thinking": "Since ever."}) == ("reasoning",)
    earlier = left_out(template, ASKED, {**SAID, "thinking": "Since ever."}, *TALK[3:])
    assert earlier == ("reasoning",)
    assert left_out(template, {**ASKED, "name": "Ada"}, SAID) == ("the names of speakers",)
    assert left_out(template, ASKED, SAID, tools=TOOLS) == ("tools",)
    assert left_out(OPENS, ASKED, {**SAID, "reasoning_content": "Since ever."}) == ()


STRIPS = UNMARKED.replace(
    "{{ m.content }}",
    "{% if loop.last and m.role == 'assistant' %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    "{{ m.content }}",
)
"""Drops the reasoning of all answers but the last, and writes an empty one where that has none."""

TWICE = [ASKED, {**SAID, "reasoning_content": "Since ever."}, ASKED, {**SAID, "reasoning_content": "Since then."}]


def test_reasoning_that_earlier_answers_are_learned_without_is_named_and_each_remedy_keeps_it() -> None:
    tokenizer = make_tokenizer(STRIPS)
    assert left_out(STRIPS, *TWICE) == ("the reasoning of earlier answers, which are learned without it",)
    assert "Since ever." not in learned(tokenizer, {"messages": TWICE})
    context = [TWICE[0], {**TWICE[1], "weight": 0}, *TWICE[2:]]
    assert left_out(STRIPS, *context) == ("the reasoning of earlier answers",)
    (last,) = Encoder(ChatTemplate(tokenizer), "completion", 512).encode([{"messages": TWICE}])
    assert last.left_out == ("the reasoning of earlier answers",)
    apart = [learned(tokenizer, {"messages": turns}) for turns in per_answer(TWICE)]
    assert ["Since ever.\n</think>" in apart[0], "Since then.\n</think>" in apart[1]] == [True, True]
    assert all(left_out(STRIPS, *turns) != left_out(STRIPS, *TWICE) for turns in per_answer(TWICE))


@pytest.mark.parametrize("loss_on", ["assistant", "completion", "all"])
def test_empty_reasoning_that_a_template_adds_to_answers_is_named(loss_on: str) -> None:
    encoder = Encoder(ChatTemplate(make_tokenizer(STRIPS)), loss_on, 512)
    said = [
        encoder.render({"messages": turns}).left_out
        for turns in ([ASKED, SAID], [*TWICE[:3], SAID], TWICE[:2], [ASKED, {**SAID, "content": "<think></think>Yes."}])
    ]
    assert ["empty reasoning" in one for one in said] == [True, True, False, False]


@pytest.mark.parametrize(
    ("family", "without", "twice"),
    [
        ("qwen3", True, ()),
        ("qwen3_5_think", True, ()),
        ("qwen3_5_nothink", False, ()),
        ("glm4moe", True, ("the reasoning of earlier answers, which are learned without it", "empty reasoning")),
        ("gptoss", False, ("the reasoning of earlier answers, which are learned without it",)),
        ("qwen3_instruct_2507", False, ("reasoning",)),
    ],
)
def test_what_models_that_reason_would_learn_without_it(family: str, without: bool, twice: tuple[str, ...]) -> None:
    tokenizer = make_tokenizer((TEMPLATES / f"{family}.jinja").read_text())
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>"})
    encoder = Encoder(ChatTemplate(tokenizer), "assistant", 512)
    assert ("empty reasoning" in encoder.render({"messages": [ASKED, SAID]}).left_out) == without
    assert "empty reasoning" not in encoder.render({"messages": TWICE[:2]}).left_out
    assert encoder.render({"messages": TWICE}).left_out == twice


def test_turns_and_thoughts_that_a_template_drops_are_named() -> None:
    assert left_out(SILENT, *TALK) == ("system turns",)
    strips = UNMARKED.replace("{{ m.content }}", "{{ m.content.split('</think>')[-1] }}")
    assert left_out(strips, ASKED, {**SAID, "content": "<think>Ever since.</think>So."}) == (
        "what answers say in <think> tags",
    )
    escapes = UNMARKED.replace("{{ m.content }}", "{{ m.content.strip() | tojson }}")
    assert left_out(escapes, ASKED, {**SAID, "content": ' Say "no"\nor 👋 '}) == ()
    emoji = UNMARKED.replace("{{ m.content }}", "{{ m.content if m.role != 'user' else 'x' }}")
    assert left_out(emoji, {**ASKED, "content": "👋"}, SAID) == ("questions",)
    calling = {**SAID, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"of": "x"}}}]}
    either = UNMARKED.replace("{{ m.content }}", "{{ m.tool_calls[0].function if m.tool_calls else m.content }}")
    assert left_out(either, ASKED, calling) == ("what answers say beside tool calls",)


def test_what_is_left_out_can_be_written_inline() -> None:
    thinking = {**SAID, "reasoning_content": "Since ever."}
    assert left_out(SILENT, TALK[0], ASKED, thinking, inline=True) == ()
    encoder = Encoder(ChatTemplate(make_tokenizer(GEMMA), inline=True), "assistant", 512)
    rendered = encoder.render({"messages": [TALK[0], ASKED, thinking]})
    assert "<|user|>Be brief.\n\nWhy?" in rendered.text
    (span,) = rendered.answers
    assert rendered.text[slice(*span)] == f"<think>\nSince ever.\n</think>\n\nBecause.{END}"
    written = Encoder(ChatTemplate(make_tokenizer(OPENS), inline=True), "assistant", 512)
    assert written.render({"messages": [ASKED, thinking]}).text.count("<think>") == 1


def test_rows_that_say_more_than_their_template_writes_are_counted_and_the_fix_works(
    tmp_path: Path, tiny: Path
) -> None:
    turns = [ASKED, {**SAID, "reasoning": "Since ever."}]
    data = write_rows(tmp_path / "rows.jsonl", [{"messages": [*turns]}, {"messages": [ASKED, SAID]}] * 3)
    common = {"model__id": str(tiny), "data__train": str(data), "data__eval": ""}
    found = tokens_of(tmp_path / "one", **common)
    (verdict,) = [one for one in found["verdicts"] if one["id"].startswith("left-out")]
    assert verdict["level"] == "warning" and "3 rows (row 1 (line 1)" in verdict["text"]
    assert found["warnings"] == [f'{verdict["text"]}; set data.left_out = "inline"']
    fixed = tokens_of(
        tmp_path / "two", **{key.replace(".", "__"): value for key, value in verdict["fix"].items()}, **common
    )
    assert fixed["warnings"] == [] and fixed["trained_tokens"] > found["trained_tokens"]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_what_nobody_reads_of_a_row_is_told_whatever_file_it_comes_from(
    tmp_path: Path, tiny: Path, ending: str
) -> None:
    """Before a launch by this alone where rows need pyarrow: a look at the first rows of a text file says it too."""
    rows = [{"prompt": "Who was it?", "completion": "Ada.", "context": f"Ada went in at {n}."} for n in range(4)]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    if ending == "parquet":
        data = tmp_path / "rows.parquet"
        parquet.write_table(pyarrow.Table.from_pylist(rows), data)
    found = tokens_of(tmp_path / "one", model__id=str(tiny), data__train=str(data), data__eval="")
    (verdict,) = [one for one in found["verdicts"] if one["id"] == "unread"]
    assert verdict["level"] == "warning" and "context" in verdict["text"]
    assert found["warnings"] == ([verdict["text"]] if ending == "parquet" else [])


@pytest.mark.parametrize("question", ["Why?", "Why does the clock tick?"])
def test_a_template_without_tools_is_told_of_before_a_launch(tmp_path: Path, tiny: Path, question: str) -> None:
    """Also where the rows have the words of a tool by chance, so that none counts as left out."""
    tool = {"type": "function", "function": {"name": "clock", "description": "tells the time"}}
    rows = [{"messages": [{**ASKED, "content": question}, SAID], "tools": [tool]}] * 2
    (tmp_path / "deaf.jinja").write_text(UNMARKED)
    common = {"model__id": str(tiny), "data__eval": "", "data__template": str(tmp_path / "deaf.jinja")}
    found = tokens_of(tmp_path / "one", data__train=str(write_rows(tmp_path / "rows.jsonl", rows)), **common)
    (said,) = found["warnings"]
    assert "template" in said and "tool" in said
    plain = write_rows(tmp_path / "plain.jsonl", [{"messages": rows[0]["messages"]}] * 2)
    assert tokens_of(tmp_path / "two", data__train=str(plain), **common)["warnings"] == []


def test_a_system_turn_that_a_template_refuses_has_a_way_out(tmp_path: Path, tiny: Path) -> None:
    template = tmp_path / "strict.jinja"
    template.write_text(GEMMA)
    data = write_rows(tmp_path / "rows.jsonl", [{"messages": TALK}] * 2)
    common = {"model__id": str(tiny), "data__train": str(data), "data__eval": "", "data__template": str(template)}
    (error,) = tokens_of(tmp_path / "one", **common)["errors"]
    assert "system turn" in error and 'data.left_out to "inline"' in error
    found = tokens_of(tmp_path / "two", data__left_out="inline", **common)
    assert not found["errors"] and not found["warnings"] and found["lost_count"] == 0


def test_control_tokens_in_texts_are_counted_and_can_be_removed(tmp_path: Path, tiny: Path) -> None:
    rows = [
        {"messages": [ASKED, {**SAID, "content": f"Because{END} it is."}]},
        {"messages": [{**ASKED, "content": "<|user|>Why?"}, SAID]},
        {"messages": [ASKED, SAID]},
    ]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    common = {"model__id": str(tiny), "data__train": str(data), "data__eval": ""}
    found = tokens_of(tmp_path / "one", **common)
    control = {one["id"]: one for one in found["verdicts"] if one["id"].startswith("control")}
    assert set(control) == {"control-end-in-an-answer", "control-user-in-a-question"}
    assert all("in 1 row (row" in one["text"] for one in control.values()) and len(found["warnings"]) == 2
    assert {(one["row"], one["kind"]) for one in found["odd"]} == {(1, "control"), (2, "control")}
    fix = {"cleaning__control_tokens": control["control-end-in-an-answer"]["fix"]["cleaning.control_tokens"]}
    clean = tokens_of(tmp_path / "two", **fix, **common)
    assert clean["warnings"] == [] and clean["tokens"] == found["tokens"] - 2
    assert [step["changed"] for step in clean["cleaning"] if step["step"] == "control_tokens"] == [2]


def test_a_beginning_that_the_tokenizer_adds_is_not_there_twice() -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = make_tokenizer(None)
    tokenizer.add_special_tokens({"bos_token": "<|system|>"})
    bos = tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing("<|system|> $A", None, [("<|system|>", bos)])
    control = ControlTokens(tokenizer)
    row = {"text": "<|system|>Once <|user|> upon a time."}
    assert control.found(row) == ("<|system|> at the beginning of a text",)
    assert control.removed(row) == {"text": "Once <|user|> upon a time."}
    assert control.found({"prompt": "Once", "completion": "upon"}) == ()
    encoder = Encoder(ChatTemplate(tokenizer), "all", 64)
    once, twice = encoder.encode([control.removed(row), row])
    assert once.input_ids[:2].tolist().count(bos) == 1 and twice.input_ids[:2].tolist() == [bos, bos]


@pytest.mark.parametrize("row", [{"text": f"Done.{END}"}, {"prompt": "Done", "completion": f"?{END}\n"}])
def test_text_that_has_its_end_gets_no_other(row: dict[str, str]) -> None:
    assert learned(make_tokenizer(None), row, "all").count(END) == 1
