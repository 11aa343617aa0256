"""Compose the Alpaca-shaped set: small tasks on words and sentences, with an instruction, an input and an output."""

import random
from collections.abc import Callable

import facts
from compose_chat import exchange
from wording import a, capital, series

Task = tuple[str, str, str]


def _kind(rng: random.Random) -> tuple[str, list[str]]:
    return rng.choice(list(facts.KINDS.items()))


def _deed(rng: random.Random) -> tuple[str, str, str]:
    base, past = rng.choice(facts.DEEDS)
    thing = rng.choice(facts.KINDS[rng.choice(["fruits", "animals", "tools"])])
    return base, past, a(thing)


def past_tense(rng: random.Random) -> Task:
    base, past, thing = _deed(rng)
    return "Rewrite the sentence in the past tense.", f"I {base} {thing}.", f"I {past} {thing}."


def negation(rng: random.Random) -> Task:
    base, _, thing = _deed(rng)
    return "Say the opposite by adding a negation.", f"I {base} {thing}.", f"I do not {base} {thing}."


def as_question(rng: random.Random) -> Task:
    base, _, thing = _deed(rng)
    return "Turn the sentence into a question.", f"You {base} {thing}.", f"Do you {base} {thing}?"


def politely(rng: random.Random) -> Task:
    base, _, thing = _deed(rng)
    return "Make the request polite.", f"{capital(base)} {thing}!", f"Could you please {base} {thing}?"


def group(rng: random.Random) -> Task:
    kind, members = _kind(rng)
    return "Say what kind of things these are.", ", ".join(rng.sample(members, 3)), f"These are {kind}."


def odd_one_out(rng: random.Random) -> Task:
    (kind, members), (_, others) = rng.sample(list(facts.KINDS.items()), 2)
    stranger = rng.choice([word for word in others if word not in members])
    words = rng.sample([stranger, *rng.sample(members, 3)], 4)
    answer = f"{capital(stranger)} does not belong, because the others are {kind}."
    return "Find the word that does not belong.", ", ".join(words), answer


def join(rng: random.Random) -> Task:
    _, members = _kind(rng)
    words = rng.sample(members, rng.randint(2, 4))
    return "Join the lines to one sentence.", "\n".join(words), f"I can see {series(words)}."


def find_name(rng: random.Random) -> Task:
    name, work, (_, city) = rng.choice(facts.NAMES), rng.choice(facts.JOBS)[0], rng.choice(facts.CAPITALS)
    text = f"In {city} I met {name}, who is {work}."
    return "Write down the name of the person in the text.", text, f"The person is {name}."


def plain_answer(rng: random.Random) -> Task:
    question, answer = exchange(rng)
    return question, "", answer


FAMILIES: dict[Callable[[random.Random], Task], int] = {
    past_tense: 2,
    negation: 2,
    as_question: 2,
    politely: 2,
    group: 2,
    odd_one_out: 2,
    join: 2,
    find_name: 2,
    plain_answer: 4,
}


def row(rng: random.Random) -> dict:
    """One task in Alpaca shape; the input is empty where the instruction says it all."""
    (family,) = rng.choices(list(FAMILIES), weights=FAMILIES.values())
    return dict(zip(("instruction", "input", "output"), family(rng), strict=True))
