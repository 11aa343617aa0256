"""The inspector's worker: rows shown as the tokens that training makes of them, one request a line.

It reads a row with the shape, template and encoder of training, so that what it shows is what is learned.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from tokenizers import Encoding

from tuitune.data.detect import Detection, detect, recognise
from tuitune.data.purpose import refusal
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import Row, mark
from tuitune.engine.load.tokenizer import choose_template, load_tokenizer, longest_of, place_of, stop_ids_of
from tuitune.engine.process.failures import EngineError, explain
from tuitune.engine.tokens.collator import IGNORED
from tuitune.engine.tokens.control_tokens import ControlTokens
from tuitune.engine.tokens.encode import Encoded, Rendered, is_conversation, learns_to_stop
from tuitune.engine.tokens.encoders import encoder_of
from tuitune.engine.tokens.labelled import LabelledEncoder
from tuitune.engine.tokens.pairs import PairEncoder
from tuitune.engine.tokens.prompts import PromptEncoder
from tuitune.engine.tokens.reasons import reasons
from tuitune.engine.tokens.remarks import Remark, control, judge, longer, omission
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.rows.fields import RowProblem
from tuitune.rows.numbers import loads
from tuitune.rows.turns import is_learned, without_learning
from tuitune.shapes import to_canonical
from tuitune.shapes.preference import SIDES, answers_of, sides_of
from tuitune.units import percent_text

_SAMPLE = 200
_MEMORY = 1 << 30
"""Bytes that a request may take beyond what the opened tokenizer does."""


def serve(requests: IO[str], replies: IO[str]) -> int:
    """Answer requests until there are none left; every one gets one reply, in order."""
    inspector: RowInspector | None = None
    for line in requests:
        request: dict[str, Any] = {}
        try:
            request = loads(line)
            if request["op"] == "open":
                inspector = None
                inspector = RowInspector(Recipe.model_validate(request["recipe"]), Path(request["base"]))
                reply = inspector.opened()
            elif inspector is None:
                raise EngineError("no recipe is open")
            else:
                reply = inspector.row(request["values"])
            answer = {"ok": True, **reply}
        except RowProblem as problem:
            answer = {"ok": False, "error": str(problem)}
        except MemoryError:
            answer = {"ok": False, "error": "this row needs more memory than a row may use"}
        except Exception as error:
            answer = {"ok": False, "error": explain(error)}
        number = request.get("id") if isinstance(request, dict) else None
        print(json.dumps({"id": number, **answer}), file=replies, flush=True)
    return 0


class RowInspector:
    """A recipe's tokenizer, template and data shape, ready for rows."""

    def __init__(self, recipe: Recipe, base: Path) -> None:
        place = place_of(recipe.model, base)
        tokenizer = load_tokenizer(recipe.model, place)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # from before this process meets a template on
        resource.setrlimit(resource.RLIMIT_DATA, (psutil.Process().memory_info().data + _MEMORY, hard))
        self._recipe = recipe
        self._template = choose_template(recipe, tokenizer, base)
        self._stop_ids = stop_ids_of(recipe.model, place, tokenizer)
        self._most = longest_of(recipe.model, place)
        self._encoder = encoder_of(recipe, self._template, self._stop_ids)
        self._single = self._encoder.single
        self._control = ControlTokens(tokenizer)
        added = tokenizer.added_tokens_decoder.items()
        self._special = {number for number, token in added if token.special or not token.content.isspace()}
        self._shape = _shape(recipe, base)

    def opened(self) -> dict[str, Any]:
        """What is open, and every verdict that needs no row."""
        tokenizer = self._template.tokenizer
        special = {"bos": tokenizer.bos_token, "eos": tokenizer.eos_token, "pad": tokenizer.pad_token}
        return {
            "tokenizer": {"name": self._recipe.model.id, "vocab": len(tokenizer), **special},
            "template": self._template.origin,
            "marked": self._template.marked,
            "verdicts": [asdict(one) for one in judge(self._single, self._stop_ids)],
        }

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row as tokens: text, number, whether it is learned, whether it is special, why it is masked; verdicts; and
        the turns of the answers that tokens belong to, where each may be learned by itself or not.

        Of preferences the same for each of the `sides`. RowProblem names the field that is wrong; EngineError says why
        the template gives no tokens.
        """
        if not isinstance(values, Mapping):
            raise RowProblem("", "expected a row with columns")
        read_as = self._shape or detect([values])
        if why := refusal(read_as.shape, self._recipe.optimises):
            raise RowProblem("", why)
        canonical = to_canonical(values, read_as.shape, read_as.columns)
        unlearned = self._recipe.data.unlearned_turns.get(mark(Row(0, None, dict(values))))
        if unlearned and "messages" in canonical:
            canonical = {**canonical, "messages": without_learning(canonical["messages"], unlearned)}
        if self._template.origin == "none" and is_conversation(canonical):
            self._template.take_plain()
        found = self._control.found(canonical)
        controls = [control(what, f"{what}: the model reads it as a control token") for what in found]
        if self._recipe.cleaning.control_tokens == "remove":
            if (cleaned := self._control.removed(canonical)) is None:
                text = "nothing is left of a text without its control tokens: training drops this row"
                raise RowProblem("", text, "empty")
            canonical, controls = cleaned, []
        if isinstance(self._encoder, PromptEncoder):
            return self._asked(canonical, controls, self._encoder)
        if isinstance(self._encoder, PairEncoder):
            return {"sides": self._sides(canonical, controls, self._encoder)}
        (row,) = answers_of(canonical)
        rendered = self._single.render(row)
        (encoding,) = self._single.tokenize([rendered])
        if isinstance(self._encoder, LabelledEncoder):
            text = f"labelled {'good: it is made likelier' if canonical['label'] else 'bad: it is made less likely'}"
            reply = self._reply(row, rendered, encoding, controls, asked=len(encoding))
            return {**reply, "verdicts": [asdict(Remark("label", "ok", text)), *reply["verdicts"]]}
        learnable = self._single.turns(encoding, rendered) if self._single.loss_on == "assistant" else []
        return {**self._reply(row, rendered, encoding, controls), "turns": learnable}

    def _asked(self, canonical: dict[str, Any], controls: Sequence[Remark], encoder: PromptEncoder) -> dict[str, Any]:
        """A prompt, of which nothing is learned: the model learns from what it answers."""
        asked = encoder.asked(canonical)
        if isinstance(asked, str):
            raise EngineError(asked)
        rendered = Rendered(asked.text, [], asked.whole)
        (encoding,) = self._single.tokenize([rendered])
        length, most = len(encoding), self._single.max_length
        verdict = Remark("asked", "ok", f"{length:,} tokens are asked; the model learns from its own answers")
        if length > most:
            text = f"its prompt has {length:,} tokens, more than {most:,}: it is not asked"
            verdict = Remark("lost", "error", text, longer(length, most, self._most))
        texts = zip(_texts(encoding, rendered), encoding.ids, strict=True)
        return {
            "tokens": [[text, number, 0, int(number in self._special), "prompt"] for text, number in texts],
            "length": length,
            "trained": 0,
            "kept": length if length <= most else 0,
            "cut": length > most,
            "max_length": most,
            "rendered": rendered.text,
            "verdicts": [asdict(one) for one in (verdict, *controls)],
        }

    def _sides(
        self, canonical: dict[str, Any], controls: Sequence[Remark], encoder: PairEncoder
    ) -> list[dict[str, Any]]:
        """Both answers of a pair; what is to be said of the pair stands with the first."""
        rows = sides_of(canonical)
        parts = next(self._single.parts([rows]))
        pair = encoder.pair(*parts)
        if pair.problem:
            raise EngineError(pair.problem)
        if not pair.learned and all(one.learned for one in pair.sides):
            text = f"its answers do not differ in the first {self._single.max_length:,} tokens: nothing to prefer"
            controls = [
                Remark("lost", "error", text, longer(pair.length, self._single.max_length, self._most)),
                *controls,
            ]
        made = zip(SIDES, rows, parts, pair.sides, (controls, ()), strict=True)
        return [
            {"side": side, **self._reply(row, *part, remarks, found, pair.shared)}
            for side, row, part, found, remarks in made
            if isinstance(part, tuple)
        ]

    def _reply(
        self,
        canonical: dict[str, Any],
        rendered: Rendered,
        encoding: Encoding,
        remarks: Sequence[Remark],
        found: Encoded | None = None,
        asked: int = 0,
    ) -> dict[str, Any]:
        """A row of one answer: of a pair the one `found`. Answers among the first `asked` tokens were given before."""
        learned = bytearray(len(encoding))
        for first, last in self._single.learned(encoding, rendered):
            learned[first:last] = b"\1" * (last - first)
        for place in () if found is None else np.flatnonzero(found.labels != IGNORED):
            learned[place] = 1
        masked = reasons(self._single, canonical, rendered, encoding, learned)
        masked = ["prompt" if why == "weight" and place < asked else why for place, why in enumerate(masked)]
        learned[:1] = b"\0"  # nothing stands before the first token that it could be predicted from
        kept = len(encoding) if self._single.whole else min(len(encoding), self._single.max_length)
        masked = [*(why or "first" for why in masked[:1]), *masked[1:kept], *["cut"] * (len(masked) - kept)]
        ids = encoding.ids
        return {
            "tokens": [
                [text, number, mark, int(number in self._special), why]
                for text, number, mark, why in zip(_texts(encoding, rendered), ids, learned, masked, strict=True)
            ],
            "length": len(encoding),
            "trained": learned.count(1, 0, kept),
            "kept": kept,
            "cut": kept < len(encoding),
            "max_length": self._single.max_length,
            "rendered": rendered.text,
            "verdicts": [asdict(one) for one in (*self._judge(canonical, rendered, ids, learned, kept), *remarks)],
        }

    def _judge(
        self, canonical: dict[str, Any], rendered: Rendered, ids: Sequence[int], learned: bytearray, kept: int
    ) -> Iterator[Remark]:
        tokenizer, length = self._template.tokenizer, len(ids)
        trained = learned.count(1, 0, kept)
        taught = (ids[place] for place in range(kept - 1, -1, -1) if learned[place])
        fix = longer(length, kept, self._most)
        if not trained and any(learned):
            yield Remark("lost", "error", f"no token to learn in the first {kept:,} of {length:,}", fix)
        elif not trained:
            yield Remark("lost", "error", "this row has no token to learn")
        elif kept < length:
            share = learned.count(1, kept) / learned.count(1)
            end = ", its end too" if share else ""
            text = f"cut after {kept:,} tokens: {percent_text(share)} of its learned tokens are lost{end}"
            yield Remark("cut", "warning", text, fix)
        elif length > self._single.max_length:
            text = f"{length:,} tokens, learned in pieces of at most {self._single.max_length:,}"
            yield Remark("parted", "ok", text)
        elif not learns_to_stop(taught, self._stop_ids, tokenizer):
            yield Remark("no-stop", "warning", "the token that ends its answer is not learned")
        else:
            text = f"{trained:,} of {length:,} tokens are learned, including the end token"
            yield Remark("learned", "ok", text)
        if tokenizer.bos_token_id is not None and list(ids[:2]) == [tokenizer.bos_token_id] * 2:
            yield Remark("double-bos", "warning", f"it begins with {tokenizer.bos_token} twice")
        apart = sum(not is_learned(turn) for turn in canonical.get("messages", ()))
        if apart and self._single.loss_on != "all" and self._single is self._encoder:
            text = f"{apart} {'answer is' if apart == 1 else 'answers are'} not learned: weight 0"
            yield Remark("weight", "ok", text)
        yield from (omission(what, "the template") for what in rendered.left_out)


def _texts(encoding: Encoding, rendered: Rendered) -> list[str]:
    """The text of each token; "" for the second and later ones of a character that several stand for."""
    texts, reached = [], 0
    for token, (first, last) in zip(encoding.tokens, encoding.offsets, strict=True):
        texts.append(rendered.text[max(first, reached) : last] if last > first else token if last == 0 else "")
        reached = max(reached, last)
    return texts


def _shape(recipe: Recipe, base: Path) -> Detection | None:
    """The shape of the recipe's training data; None where it cannot be read, and each row must tell its own."""
    if recipe.data.shape != "auto" or recipe.data.columns:
        return recognise([], recipe.data.shape, recipe.data.columns)
    try:
        source = resolve(recipe.data.train, base=base)
        rows = list(islice(open_source(source, split=recipe.data.split, limit=_SAMPLE), _SAMPLE))
    except TuituneError:
        return None
    return recognise(rows)
