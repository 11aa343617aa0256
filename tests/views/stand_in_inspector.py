"""Speaks the inspector's protocol without a tokenizer: a word is a token, and the words after "assistant:" are learned.

A row {"do": …} has it misbehave in one way or another.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any

COMMAND = (sys.executable, __file__)
VERDICTS = [
    {"id": "generation", "level": "ok", "text": "the template marks the answers", "fix": None},
    {"id": "stop", "level": "ok", "text": "the end of a turn is learned", "fix": None},
]


def opened(request: dict[str, Any]) -> dict[str, Any]:
    tell({"phase": "importing the tokenizer's library"})
    tell({"phase": "working"})
    if request["recipe"]["model"]["id"] == "no/such":
        return {"ok": False, "error": "model.id: there is no such model\x1b[2J"}
    special = {"name": "stand-in", "vocab": 32_000, "bos": "<s>", "eos": "</s>", "pad": None}
    return {"ok": True, "tokenizer": special, "template": "tokenizer", "marked": "own", "verdicts": VERDICTS}


def tokenized(request: dict[str, Any], max_length: int) -> dict[str, Any]:
    values = request["values"]
    misbehave(values.get("do", ""))
    if "chosen" in values:
        sides = [(side, {**request, "values": {"text": values[side]}}) for side in ("chosen", "rejected")]
        return {"ok": True, "sides": [{"side": side, **tokenized(one, max_length)} for side, one in sides]}
    if "text" not in values:
        return {"ok": False, "error": "text: is missing [/] \x1b[31m"}
    text = "<s>" + values["text"] + "</s>"
    tokens, learned, speaker = [], False, ""
    for number, word in enumerate(re.findall(r"</?s>|\s*\w+|[^\w]", text)):
        why = "" if learned else "cut" if number >= max_length else "template" if word == "<s>" else "user"
        tokens.append([word, number, int(learned), int(word in ("<s>", "</s>")), why])
        speaker = word.strip() if word.strip() in ("user", "assistant") else speaker
        learned = (learned or word == ":") and speaker == "assistant"
    cut = len(tokens) > max_length
    fix = {"data.max_length": max(8, len(tokens))}
    lost = f"{len(tokens)} tokens, of which {max_length} are kept"
    verdicts = [{"id": "cut", "level": "warning", "text": lost, "fix": fix}] if cut else []
    return {
        "ok": True, "tokens": tokens, "length": len(tokens), "trained": sum(one[2] for one in tokens[:max_length]),
        "kept": min(max_length, len(tokens)), "cut": cut, "max_length": max_length, "rendered": text,
        "verdicts": verdicts,
    }  # fmt: skip


def misbehave(how: str) -> None:
    if how == "die":
        print("Traceback …\nMemoryError: no room \x1b[31m", file=sys.stderr)
        sys.exit(3)
    if how == "vanish":
        os.kill(os.getpid(), 9)
    if how == "hang":
        time.sleep(60)
    if how == "chatter":
        print("Downloading shards: 100%\n\xff[1, 2]\nnull")
        print("x" * 200_000, file=sys.stderr, flush=True)


def tell(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def main() -> None:
    max_length = 0
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "open":
            max_length = request["recipe"]["data"]["max_length"]
            reply = opened(request)
        else:
            reply = tokenized(request, max_length)
        tell({"id": request["id"], **reply})


if __name__ == "__main__":
    main()
