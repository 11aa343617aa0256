"""The [samples] table: prompts answered while it trains."""

from __future__ import annotations

from tuitune.recipe.declaration import Cadence, Needs, Section, rule, setting
from tuitune.recipe.sections.objective import objectives_that_write


class SamplesSection(Section):
    """Samples"""

    prompts: list[str] = setting(
        [],
        "prompts",
        affects="nothing",
        change="while it trains",
        needs=objectives_that_write(),
        picked="prompts",
        lines=True,
    )
    """Prompts answered during training, always the same, so you see the model change."""
    every: Cadence = setting(
        "epoch", "sample every", affects="nothing", change="while it trains", needs=Needs("samples.prompts")
    )
    """How often the prompts are answered: a number of steps, epoch or end; always at step 0 and the end."""
    max_new_tokens: int = setting(
        128,
        "answer length",
        affects="nothing",
        change="while it trains",
        needs=(Needs("samples.prompts"), Needs("evaluation.answers")),
        unit="tokens",
        ge=1,
        le=8192,
    )
    """Longest answer to a prompt."""
    temperature: float = setting(
        0.0, "temperature", affects="nothing", change="while it trains", needs=Needs("samples.prompts"), ge=0, le=5
    )
    """Randomness of the answers; 0 always takes the likeliest token."""

    @rule("prompts")
    def _prompts(self) -> str | None:
        empty = [number for number, prompt in enumerate(self.prompts, 1) if not prompt.strip()]
        return f"prompt {empty[0]} is empty; write it, or remove it" if empty else None
