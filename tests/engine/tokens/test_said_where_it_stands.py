"""Words that stand in a text by chance are not what a row says; marks hold answers and nothing else; control tokens
wherever a row has texts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import TEMPLATE, make_tokenizer, write_rows
from tests.engine.tokens.test_lost_labels import tokens_of
from tests.engine.tokens.test_masks import TOOL
from tests.engine.tokens.test_said_and_written import END, SILENT
from tests.engine.tokens.test_tokens import TALK, UNMARKED, learned
from tuitune.engine.tokens.control_tokens import ControlTokens
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.omissions import left_out
from tuitune.engine.tokens.places import Places
from tuitune.engine.tokens.remarks import judge
from tuitune.engine.tokens.template import ChatTemplate

EVERY_TURN = (
    "{% for m in messages %}<|{{ m.role }}|>{% generation %}{{ m.content }}<|end|>{% endgeneration %}{% endfor %}"
)
WHOLE = "{% generation %}" + UNMARKED + "{% endgeneration %}"
CALLS = "{% for c in m.tool_calls or [] %}<call>{{ c.function | tojson }}{% endfor %}"
CALLS_UNMARKED = TEMPLATE.replace("{% generation %}", CALLS + "{% generation %}")
CALLS_MARKED = TEMPLATE.replace("{% generation %}", "{% generation %}" + CALLS)
BEHIND = TEMPLATE.replace("{% generation %}{{ m.content }}", "{{ m.content }}{% generation %}")
LOWER = UNMARKED.replace("m.content }}", "m.content | lower }}")
WRITES_CALLS = UNMARKED.replace("{{ m.content }}", CALLS + "{{ m.content }}")


def turns(*said: str, **last: Any) -> list[dict[str, Any]]:
    roles = ["user", "assistant"] if len(said) == 2 else ["system", "user", "assistant"]
    found: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]
    found[-1] |= last
    return found


def called(name: str, **arguments: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name, "arguments": arguments}}]


def tool(name: str, description: str = "", *takes: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {one: {"type": "string"} for one in takes}}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


@pytest.mark.parametrize(
    ("template", "messages", "tools", "missing"),
    [
        (SILENT, turns("Reply in French.", "Do not reply: in what French town?", "Lyon."), None, ("system turns",)),
        (SILENT, turns("Hello", "Hello", "Hello"), None, ("system turns",)),
        (UNMARKED, turns("Is 3*3 nine?", "Yes", reasoning_content="3*3 Yes"), None, ("reasoning",)),
        (UNMARKED, turns("9", "9", reasoning_content="9"), None, ("reasoning",)),
        (UNMARKED, turns("Please fetch it.", "So."), [tool("fetch")], ("tools",)),
        (WRITES_CALLS, turns("Go.", "", tool_calls=called("go", at="noon")), [tool("go", "Goes.", "at")], ("tools",)),
        (UNMARKED, turns("Open door 7 of wing", "", tool_calls=called("Open", door="7")), None, ("tool calls",)),
        (UNMARKED, turns("Ask Ada.", "Ada says so.", name="Ada"), None, ("the names of speakers",)),
        (LOWER, turns("who?", "Me."), None, ("the wording of answers",)),
    ],
)  # fmt: skip
def test_words_that_stand_elsewhere_are_not_what_a_row_says(
    template: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, missing: tuple[str, ...]
) -> None:
    text = ChatTemplate(make_tokenizer(template)).render(messages, tools)
    assert left_out(Places(text, messages), tools) == missing


@pytest.mark.parametrize(
    ("text", "messages", "tools"),
    [
        ("<u>4 or 2+2?<a><think>2+2=4</think>4<u>2+2<a>4", None, None),
        ("<s>Be\n  brief.<u>Hi<a>Hi<u>Hi<a>4", turns("Be brief.", "Hi", "Hi"), None),
        ("<u>Hi<a>Hi<s>Be brief.<u>Hi<a>4", turns("Be brief.", "Hi", "Hi"), None),
        (
            '<t>go: "Goes on."<u>go<a><call>go {"at": "a\\nb \\u00e9"}go',
            turns("go", "go", tool_calls=called("go", at="a\nb é")),
            [tool("go", "Goes on.")],
        ),
        ("<t>type go = (at: string)<u>Hi<a>4", turns("Hi", "4"), [tool("go", "Goes.", "at")]),
        ("<u>Hi<a><think>\nTwo.\n</think>\n\n4", turns("Hi", "<think>Two.</think>4"), None),
        ("<u>Hi<a>4", turns("Hi", "<think>\n\n</think>\n\n4"), None),
    ],
)  # fmt: skip
def test_what_is_written_is_not_said_to_be_missing(text: str, messages: Any, tools: Any) -> None:
    messages = messages or [*turns("4 or 2+2?", "4", reasoning_content="2+2=4"), *turns("2+2", "4")]
    assert left_out(Places(text, messages), tools) == ()


@pytest.mark.parametrize(
    ("template", "row", "wrong"),
    [
        (EVERY_TURN, {"messages": TALK}, "take in system turns"),
        (EVERY_TURN, {"messages": TALK[1:]}, "take in questions"),
        (WHOLE, {"messages": TALK[1:]}, "take in questions"),
        (CALLS_UNMARKED, TOOL, "leave out tool calls"),
        (BEHIND, {"messages": TALK}, "leave out answers"),
    ],
)  # fmt: skip
def test_marks_that_are_not_around_the_answers_are_refused(template: str, row: dict[str, Any], wrong: str) -> None:
    tokenizer = make_tokenizer(template)
    encoder = Encoder(ChatTemplate(tokenizer), "assistant", 1024)
    assert encoder.template.marked == "own"
    (encoded,) = encoder.encode([row])
    assert wrong in encoded.problem and "data.template" in encoded.problem
    (whole,) = Encoder(ChatTemplate(tokenizer), "all", 1024).encode([row])
    assert not whole.problem
    said = {one.id: one.level for one in judge(encoder, {1})}
    assert said["markers"] == ("ok" if "calls" in wrong else "error")


def test_marks_around_words_and_calls_hold() -> None:
    text = learned(make_tokenizer(CALLS_MARKED), TOOL, max_length=1024)
    assert '"zone": "UTC"' in text and text.endswith(f"It is noon.{END}") and "12:00" not in text


def test_control_tokens_are_seen_wherever_a_row_has_texts() -> None:
    control = ControlTokens(make_tokenizer())
    row = {
        "messages": turns("Go.", "", tool_calls=called(f"go{END}", **{f"at{END}": f"no{END}on"})),
        "tools": [tool("go", f"Goes.{END}", f"at{END}")],
    }
    assert control.found(row) == (f"{END} in a tool call", f"{END} in the description of a tool")
    clean = control.removed(row)
    assert clean and not control.found(clean)
    assert clean["messages"][1]["tool_calls"] == called("go", at="noon")
    assert clean["tools"] == [tool("go", "Goes.", "at")]


def test_an_end_token_within_a_completion_is_one_too_many() -> None:
    control = ControlTokens(make_tokenizer(None))
    row = {"prompt": f"One?{END}", "completion": f" O{END}ne.{END}\n"}
    assert control.found(row) == (f"{END} in an answer",)
    assert control.removed(row) == {**row, "completion": f" One.{END}\n"}
    assert control.found({"prompt": "One?", "completion": f" One.{END}\n"}) == ()


def test_removing_control_tokens_makes_no_new_ones_and_no_empty_answers() -> None:
    control = ControlTokens(make_tokenizer())
    nested = {"messages": turns("Why?", f"So <|e<|end|>nd|><|en<|en{END}d|>d|> it is.")}
    clean = control.removed(nested)
    assert clean and clean["messages"][-1]["content"] == "So  it is."
    assert control.removed({"messages": turns("Why?", f" {END} ")}) is None
    assert control.removed({"messages": turns(f"{END}", "So.")}) is None
    assert control.removed({"prompt": "Why?", "completion": END}) is None


def test_a_row_of_nothing_but_control_tokens_is_dropped_and_named(tmp_path: Path, tiny: Path) -> None:
    data = write_rows(
        tmp_path / "rows.jsonl", [{"messages": turns("Why?", said)} for said in ("So.", END, f"So.{END}")]
    )
    found = tokens_of(
        tmp_path / "one", model__id=str(tiny), data__train=str(data), data__eval="", cleaning__control_tokens="remove"
    )
    assert (found["rows"], found["lost_count"], found["warnings"]) == (2, 0, [])
    steps = {one["step"]: (one["changed"], one["dropped"]) for one in found["cleaning"]}
    assert steps["control_tokens"] == (1, 0) and steps["control_tokens_only"] == (0, 1)


def test_an_end_that_the_template_writes_when_a_turn_follows_is_learned() -> None:
    between = UNMARKED.replace("<|end|>", "{% if add_generation_prompt or not loop.last %}<|end|>\n{% endif %}")
    assert learned(make_tokenizer(between), {"messages": TALK}) == f"One.{END}|Two."
    ended = UNMARKED.replace("<|end|>", "<|end|><|pad|>")
    assert learned(make_tokenizer(ended), {"messages": TALK}) == f"One.{END}|Two.{END}"


@pytest.mark.parametrize("loss_on", ["assistant", "completion"])
@pytest.mark.parametrize(("stops", "tail"), [({1}, END), ({0}, f"{END}\n<|pad|>"), ({0, 1}, END)])
def test_an_end_marked_apart_belongs_to_the_answer_before_it(loss_on: str, stops: set[int], tail: str) -> None:
    apart = TEMPLATE.replace("{% endfor %}", "{{ '\\n' }}{% generation %}<|pad|>{% endgeneration %}{% endfor %}", 1)
    tokenizer = make_tokenizer(apart)
    tokenizer.eos_token = None if 1 not in stops else END
    encoder = Encoder(ChatTemplate(tokenizer), loss_on, 512, stops)
    rendered = encoder.render({"messages": TALK})
    (encoding,) = encoder.tokenize([rendered])
    assert [tokenizer.decode(encoding.ids[first:last]) for first, last in encoder.learned(encoding, rendered)][-1:] == [
        f"Two.{tail}"
    ]


@pytest.mark.parametrize(
    ("opening", "marked", "taught"),
    [
        ("<|assistant|>", "<|assistant|>{{ m.content }}", "{}"),
        ("<|assistant|>\n", "<|assistant|>\n{{ m.content }}", "{}"),
        ("<|assistant|>.<|pad|>", ".<|pad|> so: {{ m.content }}", " so: {}"),
        ("<|assistant|>.<|pad|>", ".<|pad|><|pad|>{{ m.content }}", "<|pad|>{}"),
    ],
)
def test_what_a_model_is_asked_with_is_not_learned(opening: str, marked: str, taught: str) -> None:
    """Marks of a template that begin earlier than the place from which a model goes on, as some of trl's do."""
    apart = "" if marked.startswith("<|a") else "<|assistant|>"
    template = (
        "{% for m in messages %}{% if m.role == 'assistant' %}" + apart + "{% generation %}" + marked + "<|end|>"
        "{% endgeneration %}{% else %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}" + opening + "{% endif %}"
    )
    expected = "|".join(taught.format(said) + END for said in ("One.", "Two."))
    assert learned(make_tokenizer(template), {"messages": TALK}) == expected
