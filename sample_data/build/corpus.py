"""The pre-training text: an endless, seeded stream of short conversations."""

import random
from collections.abc import Iterator

import compose_chat
import compose_records
import compose_support
from wording import spin

Messages = list[dict[str, str]]

SYSTEM = (
    "You are [a helpful assistant|Nano, a small and friendly model|a polite assistant]."
    "[ Answer in short and plain sentences.|]"
)


def conversations(seed: str, barred: frozenset[str] = frozenset()) -> Iterator[Messages]:
    """Conversations without end; a support message that is barred is left out."""
    rng = random.Random(seed)
    while True:
        messages = _conversation(rng)
        if barred.isdisjoint(message["content"] for message in messages):
            yield messages


def _conversation(rng: random.Random) -> Messages:
    luck = rng.random()
    if luck < 0.34:
        pairs = [compose_records.exchange(rng)]
    elif luck < 0.50:
        pairs = [_support(rng)]
    else:
        pairs = [_everyday(rng) for _ in range(rng.choices([1, 2, 3], weights=[8, 2, 1])[0])]
    opening = [{"role": "system", "content": spin(rng, SYSTEM)}] if rng.random() < 0.1 else []
    return opening + [
        {"role": role, "content": content}
        for pair in pairs
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]


def _everyday(rng: random.Random) -> compose_chat.Exchange:
    question, answer = compose_chat.exchange(rng)
    return compose_chat.casual(rng, question), answer


def _support(rng: random.Random) -> compose_chat.Exchange:
    asked = compose_support.message(rng)
    return asked.text, compose_support.reply(rng, asked)
