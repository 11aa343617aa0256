"""The [evaluation] table: what is measured on held-out rows, and when."""

from __future__ import annotations

from tuitune.recipe.declaration import MOST, Cadence, Entails, Needs, Section, setting


class EvaluationSection(Section):
    """Evaluation"""

    every: Cadence = setting(
        "epoch",
        "evaluate every",
        "How often the held-out rows are evaluated: a number of steps, epoch or end.",
        Entails("nothing", change="while it trains", needs=Needs("data.eval")),
        also=("eval_steps",),
    )
    perplexity: bool = setting(
        True,
        "evaluate the base",
        "Evaluate the held-out rows before training too, so the gain is a figure.",
        Entails("nothing", needs=Needs("data.eval")),
    )
    patience: int | None = setting(
        None,
        "early stopping",
        "Stop after this many evaluations in a row without a lower held-out loss; empty never stops early.",
        Entails("nothing", change="while it trains"),
        unit="evaluations",
        ge=1,
        le=MOST,
    )
    answers: int = setting(
        0,
        "answers evaluated",
        "Held-out rows answered before and after training, and scored: share of exact and of valid JSON answers.",
        Entails("nothing", needs=Needs("data.eval")),
        unit="rows",
        ge=0,
        le=10_000,
    )
