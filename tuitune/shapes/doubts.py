"""What speaks against a sound row whose answers are called better or worse: that it says the contrary of what it shows.

Each doubt is a phrase for a sentence about rows. None is certain, so no row is refused for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tuitune.rows.turns import Turn

Said = str | list[Turn]

CONTRADICTED = "are called both better and worse, or both good and bad"
GUESSED = "part within a word, and no column says what was asked"
ASKED_OTHERWISE = "answer another question than the column of the prompt has"
REPEATED = "say what was asked once more in their answers"
LOWER, EQUAL = "have a lower score for the chosen answer", "have the same score for both answers"

_NOTHING = frozenset({"n/a", "na", "none", "null", "nan", "no answer", "no response", "todo", "deleted", "removed"})
_REFUSAL = re.compile(
    r"\W*((i('m| am) )?(very |so |truly )?sorry,? (but )?|i apologi[sz]e,? but )?(as an ai( language)?( model)?,? )?"
    r"(i('m| am) (unable|not able) to\b"
    r"|i (cannot|can('|’)?t|can not|won('|’)?t|will not) (help|assist|answer|provide|do|comply|discuss|give|create)\b)",
    re.IGNORECASE,
)
"""How a refusal begins, in English."""

_PROSE = re.compile(r"[.!?][\"')\]]?\s")
_OPEN_END = re.compile(r"([^\W\d_]|[,;])\Z")
_SCORES = re.compile(r"score|rating|reward|grade|quality", re.IGNORECASE)
_WORDS_IN_A_LAST_LINE = 4


def about_answer(said: Said) -> str:
    """What speaks against an answer that is called good, by itself; "" for nothing."""
    text = _text(said)
    if not any(map(str.isalnum, text)) or text.strip(" .[]<>()").lower() in _NOTHING:
        return "say nothing"
    return "break off within a sentence" if _breaks_off(text) else ""


def about_pair(chosen: Said, rejected: Said) -> str:
    """What makes a pair look swapped: the chosen answer has a flaw that the rejected one has not; "" for nothing."""
    doubt = about_answer(chosen)
    if not doubt and _REFUSAL.match(_text(chosen)):
        doubt = "refuse to answer"
    other = about_answer(rejected) or ("refuse to answer" if _REFUSAL.match(_text(rejected)) else "")
    return f"{doubt} in the chosen answer alone" if doubt and not other else ""


def about_scores(values: Mapping[str, Any], better: str, worse: str) -> str:
    """What the scores of a row say against its order: columns named alike but for the words `better` and `worse`."""
    for name, value in values.items():
        if not _SCORES.search(name) or better not in name or not _is_number(value):
            continue
        other = values.get(name.replace(better, worse, 1))
        if _is_number(other) and value <= other:
            return EQUAL if value == other else LOWER
    return ""


def parts_within_word(prompt: str, *answers: str) -> bool:
    """Whether what two texts have in common ends within a word of each."""
    return prompt[-1:].isalnum() and all(one[:1].isalnum() for one in answers)


def repeats(prompt: Said, *answers: Said) -> bool:
    """Whether every answer begins with what was asked, where that is more than a greeting."""
    if not prompt:
        return False
    asked = (prompt if isinstance(prompt, str) else str(prompt[-1]["content"])).strip()
    begun = [(one if isinstance(one, str) else str(one[0]["content"])).strip() for one in answers]
    return len(asked.split()) > 2 and all(one != asked and one.startswith(asked) for one in begun)


def _text(said: Said) -> str:
    return said if isinstance(said, str) else str(said[-1]["content"]) or ("call" if "tool_calls" in said[-1] else "")


def _breaks_off(text: str) -> bool:
    """Whether a text in prose ends without an end: some sentence in it has one, and its last line is no list item."""
    text = text.rstrip()
    last = text.rpartition("\n")[2].split()
    prose = "```" not in text and _PROSE.search(text) and len(last) >= _WORDS_IN_A_LAST_LINE and last[0][-1:].isalnum()
    return bool(prose and _OPEN_END.search(text))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
