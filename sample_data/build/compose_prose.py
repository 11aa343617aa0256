"""Compose the prose set: documents of several paragraphs, such as portraits, diaries, letters, guides and fables."""

import random
from collections.abc import Callable

import facts
from wording import a, capital, series, spin

Document = list[str]

WEATHER = {
    "[The sun was out|It was a clear and bright morning|There was not a cloud in the sky]": "[warm|fine|bright]",
    "[It was raining|Rain was falling softly|It had rained all night]": "[wet|grey|rainy]",
    "[A cold wind blew|The wind shook the windows|It was windy and cool]": "[windy|cool|rough]",
    "[Snow lay on the roofs|It had snowed in the night|The ground was white with snow]": "[cold|white|quiet]",
    "[Fog hung over the street|The fog was so thick that one could not see the trees]": "[grey|still|quiet]",
}
WORK = {
    "a baker": [
        "The first loaves came out of the oven [before the sun was up|at five].",
        "I mixed the dough and shaped [sixty|eighty] rolls.",
        "A child asked for the largest cake in the shop and paid with small coins.",
        "We tried a new bread with nuts, and it was gone by noon.",
    ],
    "a teacher": [
        "We read a story aloud and talked about it.",
        "The children learnt to count to [a hundred|a thousand].",
        "Two boys had a quarrel about a ball and made peace again.",
        "I looked at thirty drawings of [the sea|a farm] and liked every one.",
    ],
    "a nurse": [
        "I took care of six people and brought them their medicine.",
        "An old man told me about his garden.",
        "A girl with a broken arm wanted everyone to write on it.",
        "It was calm on the ward, and I had time to listen.",
    ],
    "a farmer": [
        "I fed the cows and mended the fence.",
        "We brought in the hay before the evening.",
        "A calf was born, and it stood up after an hour.",
        "The fox had been at the hens, so I built a better door.",
    ],
    "a driver": [
        "The bus was full until noon.",
        "I drove along the coast and back again three times.",
        "Somebody left a red umbrella on the last seat.",
        "The road was closed, and we took the long way through the hills.",
    ],
    "a cook": [
        "We made soup for forty people.",
        "I cut vegetables for an hour and then baked a pie.",
        "A guest came into the kitchen to thank us.",
        "There was no fish on the market, so I changed the menu.",
    ],
    "a carpenter": [
        "I made a table of oak and oiled it.",
        "A door was stuck, and I planed it until it closed.",
        "The wood for the new stairs came at last.",
        "I showed my apprentice how to sharpen a saw.",
    ],
    "a gardener": [
        "I planted thirty tulips along the wall.",
        "The roses had to be cut, and my gloves have holes now.",
        "I watered the young trees twice.",
        "A robin sat on my spade while I worked.",
    ],
    "a postman": [
        "I carried a heavy parcel to the top floor.",
        "There were more letters than on any other day.",
        "The dog at number nine has learnt to like me.",
        "A card had come from the other side of the world, without a stamp.",
    ],
    "a mechanic": [
        "I changed the tyres of five cars.",
        "An old engine would not start, and I found out why.",
        "A customer was sure that it was the brakes, and it was.",
        "I washed my hands three times, and they are still black.",
    ],
}
REST = (
    "At [noon|one o'clock] I ate [bread and cheese|a bowl of soup|an apple and nuts] and [talked to|sat with] {n}.",
    "[In the break|After that] {n} called me, and we [laughed a lot|talked about the weekend|made plans].",
    "[Then|Later] I met {n}, who [asked me for help|told me the news|was on the way home].",
)
EVENING = (
    "In the evening I was [tired|very tired] but [content|happy]. [Tomorrow will be easier.|I went to bed early.]",
    "At home I [cooked rice with vegetables|made pancakes|heated some soup] and [read|listened to music].",
    "The evening was [quiet|calm]. I [wrote a letter|called my sister|mended a sock] and [fell asleep|went to bed].",
)
FOOD = "[bread|cheese|fish|soup|rice|olives|fruit|beans]"
GOODS = "[honey|flowers|old books|tea|wool|maps|clocks|cakes|baskets]"
SIGHTS = (
    "[We walked|I walked] through the old streets [for hours|all morning] and [looked at|took pictures of] the houses.",
    "There is a [large|famous|small] museum [by the river|near the station] that shows [clocks|ships|paintings|maps].",
    f"On the market people sell {FOOD} and {GOODS}, and [everyone talks at once|there is music on every corner].",
    "From a [hill|tower] you can see [the whole city|as far as the sea], and [the light is soft|it is windy there].",
    f"[The food is good|I like the food here]: [yesterday|today] I had {FOOD} with [lemon|herbs|tomatoes|onions].",
    "People here are [kind|patient]. [A boy|A young man] showed me the way to the [bridge|station|library].",
    "[In the afternoon|Later] it rained, so I sat in a small cafe and [played chess|wrote cards|watched the street].",
    "[At night|In the evening] the bridges are lit, and [boats go by with music|you hear bells from far away].",
)
TROUBLES = (
    (
        "[lost its way|went too far from home]",
        "knew the path and went ahead",
        "a friend who knows the way is worth more than a map",
    ),
    (
        "[had nothing to eat|found no food for two days]",
        "shared what was left of its winter store",
        "what you share comes back to you",
    ),
    (
        "was [stuck in a ditch|caught in a net]",
        "pulled and pulled until the other was free",
        "the small can help the great",
    ),
    (
        "was [afraid of the dark|too afraid to sleep]",
        "sat down close by and told stories until the morning",
        "fear grows small when two look at it",
    ),
    (
        "[boasted that nobody was faster|laughed at everyone who was slow]",
        "asked for a race, kept a steady pace and came in first",
        "it is not enough to be fast if you stop too often",
    ),
    (
        "[would not let anyone under its tree|kept the only dry place for itself]",
        "asked once more, politely, and brought a third one along",
        "a place is not smaller when more sit in it",
    ),
)
STALLS = {
    "fruit": ("apples", "pears", "plums", "cherries", "grapes", "melons"),
    "vegetables": ("carrots", "onions", "potatoes", "leeks", "beans", "peas"),
    "flowers": ("roses", "tulips", "daisies", "lilies", "poppies"),
    "old tools": ("hammers", "saws", "spades", "knives", "brushes"),
    "clothes": ("coats", "shirts", "socks", "hats", "scarves", "gloves"),
    "things for the kitchen": ("spoons", "bowls", "kettles", "cups", "pans"),
}
CORNERS = ("at the corner", "by the fountain", "near the church", "beside the well", "under the trees")


def portrait(rng: random.Random) -> Document:
    """An animal: what it is, what it eats, its young, and how someone met it."""
    name, kind, food, home, sound, young = rng.choice(facts.ANIMALS)
    like = [other[0] for other in facts.ANIMALS if other[1] == kind and other[0] != name]
    known = f" The {rng.choice(like)} is {a(kind)} too." if like else ""
    watcher, (_, city) = rng.choice(facts.NAMES), rng.choice(facts.CAPITALS)
    return [
        f"The {name}",
        f"{capital(a(name))} is {a(kind)} that lives {home}.{known}",
        spin(
            rng,
            "It eats {f}. [When that is hard to find, it has to look for longer.|It spends much of the day with that.] "
            "[You know it by its voice|You often hear it before you see it]: it {s}.",
            f=food,
            s=sound,
        ),
        spin(
            rng,
            "A young {n} is called {y}. [It is small at first.|It has much to learn.] "
            "[After some time it can look after itself.|It grows fast.]",
            n=name,
            y=a(young),
        ),
        spin(
            rng,
            "{w} from {c} [once saw|remembers] one. [It was early in the day|It was late in the year], and "
            '[nobody else was there|all was still]. [It looked up, waited and went on.|It did not move at all.] "'
            '[I stood still until it was gone|I still think of it|I had never been so close to one]," {w} says.',
            w=watcher,
            c=city,
        ),
    ]


def diary(rng: random.Random) -> Document:
    """Some days of one person with a job."""
    person, work = rng.choice(list(WORK.items()))
    first, done = rng.randrange(7), rng.sample(work, rng.randint(2, 4))
    days = [_day(rng, facts.DAYS[(first + place) % 7], one) for place, one in enumerate(done)]
    return [f"From the diary of {person}", *days]


def _day(rng: random.Random, day: str, work: str) -> str:
    weather, kind = rng.choice(list(WEATHER.items()))
    rest, evening = spin(rng, rng.choice(REST), n=rng.choice(facts.NAMES)), spin(rng, rng.choice(EVENING))
    return f"{day}, {a(spin(rng, kind))} day. {spin(rng, weather)}. {spin(rng, work)} {rest} {evening}"


def letter(rng: random.Random) -> Document:
    """A letter from a journey."""
    (country, city), (reader, writer, friend) = rng.choice(facts.CAPITALS), rng.sample(facts.NAMES, 3)
    told = [spin(rng, sight) for sight in rng.sample(SIGHTS, rng.randint(3, 6))]
    half = (len(told) + 1) // 2
    opening = (
        "I am writing to you from {c}, the capital of {l}. I came here on {d}, and "
        "[the journey was long|the train was late but comfortable|I have hardly slept since]."
    )
    closing = "I come home in {m}. [Please write to me|Tell me how you are], and [greet|give my love to] {n}."
    return [
        f"Dear {reader},",
        spin(rng, opening, c=city, l=country, d=rng.choice(facts.DAYS)),
        " ".join(told[:half]),
        " ".join(told[half:]),
        spin(rng, closing, m=rng.choice(facts.MONTHS), n=friend),
        spin(rng, "[Yours|Best wishes|With love],\n{n}", n=writer),
    ]


def guide(rng: random.Random) -> Document:
    """How to do a few things, and what is good to have at home."""
    chosen = [(task.replace(" my ", " your "), steps) for task, steps in rng.sample(facts.HOW_TO, rng.randint(2, 4))]
    tools = series([f"{tool} to {use}" for tool, use in rng.sample(facts.TOOLS, 3)])
    return [
        spin(rng, "[Small skills for every day|Good to know|Done by yourself]"),
        spin(
            rng,
            "[This page tells you|Many people ask|Here you can read] how to {t}. "
            "[None of it is hard.|A little patience is enough.|You need little for it.]",
            t=series([task for task, _ in chosen]),
        ),
        *(f"{capital(task)}. {steps}" for task, steps in chosen),
        spin(rng, "[It helps to have a few things at home|Some things are good to have at hand]: {t}.", t=tools),
    ]


def fable(rng: random.Random) -> Document:
    """Two animals, a trouble and what it teaches."""
    (first, _, _, home, *_), (second, *_) = rng.sample(facts.ANIMALS, 2)
    trouble, help_, moral = rng.choice(TROUBLES)
    return [
        f"The {first} and the {second}",
        spin(
            rng,
            "[Once there was|There was once] {f} that lived {h}. [Everyone knew it|It liked to be alone], and "
            "[it had little to worry about|the years went by].",
            f=a(first),
            h=home,
        ),
        spin(rng, "One [morning|evening|night] in [spring|summer|autumn|winter] the {f} ", f=first)
        + spin(rng, f"{trouble}. [It thought that nobody would come.|Nobody said a word.|The others only watched.]"),
        spin(rng, f"Then {a(second)} came along. [It stopped and listened.|It looked for a while.] It {help_}."),
        spin(
            rng,
            "[The {f} was silent for a moment.|The {f} could hardly believe it.] "
            '"[Thank you|I was wrong]," it said at last. "[I will not forget this.|Now I know better.]"',
            f=first,
        ),
        spin(rng, f"Since then [the two have been friends|they are often seen together], and people say that {moral}."),
    ]


def explanation(rng: random.Random) -> Document:
    """Questions about the world with their answers, and what some words mean."""
    reasons, terms = rng.sample(facts.REASONS, rng.randint(3, 6)), rng.sample(facts.DEFINITIONS, rng.randint(2, 4))
    return [
        spin(rng, "[Questions and answers|Asked and answered|What we were asked]"),
        spin(
            rng,
            "[Children ask many questions|Some questions come up again and again]. "
            "[Here are some of them.|These are some that we collected.] [A good answer need not be long.|]",
        ).rstrip(),
        *(f"{question} {answer}" for question, answer in reasons),
        "Words need answers too. " + " ".join(f"{capital(term)} is {meaning}." for term, meaning in terms),
    ]


def market(rng: random.Random) -> Document:
    """A day on the market of a town."""
    (_, city), day = rng.choice(facts.CAPITALS), rng.choice(facts.DAYS)
    sellers = rng.sample(facts.NAMES, rng.randint(2, 5))
    weather = spin(rng, rng.choice(list(WEATHER)))
    places, kinds = rng.sample(CORNERS, len(sellers)), rng.sample(list(STALLS), len(sellers))
    return [
        f"A market in {city}",
        f"Every {day} there is a market in {city}. {weather}, and the first stalls opened at {rng.randint(6, 8)}.",
        *(_stall(rng, *one) for one in zip(sellers, places, kinds, strict=True)),
        spin(
            rng,
            "By [noon|two o'clock|the evening] [most of it was sold|the baskets were empty]. {n} "
            "[counted the money|swept the ground] and [went home|drank a cup of tea]. "
            "[Next {d} they will all be back.|On {d} it begins again.]",
            n=rng.choice(sellers),
            d=day,
        ),
    ]


def _stall(rng: random.Random, seller: str, place: str, kind: str) -> str:
    first, second = rng.sample(STALLS[kind], 2)
    return spin(
        rng,
        "{n} sells {k} {w}. [The first customer|A woman with a basket|A boy] asked for {x} and {y} and paid {p} euros. "
        '[{n} wrapped everything in paper.|"Come again," {n} said.|They talked about the weather.]',
        n=seller,
        k=kind,
        w=place,
        x=first,
        y=second,
        p=rng.randint(2, 20),
    )


FAMILIES: dict[Callable[[random.Random], Document], int] = {
    portrait: 4,
    diary: 4,
    letter: 4,
    guide: 3,
    fable: 4,
    explanation: 3,
    market: 3,
}


def row(rng: random.Random) -> dict:
    """One document: a title or an address, and paragraphs with blank lines between them."""
    (family,) = rng.choices(list(FAMILIES), weights=FAMILIES.values())
    return {"text": "\n\n".join(family(rng))}
