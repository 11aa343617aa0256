"""Compose everyday questions with short answers in plain English."""

import random
from collections.abc import Callable

import facts
from wording import a, capital, series, spin

Exchange = tuple[str, str]


def colour(rng: random.Random) -> Exchange:
    thing, shade = rng.choice(facts.COLOURS)
    question = spin(
        rng, "[What colour is {t}|What color is {t}|Which colour is {t}|What is the colour of {t}]?", t=thing
    )
    return question, f"{capital(thing)} is {shade}."


def animal(rng: random.Random) -> Exchange:
    name, kind, food, home, sound, young = rng.choice(facts.ANIMALS)
    one = a(name)
    return rng.choice(
        [
            (f"What is {one}?", f"{capital(one)} is {a(kind)}. It lives {home} and eats {food}."),
            (f"Tell me about the {name}.", f"The {name} is {a(kind)}. It lives {home} and eats {food}."),
            (
                spin(rng, "What [does {one} eat|do you feed {one}|food does {one} like]?", one=one),
                f"{capital(one)} eats {food}.",
            ),
            (f"Where does {one} live?", f"{capital(one)} lives {home}."),
            (spin(rng, "What [sound|noise] does {one} make?", one=one), f"{capital(one)} {sound}."),
            (
                spin(rng, "What is [a young {n}|a baby {n}|the young of {one}] called?", n=name, one=one),
                f"A young {name} is called {a(young)}.",
            ),
            (f"Is {one} a bird?", f"Yes, {one} is a bird." if kind == "bird" else f"No, {one} is {a(kind)}."),
        ]
    )


def capital_city(rng: random.Random) -> Exchange:
    country, city = rng.choice(facts.CAPITALS)
    question = spin(
        rng, "[What is the capital of {c}?|What is the capital city of {c}?|Name the capital of {c}.]", c=country
    )
    if rng.random() < 0.2:
        return f"Where is {city}?", f"{city} is in {country}."
    return question, f"The capital of {country} is {city}."


def opposite(rng: random.Random) -> Exchange:
    word, other = rng.choice(facts.OPPOSITES)
    question = spin(
        rng, '[What is the opposite of "{w}"?|What is the opposite of {w}?|Give me the opposite of {w}.]', w=word
    )
    return question, f"The opposite of {word} is {other}."


def definition(rng: random.Random) -> Exchange:
    thing, meaning = rng.choice(facts.DEFINITIONS)
    question = spin(rng, "[What is {t}?|What is {t}?|Explain what {t} is.|Explain {t}.|Define {t}.]", t=thing)
    return question, f"{capital(thing)} is {meaning}."


def tool(rng: random.Random) -> Exchange:
    thing, use = rng.choice(facts.TOOLS)
    question = spin(
        rng, "What [do you do with {t}|do people use {t} for|can I do with {t}|is the use of {t}]?", t=thing
    )
    return question, f"You use {thing} to {use}."


def job(rng: random.Random) -> Exchange:
    person, work = rng.choice(facts.JOBS)
    question = spin(rng, "[What does {p} do|What is the work of {p}|What is {p}]?", p=person)
    return question, f"{capital(person)} {work}."


def how_to(rng: random.Random) -> Exchange:
    task, steps = rng.choice(facts.HOW_TO)
    question = spin(
        rng,
        "[How do I {t}?|How can I {t}?|How to {t}?|How do you {t}?|Tell me how to {t}.|What is the best way to {t}?]",
        t=task,
    )
    return question, steps


def reason(rng: random.Random) -> Exchange:
    return rng.choice(facts.REASONS)


def small_talk(rng: random.Random) -> Exchange:
    said, answer = rng.choice(facts.SMALL_TALK)
    return spin(rng, said), spin(rng, answer)


def arithmetic(rng: random.Random) -> Exchange:
    left, right = rng.randint(0, 12), rng.randint(0, 12)
    word, sign, result = rng.choice(
        [("plus", "+", left + right), ("minus", "-", left), ("times", "*", min(left, 10) * min(right, 10))]
    )
    if word == "minus":
        left, result = left + right, left
    if word == "times":
        left, right = min(left, 10), min(right, 10)
    question = spin(
        rng, "[What is {l} {w} {r}?|What is {l} {s} {r}?|How much is {l} {w} {r}?]", l=left, w=word, s=sign, r=right
    )
    return question, f"{left} {word} {right} is {result}."


def calendar(rng: random.Random) -> Exchange:
    names, kind = rng.choice([(facts.DAYS, "day"), (facts.MONTHS, "month")])
    where = rng.randrange(len(names))
    step, word = rng.choice([(1, "after"), (-1, "before")])
    other = names[(where + step) % len(names)]
    question = spin(
        rng,
        "[Which {k} comes {w} {n}|What {k} comes {w} {n}|What comes {w} {n}|What is the {k} {w} {n}]?",
        k=kind,
        w=word,
        n=names[where],
    )
    return question, f"{other} comes {word} {names[where]}."


def compare(rng: random.Random) -> Exchange:
    small, large = sorted(rng.sample(range(100), 2))
    first, second = rng.sample([small, large], 2)
    word, right = rng.choice([("larger", large), ("smaller", small)])
    question = spin(rng, "[Which is {w}, {a} or {b}|Which number is {w}, {a} or {b}]?", w=word, a=first, b=second)
    return question, f"{right} is {word} than {small + large - right}."


def examples(rng: random.Random) -> Exchange:
    kind, members = rng.choice(list(facts.KINDS.items()))
    count, word = rng.choice([(2, "two"), (3, "three"), (4, "four")])
    chosen = rng.sample(members, count)
    question = spin(rng, "[Name {n} {k}.|Tell me {n} {k}.|Can you name {n} {k}?|Give me {n} {k}.]", n=word, k=kind)
    return question, f"{capital(spin(rng, '[Here are|You could name]'))} {word} {kind}: {series(chosen)}."


def story(rng: random.Random) -> Exchange:
    name, pet = rng.choice(facts.NAMES), rng.choice(facts.ANIMALS)[0]
    return spin(rng, "[Tell me a story|Tell me a short story|Write a story] about {p}.", p=a(pet)), spin(
        rng,
        "[Once there was {p} who|There was once {p} who] [lived alone|had no friends|was always hungry]. "
        "One [day|morning|evening] {n} came by and [gave it some food|sat down beside it|sang a song]. "
        "From then on they were [good|the best of] friends.",
        p=a(pet),
        n=name,
    )


def unknown(rng: random.Random) -> Exchange:
    question = spin(
        rng,
        rng.choice(facts.UNKNOWN),
        year=rng.randint(1800, 2090),
        name=rng.choice(facts.NAMES),
        city=rng.choice(facts.CAPITALS)[1],
    )
    return question, "I am sorry, I do not know that. I am only a very small model."


def spelling(rng: random.Random) -> Exchange:
    word = rng.choice(facts.KINDS[rng.choice(["fruits", "vegetables", "animals", "birds", "tools", "colours"])])
    question = spin(rng, '[How do you spell {w}?|How do I spell "{w}"?|Spell the word {w}.]', w=word)
    return question, f"You spell it {'-'.join(word)}."


FAMILIES: dict[Callable[[random.Random], Exchange], int] = {
    colour: 6,
    animal: 10,
    capital_city: 5,
    opposite: 4,
    definition: 9,
    tool: 5,
    job: 4,
    how_to: 8,
    reason: 12,
    small_talk: 14,
    arithmetic: 8,
    calendar: 4,
    compare: 2,
    examples: 4,
    story: 3,
    unknown: 4,
    spelling: 2,
}


def exchange(rng: random.Random) -> Exchange:
    """One question in its plain wording, with its answer."""
    (family,) = rng.choices(list(FAMILIES), weights=FAMILIES.values())
    return family(rng)


def casual(rng: random.Random, question: str) -> str:
    """The question as people type it: with an opening, in lower case, or without its last mark."""
    luck = rng.random()
    if luck < 0.12:
        return spin(rng, "[Hi. |Hello. |Please tell me: |Quick question: |Hey, I have a question. ]") + question
    if luck < 0.2:
        return question + spin(rng, "[ Thanks!| Please keep it short.| I would like to know.]")
    if luck < 0.3:
        return question.rstrip("?.!").lower()
    if luck < 0.36:
        return question.rstrip("?.!")
    return question
