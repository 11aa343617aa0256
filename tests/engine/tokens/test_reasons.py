"""Why a token is masked: told for each, whatever turns say and however the template writes them."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from tests.engine.support import make_tokenizer
from tuitune.engine.tokens.encode import Encoder
from tuitune.engine.tokens.reasons import reasons
from tuitune.engine.tokens.template import ChatTemplate

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
MARKED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
)
MERGED = (
    "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>"
    "{{ messages[0].content + ': ' if loop.index == 2 and messages[0].role == 'system' }}{{ m.content }}<|im_end|>"
    "{% elif m.role == 'assistant' %}<|im_start|>assistant\n{{ m.content }}<|im_end|>{% endif %}{% endfor %}"
)
SHOUTED = CHATML.replace("m.content | trim", "m.content | urlencode")
PROMPTED = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def told(template: str | None, row: dict[str, Any], loss_on: str = "assistant") -> list[tuple[str, str]]:
    """The row in pieces that are masked for one reason, each with its slug; "" for what is learned."""
    tokenizer = make_tokenizer(template and template + PROMPTED)
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>", "extra_special_tokens": ["<|im_start|>"]})
    encoder = Encoder(ChatTemplate(tokenizer), loss_on, 512)
    rendered = encoder.render(row)
    (encoding,) = encoder.tokenize([rendered])
    learned = bytearray(len(encoding))
    for first, last in encoder.learned(encoding, rendered):
        learned[first:last] = b"\1" * (last - first)
    found = reasons(encoder, row, rendered, encoding, learned)
    assert [not why for why in found] == [bool(mark) for mark in learned]
    pieces = groupby(zip(found, encoding.offsets, strict=True), key=lambda one: one[0])
    spans = [(why, [span for _, span in tokens]) for why, tokens in pieces]
    return [(why, rendered.text[tokens[0][0] : tokens[-1][1]]) for why, tokens in spans]


def talk(*turns: tuple[str, str], **weights: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": role, "content": content} for role, content in turns]
    for number, weight in weights.items():
        messages[int(number[1:])]["weight"] = weight
    return {"messages": messages}


ASKED = [
    ("system", "system"),
    ("user", " user\nassistant "),
    ("assistant", "a user"),
    ("user", "<|im"),
    ("assistant", "b"),
]


@pytest.mark.parametrize("template", [CHATML, MARKED])
def test_a_turn_is_told_from_the_template_around_it(template: str) -> None:
    """What a turn says may be what the template writes as well."""
    found = told(template, talk(*ASKED))
    assert [text.strip() for why, text in found if why == "system"] == ["system"]
    assert [text.strip() for why, text in found if why == "user"] == ["user\nassistant", "<|im"]
    assert {why for why, _ in found} <= {"template", "system", "user", "", "end"}
    learned = [text.strip() for why, text in found if not why]
    assert [text.removesuffix("<|im_end|>") for text in learned] == ["a user", "b"]


@pytest.mark.parametrize("template", [CHATML, MARKED])
def test_answers_that_are_not_learned_say_which_rule_it_was(template: str) -> None:
    by_weight = told(template, talk(*ASKED, _2=0))
    assert next(text for why, text in by_weight if why == "weight").startswith("a user<|im_end|>")
    by_place = told(template, talk(*ASKED), loss_on="completion")
    assert next(text for why, text in by_place if why == "earlier").startswith("a user<|im_end|>")
    assert not any(why in ("weight", "earlier") for why, _ in told(template, talk(*ASKED)))


def test_what_follows_the_end_of_an_answer() -> None:
    assert ("end", "\n") in told(MARKED, talk(*ASKED))


def test_a_template_that_moves_a_turn_and_one_that_rewrites_it() -> None:
    merged = told(MERGED, talk(("system", "Be brief"), ("user", "Now?"), ("assistant", "Yes.")))
    assert [piece for piece in merged if piece[0] in ("system", "user")] == [("system", "Be brief"), ("user", "Now?")]
    rewritten = told(SHOUTED, talk(("user", "Né?"), ("assistant", "ok")))
    assert {"", "apart"} <= {why for why, _ in rewritten} <= {"", "apart", "end"}


def test_rows_without_a_template() -> None:
    assert told(None, {"prompt": "2 + 2 = ", "completion": "4"})[0] == ("prompt", "2 + 2 = ")
    assert told(None, {"text": "Once upon a time"}) == [("", "Once upon a time<|im_end|>")]
