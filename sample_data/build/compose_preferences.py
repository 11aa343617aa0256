"""Compose the preference set: a friendly full answer is preferred to a curt, evasive or rambling one."""

import random

from compose_chat import exchange
from wording import spin

FRIENDLY = "{a} [I hope that helps!|Feel free to ask me more.|Is there more you would like to know?]"
FLAWS = {
    "curt": "[Look it up yourself.|Not now.|I have no time for that.]",
    "evasive": "[It depends.|That is hard to say.|Some say this, some say that.] [Who knows|Nobody can tell], really.",
    "rambling": "[Well|So], [there is a lot to say about that|that is a long story], and before I begin, {a} "
    "But I could also say it in many other ways, and so on, and so on.",
}


def row(rng: random.Random) -> dict:
    """One prompt with the preferred and the rejected answer."""
    question, answer = exchange(rng)
    flaw = rng.choice(list(FLAWS.values()))
    return {"prompt": question, "chosen": spin(rng, FRIENDLY, a=answer), "rejected": spin(rng, flaw, a=answer)}
