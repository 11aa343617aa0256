"""The roles that columns can play in a row, by its shape: what a recipe maps, data is read by and a screen offers."""

from __future__ import annotations

from collections.abc import Iterable

_BESIDE = ("system", "tools", "label")

ROLES_OF = {
    "columns": ("prompt", "completion", *_BESIDE),
    "prompt-completion": ("prompt", "completion", *_BESIDE),
    "alpaca": ("instruction", "input", "output", *_BESIDE),
    "text": ("text",),
    **dict.fromkeys(("messages", "sharegpt", "tools"), ("messages", *_BESIDE)),
}
"""Roles by shape."""

ROLES = ("prompt", "completion", "system", "text", "messages", "instruction", "input", "output", "tools", "label")

NEEDED = {"columns": ("prompt", "completion"), "prompt-completion": ("prompt", "completion"), "text": ("text",)}
"""Roles that a shape cannot do without, once any is mapped."""

_TELLING = {"rejected": "preference", "messages": "messages", "text": "text", "output": "alpaca"}


def shape_of(roles: Iterable[str]) -> str:
    """The shape that has these roles."""
    given = set(roles)
    return next((shape for role, shape in _TELLING.items() if role in given), "columns")
