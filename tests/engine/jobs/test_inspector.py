"""The inspector as a process: asked over JSON lines, and never without a reply."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import SPAWN, TEMPLATE
from tuitune.recipe.schema import Recipe

ROW = {"messages": [{"role": "user", "content": "Hé 👋?"}, {"role": "assistant", "content": "One 👋."}]}
UNSTOPPABLE = (
    "{% if messages[0].content == 'boom' %}{{ (3 ** (10 ** (messages|length + 7))) % 7 }}{% endif %}"
    "{% if messages[0].content == 'big' %}{{ 'a' * (10 ** (messages|length + 9)) }}{% endif %}" + TEMPLATE
)


class Talk:
    """A conversation with the inspector."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.phases: list[str] = []

    def ask(self, number: int, /, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"id": number, **request}).encode() + b"\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            reply = json.loads(line)
            if "phase" not in reply:
                assert reply["id"] == number
                return reply
            self.phases.append(reply["phase"])
        raise AssertionError("the inspector ended")

    def open(self, number: int, model: Path, base: Path, template: str = "") -> dict[str, Any]:
        recipe = Recipe.model_validate({"model": {"id": str(model)}, "data": {"template": template}})
        return self.ask(number, op="open", recipe=recipe.model_dump(mode="json"), base=str(base))


@pytest.fixture
def talk(warm_python: Path) -> Iterator[Talk]:
    command = [str(warm_python), "-P", "-m", "tuitune.engine", "inspect"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=SPAWN) as process:
        try:
            yield Talk(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()


def asked(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]}


def test_rows_problems_and_templates_that_cannot_be_stopped(talk: Talk, tiny: Path, tmp_path: Path) -> None:
    assert talk.ask(1, op="row", values=ROW, number=1) == {"id": 1, "ok": False, "error": "no recipe is open"}
    opened = talk.open(2, tiny, tmp_path)
    assert opened["ok"] and (opened["template"], opened["marked"]) == ("tokenizer", "own")
    assert opened["tokenizer"]["eos"] == "<|end|>" and "importing transformers and trl" in talk.phases

    shown = talk.ask(3, op="row", values=ROW, number=7)
    assert "".join(text for text, *_ in shown["tokens"]) == shown["rendered"]
    assert "".join(text for text, _, learned, *_ in shown["tokens"] if learned) == "One 👋.<|end|>"
    assert next(text for text, _, _, special, _ in shown["tokens"] if special) == "<|user|>"
    assert (shown["cut"], shown["kept"]) == (False, shown["length"])

    assert "conversation" in talk.ask(4, op="row", values={"messages": []}, number=1)["error"]
    assert not talk.ask(5, op="nothing", values=[1])["ok"]

    (tmp_path / "hostile.jinja").write_text(UNSTOPPABLE)
    assert talk.open(6, tiny, tmp_path, "hostile.jinja")["template"] == "file"
    assert "memory" in talk.ask(7, op="row", values=asked("big"), number=1)["error"]
    assert "2 s" in talk.ask(8, op="row", values=asked("boom"), number=1)["error"]
    assert talk.ask(9, op="row", values=asked("hello"), number=1)["ok"]

    (tmp_path / "broken.jinja").write_text("{% for %}")
    assert "line 1" in talk.open(10, tiny, tmp_path, "broken.jinja")["error"]
    assert talk.ask(11, op="row", values=ROW, number=1)["error"] == "no recipe is open"
