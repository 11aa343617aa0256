"""Compose the feedback set: everyday questions with one answer each, called good or bad."""

import random
from collections.abc import Callable

from compose_chat import exchange
from wording import spin

GOOD_SHARE = 0.55
FRIENDLY = "{a}[ Feel free to ask me more.| Is there more you would like to know?| You can always ask me more.|]"


def curt(rng: random.Random, _answer: str) -> str:
    return spin(rng, "[Look it up yourself.|Not now.|Why do you ask me?|Is that all?]")


def evasive(rng: random.Random, _answer: str) -> str:
    return spin(rng, "[It depends.|That is hard to say.|Opinions differ.] [Who knows|Nobody can tell], really.")


def rambling(rng: random.Random, answer: str) -> str:
    return spin(rng, "[Well|So], [that is a long story|where do I begin], and before I begin, {a} And so on.", a=answer)


def shouted(_rng: random.Random, answer: str) -> str:
    return answer.upper().rstrip(".?!") + "!!!"


def broken_off(_rng: random.Random, answer: str) -> str:
    words = answer.split()
    return " ".join(words[: (len(words) + 1) // 2]).rstrip(".,!?")


def beside_the_point(rng: random.Random, answer: str) -> str:
    while (other := exchange(rng)[1]) == answer:
        pass
    return other


FLAWS: list[Callable[[random.Random, str], str]] = [curt, evasive, rambling, shouted, broken_off, beside_the_point]


def row(rng: random.Random) -> dict:
    """One question with its answer, and whether that is a good one."""
    question, answer = exchange(rng)
    good = rng.random() < GOOD_SHARE
    said = spin(rng, FRIENDLY, a=answer) if good else rng.choice(FLAWS)(rng, answer)
    return {"prompt": question, "completion": said, "label": good}
