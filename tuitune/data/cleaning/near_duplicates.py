"""Texts that nearly repeat another: MinHash and locality-sensitive hashing find candidates, exact sets decide.

Similarity is that of Jaccard between the sets of word 3-grams of two texts. MinHash signatures are cut into 32 bands; two
texts of similarity s share one with probability 1 - (1 - s^r)^32 for bands of r values (Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, ch. 3.4). r is the largest that finds 99 % at the threshold itself.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import batched
from typing import NamedTuple
