"""Which tokens stand for a range of the characters of a text."""

from __future__ import annotations

from tokenizers import Encoding


def tokens_of(encoding: Encoding, first: int, last: int, length: int) -> tuple[int, int]:
    """The tokens that stand for any of the characters `first` to `last` of a text of `length` characters."""
    start = _token_at(encoding, first, last)
    if start is None:
        return 0, 0
    end = _token_at(encoding, last, length)
    if end is None:
        return start, _end_of_text(encoding)
    stands_for = encoding.token_to_chars(end)
    shared = stands_for is not None and stands_for[0] < last
    return start, end + 1 if shared else end


def _token_at(encoding: Encoding, first: int, last: int) -> int | None:
    """The first token of the first character from `first` on that has any; a tokenizer may drop white space."""
    return next((token for place in range(first, last) if (token := encoding.char_to_token(place)) is not None), None)


def _end_of_text(encoding: Encoding) -> int:
    """The number of tokens without those that the tokenizer itself adds after the text."""
    end = len(encoding)
    while end and encoding.token_to_chars(end - 1) is None:
        end -= 1
    return end


def last_run(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The last of the ranges, as one with those that end where it begins."""
    if not ranges:
        return []
    first, last = ranges[-1]
    for earlier in reversed(ranges[:-1]):
        if earlier[1] < first:
            break
        first = earlier[0]
    return [(first, last)]
