"""How grave a finding is, by sign and colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tuitune.text import clean

LEVELS = {"ok": ("✓", "$ok"), "info": ("·", "$faint"), "warning": ("⚠", "$warn"), "error": ("✗", "$bad")}


def finding(one: Mapping[str, Any], text: str, more: str = "") -> Content:
    """A finding as one line: sign and text by its level, and a remark of ours."""
    sign, colour = LEVELS.get(one.get("level", "info"), LEVELS["info"])
    return Content.assemble((f"{sign} ", colour), clean(text, limit=400), (f"  {more}" if more else "", "$accent"))
