"""The catalogue of cards: GPUs that need not be in this machine, to ask whether a run would fit one."""

from __future__ import annotations

from pydantic import Field

from tuitune.hardware.catalogue import CatalogueEntry, Entries, load
from tuitune.hardware.fitness import release
from tuitune.hardware.gpus import Gpu

FILE = "cards.toml"

EMPTY = 0.95
"""Share of its memory that an empty card has free: its driver keeps some, and a desktop draws on it."""


class Card(CatalogueEntry):
    """A kind of GPU."""

    memory_gib: float = Field(gt=0, le=10_000, description="the memory it reports in all in GiB, a number above 0")
    capability: str = Field(
        pattern=r"^[1-9]\d?\.\d$", description='its CUDA compute capability in quotes, such as "8.6"'
    )
    price_per_hour: float | None = Field(None, gt=0, le=1e6, description="what an hour costs, a number above 0")

    @staticmethod
    def key(name: str) -> str:
        """`A100 80GB`, `a100-80gb` and `A100_80GB` are one card."""
        return "".join(filter(str.isalnum, name)).casefold()

    @property
    def gpu(self) -> Gpu:
        """An empty card of this kind, as a machine would show it."""
        memory = round(self.memory_gib * 2**30)
        return Gpu(
            index=0,
            uuid=None,
            name=self.name,
            memory_total=memory,
            memory_free=round(EMPTY * memory),
            capability=release(self.capability),
        )


def cards() -> Entries[Card]:
    """The cards of the catalogue with the user's own."""
    return load(Card, FILE)
