"""Compose the format set: a support message in, a triage record as one line of JSON out."""

import json
import random

from compose_support import Message, message

FIELDS = ("category", "product", "urgency", "has_order")


def record(asked: Message) -> str:
    """The triage record of a message, down to whether the message names an order."""
    values = (asked.category, asked.product, asked.urgency, asked.order is not None)
    return json.dumps(dict(zip(FIELDS, values, strict=True)))


def row(rng: random.Random) -> dict:
    """One conversation: the message as it came, the record as the answer."""
    asked = message(rng)
    return {
        "messages": [
            {"role": "user", "content": asked.text},
            {"role": "assistant", "content": record(asked)},
        ]
    }
