"""How many optimizer steps a recipe comes to, as far as its rows and tokens are known before it starts.

The formula is `tuitune.recipe.steps`, for the engine too: what differs here is what is known of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tuitune.recipe.schema import Recipe
from tuitune.recipe.steps import steps_per_epoch, total_steps, training_rows

_FILL = 0.97
"""How full best-fit packing makes a row."""

_USUAL_VOCABULARY = 100_000


@dataclass(frozen=True)
class Steps:
    """Optimizer steps of a run, and of a pass over its data where that is known.

    `sure` says how far: "about" where it is not known which rows are left to train on, or where the first rows tell the
    lengths of all; "up to" from the number of rows alone, which packing makes fewer.
    """

    count: int
    per_epoch: int | None
    sure: Literal["exactly", "about", "up to"] = "exactly"

    @property
    def text(self) -> str:
        """`60`, `about 60`, `up to 60`."""
        return f"{self.count:,}" if self.sure == "exactly" else f"{self.sure} {self.count:,}"

    @property
    def phrase(self) -> str:
        """`1 step`, `about 60 steps`."""
        return f"{self.text} step{'' if self.count == 1 else 's'}"


def expected_steps(
    recipe: Recipe, rows: int | None, *, packed: int | None = None, tokens: Sequence[int] = ()
) -> Steps | None:
    """The steps of a run over `rows` usable rows, None where nothing is known.

    `packed` are the rows that batches are made of, where the data has been tokenized; `tokens` the estimated lengths of
    the first rows, which serve where it has not.
    """
    training = recipe.training
    batched, sure = _batched(recipe, rows, packed, tokens)
    if batched is None:
        return Steps(training.max_steps, None) if training.max_steps else None
    per_epoch = steps_per_epoch(batched, recipe)
    return Steps(total_steps(per_epoch, training), per_epoch, "exactly" if training.max_steps else sure)


def tokens_of(size: int, strings: int, vocabulary: int | None) -> int:
    """A guess at the tokens of a row of `size` bytes in `strings` texts, each with its marks in a chat template.

    On English and JSON, a token is 2.5 bytes where the vocabulary has 2,048, 3.6 with 49,152, 4 with 128,000.
    """
    each = 2.5 + 0.25 * max(0.0, math.log2((vocabulary or _USUAL_VOCABULARY) / 2048))
    return math.ceil(size / each) + 2 * strings


def _batched(
    recipe: Recipe, rows: int | None, packed: int | None, tokens: Sequence[int]
) -> tuple[int | None, Literal["exactly", "about", "up to"]]:
    """Rows of a pass as batches are made of them, and how sure that is."""
    data = recipe.data
    if packed is not None or rows is None:
        return packed, "exactly"
    left = training_rows(rows, data)
    if recipe.optimises.whole:
        return (_pieces(recipe, left, tokens), "about") if tokens else (None, "exactly")
    if not recipe.packs:
        return left, "about" if _is_drawn(recipe) else "exactly"
    if not tokens:
        return left, "up to"
    mean = sum(min(one, data.max_length) for one in tokens) / len(tokens)
    return min(left, max(1, math.ceil(left * mean / data.max_length / _FILL))), "about"


def _pieces(recipe: Recipe, rows: int, tokens: Sequence[int]) -> int:
    """Rows of batches that so many documents come to, which are cut into pieces."""
    room = recipe.data.max_length - 1
    if recipe.packs:
        return max(1, math.ceil(rows * sum(tokens) / len(tokens) / room / _FILL))
    return math.ceil(rows * sum(max(1, math.ceil((one - 1) / room)) for one in tokens) / len(tokens))


def _is_drawn(recipe: Recipe) -> bool:
    """Whether only the rows tell how many are trained on: similar ones are held out together, and some are dropped."""
    data, cleaning = recipe.data, recipe.cleaning
    by_words = "drop" in (cleaning.too_long, cleaning.leakage, cleaning.doubtful)
    dropped = by_words or cleaning.duplicates or cleaning.near_duplicates or cleaning.shortest
    return bool(data.mix or isinstance(data.eval, float) or dropped)
