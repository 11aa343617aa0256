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


class Index:
    """Texts by number, to be asked for one that nearly equals another."""

    def __init__(self, text_of: Callable[[int], str], threshold: float, common: frozenset[str]) -> None:
        rows = max(rows for rows in range(1, _LONGEST_BAND + 1) if 1 - (1 - threshold**rows) ** _BANDS >= _FOUND)
        self._permutations = rows * _BANDS
        self._lsh = RMinHashLSH(threshold, self._permutations, _BANDS)
        self._threshold, self._common = threshold, common
        self._sizes, self._numbers = array("I"), array("Q")
        self._set_of = lru_cache(_REMEMBERED)(lambda number: self._groups(text_of(number)))

    def signed(self, texts: Sequence[str]) -> Iterator[tuple[str, frozenset[str], RMinHash]]:
        """Texts, their groups and signatures. One at a time is quicker than rensa's batches, which cross threads."""
        for text in texts:
            groups = self._groups(text)
            signature = RMinHash(self._permutations, _SEED)
            signature.update(groups)
            yield text, groups, signature

    def add(self, number: int, groups: frozenset[str], signature: RMinHash) -> None:
        self._lsh.insert(len(self._numbers), signature)
        self._numbers.append(number)
        self._sizes.append(len(groups))

    def find(self, groups: frozenset[str], signature: RMinHash) -> tuple[int, float] | None:
        """The first text added that is similar enough, and how similar; None where none of the first candidates is.

        There are many candidates only where very many texts are almost similar enough.
        """
        size, threshold = len(groups), self._threshold
        for key in sorted(self._lsh.query(signature))[:_COMPARED]:
            other = self._sizes[key]
            if min(size, other) < threshold * max(size, other):
                continue
            alike = similarity(groups, self._set_of(self._numbers[key]))
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
    first: dict[str, int] = {}
    for number, (text, groups, signature) in enumerate(index.signed(texts)):
        if number % _SAID_EVERY == 0:
            say(number)
        if (equal := first.get(text)) is not None:
            yield number, equal, 1.0
        elif found := index.find(groups, signature):
            yield number, *found
        else:
            first[text] = number
            index.add(number, groups, signature)


def resembling(
    texts: Sequence[str],
    kept: Sequence[str],
    threshold: float,
    say: Callable[[int], None] = lambda _done: None,
) -> Iterator[tuple[int, int, float]]:
    """(index, index in `kept`, similarity) of every text that equals or nearly equals one of `kept`, in order."""
    index = Index(kept.__getitem__, threshold, common_groups([*texts, *kept]))
    first: dict[str, int] = {}
    for number, (text, groups, signature) in enumerate(index.signed(kept)):
        if first.setdefault(text, number) == number:
            index.add(number, groups, signature)
    for number, (text, groups, signature) in enumerate(index.signed(texts)):
        if number % _SAID_EVERY == 0:
            say(number)
        if (equal := first.get(text)) is not None:
            yield number, equal, 1.0
        elif found := index.find(groups, signature):
            yield number, *found
