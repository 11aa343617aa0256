"""How a kill goes, in words: the rung that it has come to, and the next one with its time."""

from __future__ import annotations

import math

from tuitune.runs.store.records import Record, number, text
from tuitune.text import clean

_SENT = {
    "ask": "SIGTERM sent, to save and end",
    "terminate-group": "SIGTERM sent to all its processes",
    "kill-group": "SIGKILL sent to all its processes",
    "stuck": "SIGKILL does not end its processes",
}
_NEXT = {"terminate-group": "SIGTERM to all", "kill-group": "SIGKILL", "stuck": "stuck"}


def sent_text(kill: Record) -> str:
    return _SENT.get(str(kill.get("rung"))) or clean(text(kill, "message", "being killed"), limit=80)


def seconds_left(kill: Record, now: float) -> float | None:
    """Seconds until the next rung, at the time `now`; None after the last. A clock that was put back adds none."""
    seconds = number(kill, "seconds")
    if seconds is None or kill.get("next") is None:
        return None
    return min(max(seconds - (now - (number(kill, "time") or now)), 0.0), seconds)


def next_text(kill: Record, left: float | None) -> str:
    """`SIGKILL in 5 s`, where `left` seconds are left; "" after the last rung."""
    following = kill.get("next")
    if left is None or following is None:
        return ""
    return f"{_NEXT.get(str(following)) or clean(str(following), limit=40)} in {math.ceil(left)} s"
