"""How a kill goes, in words: the rung that it has come to, and the next one with its time."""

from __future__ import annotations

import math

from tuitune.runs.store.records.lifecycle import Kill
from tuitune.text import clean

_SENT = {
    "ask": "SIGTERM sent, to save and end",
    "terminate-group": "SIGTERM sent to all its processes",
    "kill-group": "SIGKILL sent to all its processes",
    "stuck": "SIGKILL does not end its processes",
}
_NEXT = {"terminate-group": "SIGTERM to all", "kill-group": "SIGKILL", "stuck": "stuck"}


def sent_text(kill: Kill) -> str:
    return _SENT.get(kill.rung) or clean(kill.message or "being killed", limit=80)


def seconds_left(kill: Kill, now: float) -> float | None:
    """Seconds until the next rung, at the time `now`; None after the last. A clock that was put back adds none."""
    if kill.seconds is None or kill.next is None:
        return None
    return min(max(kill.seconds - (now - (kill.time or now)), 0.0), kill.seconds)


def next_text(kill: Kill, left: float | None) -> str:
    """`SIGKILL in 5 s`, where `left` seconds are left; "" after the last rung."""
    if left is None or kill.next is None:
        return ""
    return f"{_NEXT.get(kill.next) or clean(kill.next, limit=40)} in {math.ceil(left)} s"
