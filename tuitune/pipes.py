"""Waiting for what a process says. `select.select` cannot: it fails on the 1,025th file that a process has open."""

from __future__ import annotations

import select


def readable(descriptor: int, seconds: float) -> bool:
    """Whether something, or its end, can be read from a descriptor within so many seconds."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
