"""The [evaluation] table: what is measured on held-out rows, and when."""

from __future__ import annotations

from tuitune.recipe.declaration import Cadence, Count, Needs, Section, setting


class EvaluationSection(Section):
    """Evaluation"""

    every: Cadence = setting(
        "epoch",
        "evaluate every",
        affects="nothing",
        change="while it trains",
        needs=Needs("data.eval"),
        also=("eval_steps",),
    )
    """How often the held-out rows are evaluated: a number of steps, epoch or end."""
    perplexity: bool = setting(True, "evaluate the base", affects="nothing", needs=Needs("data.eval"))
    """Evaluate the held-out rows before training too, to measure the gain."""
    patience: Count | None = setting(
        None, "early stopping", affects="nothing", change="while it trains", unit="evaluations"
    )
    """Stop after this many evaluations in a row without a lower held-out loss; empty never stops early."""
    answers: int = setting(
        0, "answers evaluated", affects="nothing", needs=Needs("data.eval"), unit="rows", ge=0, le=10_000
    )
    """Held-out rows answered before and after training, and scored: share of exact and of valid JSON answers."""
