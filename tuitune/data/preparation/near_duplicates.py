"""Texts that nearly repeat another: MinHash and locality-sensitive hashing find candidates, exact sets decide.

Similarity is that of Jaccard between the sets of word 3-grams of two texts, without those that most texts share:
the words of a template would make every row look like the others. MinHash signatures are cut into 20 bands;
two texts of similarity s share one with probability 1 - (1 - s^r)^20 for bands of r values (Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, 3.4). r is the largest that finds 99 % at the threshold itself.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from rensa import RMinHash, RMinHashLSH

_BANDS = 20
_LONGEST_BAND = 12
_FOUND = 0.99
_SAMPLE = 1000
_COMMON = 0.5
_OFTEN = 100
_SAID_EVERY = 1000
_COMPARED = 100
_SEED = 1
_REMEMBERED = 20_000
_FEWEST_WORDS = 6
_ASCII_WORDS = {code: " " for code in range(128) if not chr(code).isalnum()}
_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]|[^\W_]+")


def shingles(text: str) -> frozenset[str]:
    """The groups that a text is compared by: three words in a row, whatever their case and punctuation.

    A character of a script without spaces is a word. Texts of fewer than six words are compared by three characters.
    """
    text = text.lower()
    words = text.translate(_ASCII_WORDS).split() if text.isascii() else _WORD.findall(text)
    if len(words) >= _FEWEST_WORDS:
        return frozenset(map(" ".join, zip(words, words[1:], words[2:], strict=False)))
    letters = " ".join(text.split())
    return frozenset(letters[start : start + 3] for start in range(max(1, len(letters) - 2)))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity of two sets that are not empty: the share of their groups that both have."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def common_groups(texts: Sequence[str]) -> frozenset[str]:
    """Groups in over half of the texts, and in over a hundred of them: a template's words, which tell no row apart.

    Judged by at most 2 000 of the texts, evenly spread.
    """
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    if len(sample) <= _OFTEN:
        return frozenset()
    counts = Counter(group for text in sample for group in shingles(text))
    return frozenset(group for group, count in counts.items() if count > max(_OFTEN, _COMMON * len(sample)))


class Signed(NamedTuple):
    """A text to be found or added."""

    number: int
    text: str
    groups: frozenset[str]
    signature: RMinHash


class Index:
    """Texts by number, to be asked for one that equals or nearly equals another."""

    def __init__(self, text_of: Callable[[int], str], threshold: float, common: frozenset[str]) -> None:
        rows = max(rows for rows in range(1, _LONGEST_BAND + 1) if 1 - (1 - threshold**rows) ** _BANDS >= _FOUND)
        self._permutations = rows * _BANDS
        self._lsh = RMinHashLSH(threshold, self._permutations, _BANDS)
        self._threshold, self._common = threshold, common
        self._sizes, self._numbers = array("I"), array("Q")
        self._first: dict[str, int] = {}
        self._set_of = lru_cache(_REMEMBERED)(lambda number: self._groups(text_of(number)))

    def signed(self, texts: Sequence[str], say: Callable[[int], None] = lambda _done: None) -> Iterator[Signed]:
        """The texts, one at a time, which is quicker than rensa's batches: those cross threads."""
        for number, text in enumerate(texts):
            if number % _SAID_EVERY == 0:
                say(number)
            groups = self._groups(text)
            signature = RMinHash(self._permutations, _SEED)
            signature.update(groups)
            yield Signed(number, text, groups, signature)

    def add(self, one: Signed) -> None:
        """Take in a text, unless one that equals it is there."""
        if self._first.setdefault(one.text, one.number) == one.number:
            self._lsh.insert(len(self._numbers), one.signature)
            self._numbers.append(one.number)
            self._sizes.append(len(one.groups))

    def find(self, one: Signed) -> tuple[int, float] | None:
        """The text that equals it, or the first one added that is similar enough, and how similar: 1 for equal texts.

        None where none of the first candidates is; there are many only where very many texts are almost similar enough.
        """
        if (equal := self._first.get(one.text)) is not None:
            return equal, 1.0
        size, threshold = len(one.groups), self._threshold
        for key in sorted(self._lsh.query(one.signature))[:_COMPARED]:
            other = self._sizes[key]
            if min(size, other) < threshold * max(size, other):
                continue
            alike = similarity(one.groups, self._set_of(self._numbers[key]))
            if alike >= threshold:
                return self._numbers[key], alike
        return None

    def _groups(self, text: str) -> frozenset[str]:
        groups = shingles(text)
        return (groups - self._common or groups) if self._common else groups


def near_duplicates(
    texts: Sequence[str], threshold: float, say: Callable[[int], None] = lambda _done: None
) -> Iterator[tuple[int, int, float]]:
    """(index, index of an earlier text, similarity) of every text that nearly equals one before it, in order.

    The earlier one is the first that is not such a text itself. Texts that are equal have the similarity 1.
    """
    index = Index(texts.__getitem__, threshold, common_groups(texts))
    for one in index.signed(texts, say):
        if found := index.find(one):
            yield one.number, *found
        else:
            index.add(one)


def resembling(
    texts: Sequence[str], kept: Sequence[str], threshold: float, say: Callable[[int], None] = lambda _done: None
) -> Iterator[tuple[int, int, float]]:
    """(index, index in `kept`, similarity) of every text that equals or nearly equals one of `kept`, in order."""
    index = Index(kept.__getitem__, threshold, common_groups([*texts, *kept]))
    for one in index.signed(kept):
        index.add(one)
    for one in index.signed(texts, say):
        if found := index.find(one):
            yield one.number, *found
