"""What a row asks a model, and what it answers: the prompt as a template writes it, and the last answer in words."""

from __future__ import annotations

from dataclasses import dataclass

from tuitune.engine.tokens.encode import Canonical, messages_of
from tuitune.engine.tokens.template import ChatTemplate, RenderProblem
from tuitune.shapes.preference import answers_of


@dataclass(frozen=True)
class Question:
    """What a model is asked: the rendered `text` (`whole` as in `Rendered`), in the words of the `question` that ends
    it, and what the row answers, "" where it answers nothing.
    """

    text: str
    question: str
    answer: str
    whole: bool


def asked_of(row: Canonical, template: ChatTemplate) -> Question | None:
    """What a row asks; None where it asks nothing, as plain text does. RenderProblem where the template refuses it."""
    messages = messages_of(row, template.tokenizer)
    if messages is None:
        return Question(row["prompt"], row["prompt"], row["completion"], False) if "prompt" in row else None
    if messages[-1]["role"] != "assistant":
        before, answer = messages, row.get("answer", "")
    else:
        answers = (index for index, one in enumerate(messages) if one["role"] == "assistant" and one.get("content"))
        last = max(answers, default=0)
        if not last:
            return None
        before, answer = messages[:last], messages[last]["content"]
    text = template.render(before, row.get("tools") or None, prompt=True)
    return Question(text, before[-1].get("content") or "", answer, True)


def question_and_answer(row: Canonical, template: ChatTemplate) -> tuple[str, str] | None:
    """What a model is asked and what the row answers: all before the last answer in words, rendered, and that answer.

    None for plain text, for a conversation that answers nothing in words or that the template refuses, and for an
    answer that is labelled bad. A row of preferences answers what was chosen.
    """
    if row.get("label") is False:
        return None
    row = answers_of(row)[0]
    try:
        asked = asked_of(row, template)
    except RenderProblem:
        return None
    return (asked.text, asked.answer) if asked is not None and asked.answer else None
