"""Answers are drawn as the base's files say, or as training draws them; and when one counts as cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine.support import make_model, make_tokenizer

PROMPTS = [[5, 6, 7]] * 6


def answers(temperature: float, plain: bool, **configured: Any) -> list[list[int]]:
    from tuitune.engine.evaluation.generate import Generator

    model: Any = make_model().eval()
    model.generation_config.update(**configured)
    base: Any = SimpleNamespace(tokenizer=make_tokenizer(), stock_attention="sdpa", positions=512)
    return Generator(model, base, 12, temperature, 0, plain=plain).answer_tokens(PROMPTS)


@pytest.mark.parametrize("configured", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}])
def test_plain_answers_are_drawn_from_all_tokens(configured: dict[str, Any]) -> None:
    narrow, wide = (answers(1.0, plain, **configured) for plain in (False, True))
    assert narrow == [narrow[0]] * 6
    assert len({tuple(one) for one in wide}) == 6
    assert wide == answers(1.0, True)


def test_plain_answers_may_repeat_themselves() -> None:
    stock, penalised, plain = answers(0.0, False), *(answers(0.0, plain, repetition_penalty=9.0) for plain in (0, 1))
    assert penalised != stock == plain


def test_an_answer_that_ends_at_its_last_token_is_whole() -> None:
    from tuitune.engine.evaluation.generate import attempt

    found = [attempt("x", ids, "", "", most=3, ends={1}).cut for ids in ([4, 4, 4], [4, 4, 1], [4, 1])]
    assert found == [True, False, False]
