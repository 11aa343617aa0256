"""The [adapter] table: how the weights are adapted."""

from __future__ import annotations

from typing import Literal

from tuitune.methods import METHODS
from tuitune.recipe.declaration import Entails, Needs, Section, rule, setting


def _methods(name: str) -> Needs:
    """That the method is one of those that read a setting."""
    return Needs("adapter.method", *(method.name for method in METHODS.values() if method.uses(name)))


class AdapterSection(Section):
    """Adapter"""

    method: Literal["lora", "none"] = setting(
        "lora",
        "method",
        f"{'; '.join(f'{method.name} {method.does}' for method in METHODS.values())}.",
        Entails("training", change="until it trains"),
    )
    rank: int = setting(
        16,
        "rank r",
        "Rank of the LoRA matrices: a higher one learns more and costs more. 8 to 16 captures most of the gain.",
        Entails("training", change="until it trains", needs=_methods("rank")),
        also=("r", "lora_r"),
        ge=1,
        le=4096,
    )
    alpha: int = setting(
        32,
        "alpha",
        "LoRA updates are scaled by alpha / rank.",
        Entails("training", change="until it trains", needs=_methods("alpha")),
        also=("lora_alpha",),
        ge=1,
        le=65_536,
    )
    dropout: float = setting(
        0.05,
        "dropout",
        "Share of the adapter's inputs dropped in training; 0.15 to 0.2 against overfitting.",
        Entails("training", change="until it trains", needs=_methods("dropout")),
        also=("lora_dropout",),
        ge=0.0,
        lt=1.0,
    )
    targets: list[str] | Literal["all-linear"] = setting(
        ["q_proj", "k_proj", "v_proj", "o_proj"],
        "target modules",
        "Layers that get an adapter: a list of module names, or all-linear.",
        Entails("training", change="until it trains", needs=_methods("targets"), picked="modules"),
        also=("target_modules",),
    )
    bias: Literal["none", "all", "lora_only"] = setting(
        "none",
        "bias",
        "Bias terms to train too.",
        Entails("training", change="until it trains", needs=_methods("bias")),
        advanced=True,
    )
    rslora: bool = setting(
        False,
        "rank-stabilised",
        "Scale by alpha / √rank instead (rsLoRA), so high ranks keep learning.",
        Entails("training", change="until it trains", needs=_methods("rslora")),
        also=("use_rslora",),
        advanced=True,
    )
    dora: bool = setting(
        False,
        "DoRA",
        "Learn magnitude and direction separately (DoRA): often better at low rank, slower.",
        Entails("training", change="until it trains", needs=_methods("dora")),
        also=("use_dora",),
        advanced=True,
    )

    @rule("targets", "method")
    def _targets(self) -> str | None:
        targets = self.targets
        if not METHODS[self.method].uses("targets") or targets == "all-linear":
            return None
        if not targets:
            return 'nothing to train; name modules such as q_proj and v_proj, or "all-linear"'
        if "all-linear" in targets:
            return 'all-linear cannot be combined with module names; write targets = "all-linear"'
        if any(not name.strip() for name in targets):
            return "a module name is empty; remove it"
        if any(name.rpartition(".")[2] == "lm_head" for name in targets):
            return "lm_head cannot have an adapter: the loss reads its weights directly; remove it"
        return None
