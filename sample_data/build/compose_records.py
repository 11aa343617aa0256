"""Compose structured text for the pre-training: JSON records, lists and copied strings.

None of the schemas here is the triage schema. They teach the marks of JSON and the copying of values, nothing more.
"""

import json
import random
import string
from collections.abc import Callable

import facts
from compose_chat import Exchange
from wording import capital, spin

ASK = (
    "[Write this as JSON: {t}|Make a JSON record: {t}|Turn this into JSON: {t}|{t} Write that as a JSON record.|"
    "As JSON with the keys {k}: {t}|Give me the JSON with {k} for this text: {t}]"
)
SIGNS = string.ascii_letters + string.digits + string.punctuation


def _asked(rng: random.Random, text: str, record: dict) -> Exchange:
    question = spin(rng, ASK, t=text, k=", ".join(record))
    return question, json.dumps(record)


def _thing(rng: random.Random) -> str:
    return rng.choice(facts.KINDS[rng.choice(["things for the home", "things for the home", "fruits", "tools"])])


def person(rng: random.Random) -> Exchange:
    name, age, city = rng.choice(facts.NAMES), rng.randint(5, 95), rng.choice(facts.CAPITALS)[1]
    work = rng.choice([None, *facts.KINDS["jobs"]])
    text = spin(
        rng,
        "[{n} is {a} years old and lives in {c}.|{n}, aged {a}, comes from {c}.|In {c} lives {n}, who is {a}.]",
        n=name,
        a=age,
        c=city,
    )
    if work:
        text += f" {name} is a {work}."
    return _asked(rng, text, {"name": name, "age": age, "city": city, "job": work})


def meeting(rng: random.Random) -> Exchange:
    day, hour, room = rng.choice(facts.DAYS), rng.randint(8, 18), rng.choice([None, str(rng.randint(100, 999))])
    text = spin(rng, "[We meet|The meeting is|Please come] on {d} at {h} o'clock", d=day, h=hour)
    text += f" in room {room}." if room else "."
    return _asked(rng, text, {"day": day, "hour": hour, "room": room})


def purchase(rng: random.Random) -> Exchange:
    thing, count, price = _thing(rng), rng.randint(2, 40), rng.randint(1, 99)
    payer = rng.choice(facts.NAMES)
    text = spin(
        rng, "[{n} bought|{n} paid for|For {n}:] {c} x {t}, {p} euros each.", n=payer, c=count, t=thing, p=price
    )
    return _asked(rng, text, {"buyer": payer, "item": thing, "count": count, "price": price})


def contact(rng: random.Random) -> Exchange:
    name, number = rng.choice(facts.NAMES), "".join(rng.choices(string.digits, k=rng.randint(3, 7)))
    text = spin(
        rng,
        "[Call {n} on {d}.|The number of {n} is {d}.|{n} has the number {d}.|You reach {n} under {d}.]",
        n=name,
        d=number,
    )
    return _asked(rng, text, {"person": name, "phone": number})


def reading(rng: random.Random) -> Exchange:
    city, degrees, sky = (
        rng.choice(facts.CAPITALS)[1],
        rng.randint(-15, 38),
        rng.choice(["sun", "rain", "snow", "wind", "fog"]),
    )
    level = "cold" if degrees < 8 else "mild" if degrees < 22 else "hot"
    text = spin(rng, "[In {c} it is {d} degrees with {s}.|{c} reports {s} and {d} degrees.]", c=city, d=degrees, s=sky)
    return _asked(rng, text, {"place": city, "degrees": degrees, "sky": sky, "feels": level})


def feeling(rng: random.Random) -> Exchange:
    mood, said = rng.choice(
        [
            ("happy", "[I love|I enjoy|I am so glad about] [this|the] {k}."),
            ("angry", "[I hate|I cannot stand|I am furious about] [this|the] {k}."),
            ("calm", "[I have|I saw|There is] [one|another] {k}."),
        ]
    )
    kind = rng.choice(["animals", "fruits", "sports", "flowers"])
    thing = rng.choice(facts.KINDS[kind])
    return _asked(rng, spin(rng, said, k=thing), {"mood": mood, "about": thing, "group": kind})


def message_label(rng: random.Random) -> Exchange:
    sender, thing = rng.choice(facts.NAMES), _thing(rng)
    intent, said = rng.choice(
        [
            ("ask", "[Do you have|Can I get|Where is] [the|a] {t}?"),
            ("offer", "[You can have|I can lend you|Please take] my {t}."),
            ("warn", "[Be careful with|Do not touch|Watch] the {t}!"),
            ("thank", "[Thank you for|I am glad about|How kind to send] the {t}."),
        ]
    )
    soon, when = rng.choice(
        [(True, "[Now, please.|I need it now.|Right away.]"), (False, "[Some day.|No hurry.|Later is fine.]")]
    )
    text = f"{sender} says: {spin(rng, said, t=thing)} {spin(rng, when)}"
    return _asked(rng, text, {"from": sender, "intent": intent, "object": thing, "soon": soon})


def book(rng: random.Random) -> Exchange:
    title = spin(rng, "The [Old|Red|Lost|Quiet|Last] {t}", t=capital(rng.choice(facts.KINDS["animals"])))
    author, year, pages = rng.choice(facts.NAMES), rng.randint(1850, 2024), rng.randint(40, 900)
    text = spin(
        rng,
        '[{a} wrote "{t}" in {y}. It has {p} pages.|"{t}" by {a} has {p} pages and came out in {y}.]',
        a=author,
        t=title,
        y=year,
        p=pages,
    )
    return _asked(rng, text, {"title": title, "author": author, "year": year, "pages": pages})


def array(rng: random.Random) -> Exchange:
    chosen = rng.sample(rng.choice(list(facts.KINDS.values())), rng.randint(2, 4))
    question = spin(rng, "[Write these as a JSON list: {w}|Make a JSON array of {w}]", w=", ".join(chosen))
    return question, json.dumps(chosen)


def bullets(rng: random.Random) -> Exchange:
    chosen = rng.sample(rng.choice(list(facts.KINDS.values())), rng.randint(3, 4))
    question = spin(rng, "[Make a bullet list of {w}.|Write as a list with dashes: {w}]", w=", ".join(chosen))
    return question, "\n".join(f"- {word}" for word in chosen)


def lookup(rng: random.Random) -> Exchange:
    family = rng.choice([person, meeting, purchase, reading, book])
    record = json.loads(family(rng)[1])
    key = rng.choice(list(record))
    question = spin(rng, "What is the {k} in this record? ", k=key) + json.dumps(record)
    return question, f"The {key} is {'not given' if record[key] is None else record[key]}."


def echo(rng: random.Random) -> Exchange:
    text = rng.choice([_signs, _digits, _digits, _shuffled_words, _shuffled_words])(rng)
    return rng.choice(["Repeat this: ", "Copy exactly: ", "Say again: "]) + text, text


def _signs(rng: random.Random) -> str:
    return "".join(rng.choices(SIGNS, k=rng.randint(3, 9)))


def _digits(rng: random.Random) -> str:
    return "".join(rng.choices(string.digits, k=rng.randint(3, 12)))


def _shuffled_words(rng: random.Random) -> str:
    return " ".join(rng.choice(rng.choice(list(facts.KINDS.values()))) for _ in range(rng.randint(3, 9)))


FAMILIES: dict[Callable[[random.Random], Exchange], int] = {
    person: 4,
    meeting: 3,
    purchase: 3,
    contact: 3,
    reading: 3,
    feeling: 3,
    message_label: 4,
    book: 2,
    array: 1,
    bullets: 1,
    lookup: 2,
    echo: 12,
}


def exchange(rng: random.Random) -> Exchange:
    """One request for structured text, with the text."""
    (family,) = rng.choices(list(FAMILIES), weights=FAMILIES.values())
    return family(rng)
