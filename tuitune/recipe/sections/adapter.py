"""The [adapter] table: how the weights are adapted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tuitune.methods import METHODS
from tuitune.recipe.declaration import Needs, Section, rule, setting

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]

_HELP = "; ".join(f"{method.name} {method.does}" for method in METHODS.values())


def _setting(name: str, default: Any, title: str, **more: Any) -> Any:
    """A setting of the adapter, which has an effect with the methods that read it."""
    needs = Needs("adapter.method", *(method.name for method in METHODS.values() if method.uses(name)))
    return setting(default, title, affects="training", change="until it trains", needs=needs, **more)


class AdapterSection(Section):
    """Adapter"""

    method: MethodName = setting("lora", "method", affects="training", change="until it trains", help=f"{_HELP}.")
    rank: int = _setting("rank", 16, "rank r", also=("r", "lora_r"), ge=1, le=4096)
    """Rank of the LoRA matrices: a higher one learns more and costs more. 8 to 16 captures most of the gain."""
    alpha: int = _setting("alpha", 32, "alpha", also=("lora_alpha",), ge=1, le=65_536)
    """LoRA updates are scaled by alpha / rank."""
    dropout: float = _setting("dropout", 0.05, "dropout", also=("lora_dropout",), ge=0.0, lt=1.0)
    """Share of the adapter's inputs dropped in training; 0.15 to 0.2 against overfitting."""
    targets: list[str] | Literal["all-linear"] = _setting(
        "targets",
        ["q_proj", "k_proj", "v_proj", "o_proj"],
        "target modules",
        picked="modules",
        also=("target_modules",),
    )
    """Layers that get an adapter: a list of module names, or all-linear."""
    bias: Literal["none", "all", "lora_only"] = _setting("bias", "none", "bias", advanced=True)
    """Bias terms to train too."""
    rslora: bool = _setting("rslora", False, "rank-stabilised", also=("use_rslora",), advanced=True)
    """Scale by alpha / √rank instead (rsLoRA), so high ranks keep learning."""
    dora: bool = _setting("dora", False, "DoRA", also=("use_dora",), advanced=True)
    """Learn magnitude and direction separately (DoRA): often better at low rank, slower."""

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
