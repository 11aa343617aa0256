"""The catalogue of base models: what is known of models that people start from, before any of their files is here."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator
from pydantic_core.core_schema import ValidationInfo

from tuitune.hardware.catalogue import CatalogueEntry, Entries, load
from tuitune.hardware.model_facts import ModelFacts, read_facts
from tuitune.hardware.models import looks_like_hub_id

FILE = "models.toml"

_APART = 0.02
"""By how much `parameters` may differ from what `config` adds up to: people round."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


class BaseModelEntry(CatalogueEntry):
    """A base model on the Hub, by its id; None for what is not known of it."""

    family: Text = Field(description="what its maker calls it, as text")
    stage: Literal["base", "instruct"] = Field(description='"base" (continues text) or "instruct" (answers)')
    licence: Text = Field(description="the name of its licence, as text")
    parameters: int | None = Field(None, gt=0, le=10**14, description="the number of its parameters, a whole number")
    context: int | None = Field(None, gt=0, le=10**9, description="the positions of its config, a whole number")
    gated: bool | None = Field(None, description="true or false")
    template: Text | None = Field(None, description='the family of its chat template as text, or "none"')
    system_turns: bool | None = Field(None, description="false where its template refuses system turns, else true")
    traps: tuple[Text, ...] = Field((), strict=False, description="a list of sentences")
    config: dict[str, Any] | None = Field(None, description="a table of keys of its config.json")

    @field_validator("name")
    @classmethod
    def _on_the_hub(cls, name: str) -> str:
        if not looks_like_hub_id(name):
            raise ValueError("expected the id of a Hub model, such as Qwen/Qwen3-8B, as the heading")
        return name

    @field_validator("traps", mode="before")
    @classmethod
    def _a_list(cls, traps: Any) -> Any:
        return tuple(traps) if isinstance(traps, list) else traps

    @field_validator("config")
    @classmethod
    def _tells_sizes(cls, config: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if config is None:
            return None
        facts, told = read_facts(config), info.data.get("parameters")
        keys = {"vocab_size": facts.vocab, "hidden_size": facts.hidden, "num_hidden_layers": facts.layers}
        if missing := [name for name, size in keys.items() if size is None]:
            raise ValueError(f"expected keys of a config.json, and {missing[0]} among them, a whole number")
        if told and facts.parameters and abs(told / facts.parameters - 1) > _APART:
            raise ValueError(f"its sizes make {facts.parameters:,} parameters, and `parameters` says {told:,}")
        return config

    @property
    def surprises(self) -> tuple[str, ...]:
        """What surprises people who fine-tune it, in sentences: its traps, and what its template says."""
        found = []
        if self.template == "none":
            found.append("it has no chat template: conversations get plain headings, unless data.template names one")
        if self.system_turns is False:
            found.append("its chat template takes no system turn; data.left_out = inline writes it before the question")
        return (*found, *self.traps)

    @cached_property
    def facts(self) -> ModelFacts | None:
        """What sizes and forecast follow from, as its config.json would tell it; None where no `config` is known."""
        if self.config is None:
            return None
        told = read_facts(self.config)
        return replace(
            told,
            parameters=self.parameters or told.parameters,
            max_positions=self.context or told.max_positions,
            chat_template=None if self.template is None else self.template != "none",
        )


def base_models() -> Entries[BaseModelEntry]:
    """The base models of the catalogue with the user's own. Nothing goes online."""
    return load(BaseModelEntry, FILE)
