"""The file that `data.template` names: read in one way before the launch and by the engine."""

from __future__ import annotations

from pathlib import Path

from tuitune import plain

_LONGEST = 1 << 20


def template_text(path: Path) -> str:
    """The chat template in a file. OSError where no plain file can be read there, ValueError where it is no text."""
    content = plain.head(path, _LONGEST + 1)
    if len(content) > _LONGEST:
        raise ValueError("is larger than 1 MiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text, from byte {error.start:,} on") from error
    if not text.strip():
        raise ValueError("is empty")
    return text
