"""How every command ends: `tuitune --help`, the README and the code take it from here."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, each with its `meaning`."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "done"
    FAILED = 1, "the run failed, a check failed, or a request was not carried out"
    REFUSED = 2, "refused: nothing was started or changed"
    INTERRUPTED = 130, "interrupted; the run keeps training"


def exit_codes_help() -> str:
    return "\n".join(["exit codes:", *(f"  {code.value:<3} {code.meaning}" for code in Exit)]) + "\n"
