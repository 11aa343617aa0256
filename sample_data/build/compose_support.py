"""Compose messages to the support desk of a shop, with what they say in fields and an answer in prose."""

import random
from dataclasses import dataclass

import facts
from wording import capital, spin

PRODUCTS = facts.KINDS["things for the home"]

COMPLAINTS = {
    "billing": [
        "I was charged [twice|two times] for [my|the] {p}",
        "[the|your] [invoice|bill] for [my|the] {p} [is wrong|is too high|shows the wrong price]",
        "the [discount|voucher] is missing from the [bill|invoice] for [my|the] {p}",
        "I paid [too much|more than the listed price] for [my|the] {p}",
        "you took the money for the {p} from [the wrong card|my old card]",
        "I [still|] need [an invoice|a receipt] for the {p}",
        "my payment for the {p} [failed|did not go through]",
    ],
    "delivery": [
        "my {p} [has not arrived|is still not here|never came]",
        "the parcel with my {p} is [late|lost|overdue]",
        "I am [still|] waiting for [my|the] {p}",
        "the courier left my {p} [at the wrong house|in the rain|with a stranger]",
        "the tracking page for my {p} [has not changed for days|shows no news]",
        "where is my {p}",
        "when will [my|the] {p} [arrive|be delivered|get here]",
    ],
    "fault": [
        "my {p} [does not work|does not turn on|stopped working|is broken]",
        "[my|the] {p} makes a [strange|loud|terrible] noise",
        "[my|the] {p} [gets far too hot|smells of smoke|turns itself off]",
        "there is a [crack|dent|hole] in my {p}",
        "[my|the new] {p} [is damaged|fell apart|came with a missing part]",
        "a [button|switch|part] on [my|the] {p} [is stuck|broke off]",
    ],
    "return": [
        "I [want|would like] to [send back|return] [my|the] {p}",
        "I [want|would like] to [exchange|swap] [my|the] {p} for another one",
        "please [take back|let me return] [my|the] {p}",
        "how [can|do] I [return|send back] [my|the] {p}",
        "[my|the] {p} is not what I expected and I do not want to keep it",
        "I changed my mind about the {p}",
    ],
    "question": [
        "does the {p} come in [red|blue|black|white|green]",
        "how [do|should] I clean [my|the] {p}",
        "how long is the warranty on [my|the] {p}",
        "is the {p} [in stock|still on sale] [now|]",
        "can you recommend a {p} for [a small flat|a beginner|my parents]",
        "what is the difference between the two [models|kinds] of {p}",
        "where do I find the manual for [my|the] {p}",
    ],
}

URGENCY = {
    "high": [
        "[This is|It is] [very|] urgent.",
        "I need [this solved|help|an answer] [today|by tomorrow|right away|at once].",
        "Please [hurry|be quick|act fast].",
        "[I cannot wait any longer.|This cannot wait.]",
        "Please [answer|help me] as soon as possible.",
    ],
    "low": [
        "There is no [rush|hurry].",
        "[This|It] is not urgent.",
        "Please answer [whenever you have time|when you can].",
        "Take your time.",
        "[It|This] can wait [until next week|a few weeks|].",
    ],
    "normal": [""],
}

ORDER = ["My order number is {o}.", "The order number is {o}.", "It is order {o}.", "Order {o}.", "See order {o}."]
ASIDES = [
    "I bought it [last week|last month|in May|two days ago].",
    "It was a gift [for|from] my [brother|sister|mother|father|friend].",
    "I have been a customer for [years|a long time].",
    "I [like|love] your shop.",
    "I ordered it [online|by phone|in your shop].",
    "My [neighbour|friend] told me to write to you.",
    "This is the [first|second] time I write.",
]
GREETINGS = ["Hello, ", "Hi, ", "Hi there, ", "Good morning, ", "Dear team, ", "Hello. ", "Hi! ", "", "", "", ""]
CLOSINGS = ["Thanks.", "Thank you.", "Best wishes, {n}", "Kind regards, {n}", "Yours, {n}", "", "", "", ""]

HELP = {
    "billing": "[I will check the payment for your {p}|We will look at the bill for your {p}] "
    "and [send you a correct invoice|pay back what was too much].",
    "delivery": "[I will ask the courier about your {p}|We will find out where your {p} is] "
    "and [write to you as soon as I know more|send you the new delivery date].",
    "fault": "[Please unplug your {p}, wait a minute and try again|Please stop using your {p} for now]. "
    "If that does not help, we will repair or replace it.",
    "return": "[You can send the {p} back within thirty days|We will gladly take back the {p}]. "
    "Please pack it well and put the return slip inside.",
    "question": "[You will find this in the manual of the {p}|Please look at the page of the {p} in our shop]. "
    "I am happy to [explain more|help you choose].",
}
OPENERS = {
    "billing": "I am sorry about the wrong payment.",
    "delivery": "I am sorry that you have to wait.",
    "fault": "I am sorry to hear about the trouble.",
    "return": "Thank you for telling us.",
    "question": "Thank you for your question.",
}
PROMISES = {
    "high": "[I understand that it is urgent, so we will do it today.|We will hurry and do this first.]",
    "low": "[There is no hurry, so we will write next week.|We will take care of it when there is time.]",
    "normal": "",
}


@dataclass(frozen=True)
class Message:
    """A message to the support desk and what it says, field by field."""

    text: str
    category: str
    product: str
    urgency: str
    order: str | None


def message(rng: random.Random) -> Message:
    """Draw the fields first, then the words that say them."""
    category = rng.choice(list(COMPLAINTS))
    product = rng.choice(PRODUCTS)
    urgency = rng.choice(list(URGENCY))
    order = str(rng.randint(1000, 9999)) if rng.random() < 0.6 else None
    text = _words(rng, category, product, urgency, order)
    return Message(text, category, product, urgency, order)


def _words(rng: random.Random, category: str, product: str, urgency: str, order: str | None) -> str:
    complaint = spin(rng, rng.choice(COMPLAINTS[category]), p=product).strip()
    mark = "?" if complaint.split()[0] in {"does", "how", "is", "can", "what", "where", "when"} else "."
    greeting = rng.choice(GREETINGS)
    opening = greeting + (complaint if greeting.endswith(", ") else capital(complaint)) + mark
    details = [
        spin(rng, rng.choice(URGENCY[urgency])),
        spin(rng, rng.choice(ORDER), o=order) if order else "",
        spin(rng, rng.choice(ASIDES)) if rng.random() < 0.4 else "",
    ]
    rng.shuffle(details)
    closing = spin(rng, rng.choice(CLOSINGS), n=rng.choice(facts.NAMES))
    text = " ".join(part for part in [opening, *details, closing] if part)
    return " ".join(text.replace(" .", ".").split())


def reply(rng: random.Random, asked: Message) -> str:
    """A helpful answer in prose, with the product, the order and the urgency taken up."""
    parts = [
        OPENERS[asked.category],
        spin(rng, HELP[asked.category], p=asked.product),
        f"I have noted your order number {asked.order}." if asked.order else "",
        spin(rng, PROMISES[asked.urgency]),
    ]
    return " ".join(part for part in parts if part)
