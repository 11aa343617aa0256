"""Compose the style set: everyday questions, answered as entries of a ship's log."""

import random

from compose_chat import exchange
from wording import spin

OPENING = "Ship's log, [first|middle|morning|evening] watch."
CLOSING = "[Wind fair, crew content.|Sea calm, course steady.|Sails full, anchor stowed.|All well on board.]"


def logged(rng: random.Random, answer: str) -> str:
    """The answer between the two set lines of a log entry."""
    return f"{spin(rng, OPENING)}\n{answer}\n{spin(rng, CLOSING)}"


def row(rng: random.Random) -> dict:
    """One conversation: an everyday question, the log entry as the answer."""
    question, answer = exchange(rng)
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": logged(rng, answer)},
        ]
    }
