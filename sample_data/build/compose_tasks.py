"""Compose the task set: prompts whose answer can be checked, a number, a word, a list or JSON."""

import json
import random
from collections.abc import Callable

import compose_records
import facts
from wording import spin

Task = tuple[str, str]

NUMBER = "[Answer with the number alone.|Give only the number.|Just the number, please.]"
WORD = "[Answer with one word.|One word, please.|Give only the word.]"
LIST = "[Put commas between them.|Answer with the {k} and commas alone.]"
COUNTED = ("apple", "pear", "plum", "banana", "orange", "melon")
OPPOSED = [word for pair in facts.OPPOSITES for word in pair]
APART = ("fruits", "animals", "drinks", "pieces of clothing", "rooms", "jobs", "sports", "trees", "cities")
"""Kinds of things of which nothing could pass for one of another kind."""


def _number(rng: random.Random, question: str, answer: int) -> Task:
    return f"{question} {spin(rng, NUMBER)}", str(answer)


def _word(rng: random.Random, question: str, answer: str) -> Task:
    return f"{question} {spin(rng, WORD)}", answer


def arithmetic(rng: random.Random) -> Task:
    left, right = rng.randint(0, 12), rng.randint(0, 12)
    sums = [
        (left, "plus", right, left + right),
        (left + right, "minus", right, left),
        (left, "times", right, left * right),
    ]
    first, word, second, answer = rng.choice(sums)
    return _number(rng, spin(rng, "[What is|How much is] {l} {w} {r}?", l=first, w=word, r=second), answer)


def shopping(rng: random.Random) -> Task:
    count, price, ask = rng.randint(2, 9), rng.randint(2, 9), "[How many euros is that?|How much is that in euros?]"
    bought = f"{rng.choice(facts.NAMES)} buys {count} {rng.choice(COUNTED)}s at {price} euros each."
    return _number(rng, f"{bought} {spin(rng, ask)}", count * price)


def sharing(rng: random.Random) -> Task:
    giver, taker = rng.sample(facts.NAMES, 2)
    given, kept = rng.randint(2, 9), rng.randint(1, 9)
    told = f"{giver} has {given + kept} stamps and gives {given} of them to {taker}."
    return _number(rng, f"{told} How many does {giver} have then?", kept)


def letters(rng: random.Random) -> Task:
    word = rng.choice(facts.KINDS[rng.choice(["fruits", "vegetables", "animals", "birds", "tools", "flowers"])])
    return _number(rng, f'How many letters does the word "{word}" have?', len(word))


def compare(rng: random.Random) -> Task:
    numbers = rng.sample(range(100), rng.randint(2, 4))
    word, answer = rng.choice([("largest", max(numbers)), ("smallest", min(numbers))])
    return _number(rng, f"Which of these numbers is the {word}: {', '.join(map(str, numbers))}?", answer)


def calendar(rng: random.Random) -> Task:
    names, kind = rng.choice([(facts.DAYS, "day"), (facts.MONTHS, "month")])
    place, steps = rng.randrange(len(names)), rng.randint(1, 3)
    how = "comes after" if steps == 1 else f"is {steps} {kind}s after"
    return _word(rng, f"Which {kind} {how} {names[place]}?", names[(place + steps) % len(names)])


def opposite(rng: random.Random) -> Task:
    word, other = rng.choice([pair for pair in facts.OPPOSITES if OPPOSED.count(pair[0]) == 1])
    return _word(rng, f'What is the opposite of "{word}"?', other)


def odd_one_out(rng: random.Random) -> Task:
    kind, other = rng.sample(APART, 2)
    stranger = rng.choice(facts.KINDS[other])
    words = rng.sample([stranger, *rng.sample(facts.KINDS[kind], 3)], 4)
    return _word(rng, f"Which one does not belong: {', '.join(words)}?", stranger)


def in_order(rng: random.Random) -> Task:
    kind = rng.choice(list(facts.KINDS))
    words = rng.sample(facts.KINDS[kind], rng.randint(3, 4))
    asked = f"Put these {kind} in the order of the alphabet: {', '.join(words)}."
    return f"{asked} {spin(rng, LIST, k='words')}", ", ".join(sorted(words, key=str.lower))


def counting(rng: random.Random) -> Task:
    first, step, length = rng.randint(0, 20), rng.randint(1, 5), rng.randint(3, 5)
    numbers = [str(first + step * place) for place in range(length + 3)]
    asked = f"Go on with three more numbers: {', '.join(numbers[:length])}."
    return f"{asked} {spin(rng, LIST, k='numbers')}", ", ".join(numbers[length:])


def record(rng: random.Random) -> Task:
    """A text to be written as a JSON object; its keys are named, and so is what stands for a value that is missing."""
    question, answer = rng.choice(RECORDS)(rng)
    fields = {key: int(value) if str(value).isdecimal() else value for key, value in json.loads(answer).items()}
    keys = ", ".join(fields)
    named = "" if keys in question else f" Use the keys {keys}."
    missing = " Write null for what is not said." if None in fields.values() else ""
    return f"{question}{named}{missing}", json.dumps(fields)


RECORDS = (compose_records.person, compose_records.meeting, compose_records.purchase, compose_records.book)
TASKS: dict[str, dict[Callable[[random.Random], Task], int]] = {
    "json": {record: 7, compose_records.array: 1},
    "number": {arithmetic: 3, shopping: 2, sharing: 2, letters: 1, compare: 2},
    "word": {calendar: 2, opposite: 1, odd_one_out: 3},
    "list": {in_order: 1, counting: 1},
}
SHARES = {"json": 8, "number": 6, "word": 3, "list": 3}


def row(rng: random.Random) -> dict:
    """One prompt with its answer, and what kind of answer that is."""
    (kind,) = rng.choices(list(SHARES), weights=SHARES.values())
    (family,) = rng.choices(list(TASKS[kind]), weights=TASKS[kind].values())
    prompt, answer = family(rng)
    return {"prompt": prompt, "answer": answer, "task": kind}
