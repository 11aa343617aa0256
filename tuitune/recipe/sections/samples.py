"""The [samples] table: prompts answered while it trains."""

from __future__ import annotations

from tuitune.recipe.declaration import Cadence, Entails, Needs, Section, rule, setting


class SamplesSection(Section):
    """Samples"""

    prompts: list[str] = setting(
        [],
        "prompts",
        "Prompts answered during training, always the same, so you see the model change.",
        Entails("nothing", change="while it trains", picked="prompts"),
        lines=True,
    )
    every: Cadence = setting(
        "epoch",
        "sample every",
        "How often the prompts are answered: a number of steps, epoch or end; always at step 0 and the end.",
        Entails("nothing", change="while it trains", needs=Needs("samples.prompts")),
    )
    max_new_tokens: int = setting(
        128,
        "answer length",
        "Longest answer to a prompt.",
        Entails("nothing", change="while it trains", needs=(Needs("samples.prompts"), Needs("evaluation.answers"))),
        unit="tokens",
        ge=1,
        le=8192,
    )
    temperature: float = setting(
        0.0,
        "temperature",
        "Randomness of the answers; 0 always takes the likeliest token.",
        Entails("nothing", change="while it trains", needs=Needs("samples.prompts")),
        ge=0,
        le=5,
    )

    @rule("prompts")
    def _prompts(self) -> str | None:
        empty = [number for number, prompt in enumerate(self.prompts, 1) if not prompt.strip()]
        return f"prompt {empty[0]} is empty; write it, or remove it" if empty else None
