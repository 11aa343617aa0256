"""Compose the format set: a support message in, a triage record as one line of JSON out."""

import json
import random

from compose_support import Message, message

FIELDS = ("category", "product", "urgency", "order")


def record(asked: Message) -> str:
    """The triage record of a message; the order is null when the message names none."""
    return json.dumps({field: getattr(asked, field) for field in FIELDS})


def row(rng: random.Random) -> dict:
    """One conversation: the message as it came, the record as the answer."""
    asked = message(rng)
    return {
        "messages": [
            {"role": "user", "content": asked.text},
            {"role": "assistant", "content": record(asked)},
        ]
    }
