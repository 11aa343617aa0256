"""The [adapter] table: how the weights are adapted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tuitune.methods import FIRST_CLASS, METHODS
from tuitune.methods.lora import CORRECTING, SUBTRACTED
from tuitune.recipe.declaration import Count, Needs, Section, rule, setting

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]

_RANGE, _LAST = r"[0-9]{1,4}(-[0-9]{1,4})?", r"last +[1-9][0-9]{0,3}"

_EXPECTED = f"{', '.join(FIRST_CLASS)}, or another tuner of PEFT such as vera (docs/methods.md lists them)"

Option = bool | int | float | str | list[int] | list[float] | list[str] | dict[str, int] | dict[str, float]
"""A value of an option of PEFT's."""


def _setting(name: str, default: Any, title: str, **more: Any) -> Any:
    """A setting of the adapter, which has an effect with the methods that read it."""
    readers = [method.name for method in METHODS.values() if method.uses(name)]
    listed = " or ".join(one for one in readers if one in FIRST_CLASS)
    others = "a tuner of PEFT" if set(readers) - FIRST_CLASS.keys() else ""
    needs = Needs("adapter.method", *readers, said=" or ".join(filter(None, [listed, others])))
    return setting(default, title, affects="training", change="until it trains", needs=needs, **more)


class AdapterSection(Section):
    """Adapter"""

    method: MethodName = setting(
        "lora",
        "method",
        affects="training",
        change="until it trains",
        expected=_EXPECTED,
        picked="method",
    )
    """How the weights are adapted; none trains the model itself. What each method does, and what it does not go with,
    is in the list that Enter opens in Compose, in `tuitune methods` and in docs/methods.md."""
    options: dict[str, Option] = _setting("options", {}, "options", picked="options")
    """Options of a tuner of PEFT, by PEFT's names; those left out are at PEFT's defaults."""
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
    layers: str = _setting(
        "layers",
        "",
        "layers",
        also=("layers_to_transform",),
        expected="layer numbers such as 0-3, 28-31, or last 8, or nothing for all",
        advanced=True,
        pattern=rf"^({_RANGE}(, *{_RANGE})*|{_LAST})?$",
    )
    """Layers that get an adapter or, without one, are trained: counted from 0, such as 16-31, or last 8; empty for
    all."""
    freeze_embeddings: bool = _setting("freeze_embeddings", False, "freeze embeddings", advanced=True)
    """Leave the embeddings and the output head as they are, and train what lies between them."""
    bias: Literal["none", "all", "lora_only"] = _setting("bias", "none", "bias", advanced=True)
    """Bias terms to train too."""
    rslora: bool = _setting("rslora", False, "rank-stabilised", also=("use_rslora",), advanced=True)
    """Scale by alpha / √rank instead (rsLoRA), so high ranks keep learning."""
    dora: bool = _setting("dora", False, "DoRA", also=("use_dora",), advanced=True)
    """Learn magnitude and direction separately (DoRA): often better at low rank, slower."""

    lora_plus: float = _setting(
        "lora_plus", 1.0, "LoRA+ ratio", also=("loraplus_lr_ratio",), usual=16, advanced=True, ge=1, le=64
    )
    """Learning rate of the second matrices, as a multiple of the first ones' (LoRA+); 16 is usual, 1 trains both
    alike."""
    init: Literal["default", "gaussian", "orthogonal", "eva", "loftq", "pissa", "olora"] = _setting(
        "init", "default", "initial weights", also=("init_lora_weights",), advanced=True
    )
    """How the matrices are initialised: at random (default, gaussian, orthogonal), from what the layers read in the
    first training rows (eva), from what quantization took from the base (loftq), or from the base's principal
    components (pissa) or an orthonormal part of it (olora), which learns faster and doubles the rank of the result."""
    rank_pattern: dict[str, Annotated[int, Field(ge=1, le=4096)]] = _setting(
        "rank_pattern", {}, "ranks by layer", expected="ranks such as q_proj=8, v_proj=32", advanced=True
    )
    """A rank of their own for single target modules, by name."""
    alpha_pattern: dict[str, Annotated[int, Field(ge=1, le=65_536)]] = _setting(
        "alpha_pattern", {}, "alphas by layer", expected="alphas such as q_proj=16, v_proj=64", advanced=True
    )
    """An alpha of their own for single target modules, by name."""
    modules_to_save: Literal["none", "embeddings", "head", "both"] = _setting(
        "modules_to_save", "none", "modules to save", advanced=True
    )
    """Parts of the model trained in full and saved with the adapter: the embeddings, the output head or both. For a
    new language or many new tokens; it makes the adapter large."""
    trainable_tokens: list[str] = _setting(
        "trainable_tokens",
        [],
        "trainable tokens",
        expected='a token such as <|im_start|>, or a list such as ["<a>", "<b>"]',
        advanced=True,
    )
    """Tokens whose embeddings are trained too, spelled as in the vocabulary, such as <|im_start|>: for tokens the base
    never learned."""
    initial_rank: int = _setting("initial_rank", 12, "initial rank", also=("init_r",), ge=2, le=4096)
    """Rank of every layer before any is cut; 1.5 times the target rank is usual."""
    target_rank: int = _setting("target_rank", 8, "target rank", also=("target_r",), ge=1, le=4095)
    """Rank that is left, on average over the layers."""
    cut_from: float = _setting("cut_from", 0.1, "cut from", advanced=True, ge=0, le=0.9)
    """Share of the steps after which ranks begin to be cut."""
    cut_until: float = _setting("cut_until", 0.7, "cut until", advanced=True, ge=0.1, le=1)
    """Share of the steps after which ranks stay; the rest trains what is left of them."""
    cut_every: Count = _setting("cut_every", 10, "cut every", also=("deltaT",), unit="steps", advanced=True)
    """Optimizer steps between two cuts."""
    importance_smoothing: float = _setting(
        "importance_smoothing", 0.85, "importance smoothing", also=("beta1",), advanced=True, gt=0, lt=1
    )
    """Share of its former value in the moving average of how much each weight matters."""
    uncertainty_smoothing: float = _setting(
        "uncertainty_smoothing", 0.85, "uncertainty smoothing", also=("beta2",), advanced=True, gt=0, lt=1
    )
    """Share of its former value in the moving average of how much that varies."""
    orthogonality: float = _setting(
        "orthogonality", 0.5, "orthogonality", also=("orth_reg_weight",), advanced=True, ge=0, le=100
    )
    """Weight of the penalty that keeps the singular vectors orthogonal; losses are shown without it."""
    virtual_tokens: int = _setting("virtual_tokens", 20, "virtual tokens", also=("num_virtual_tokens",), ge=1, le=4096)
    """Virtual tokens before every row; each takes the room of a token. 20 to 100 are usual."""
    prompt_text: str = _setting("prompt_text", "", "initial prompt", also=("prompt_tuning_init_text",), lines=True)
    """Text whose tokens the virtual ones begin as, repeated or cut; empty: tokens drawn from the vocabulary."""
    projected: bool = _setting("projected", False, "projection", also=("prefix_projection",), advanced=True)
    """Make the keys and values from embeddings by a network of two layers: steadier, with many more parameters."""
    encoder_size: int = _setting(
        "encoder_size", 128, "network width", also=("encoder_hidden_size",), advanced=True, ge=1, le=65_536
    )
    """Width of the network that makes the virtual tokens; it is used while training, and not part of the result."""

    @property
    def last_layers(self) -> int | None:
        """How many of the last ones `layers` means, where it does not name them."""
        return int(self.layers.removeprefix("last")) if self.layers.startswith("last") else None

    def chosen_layers(self, count: int) -> list[int]:
        """The numbers in `layers`, of a model that has `count`: all of them where it is empty."""
        if self.last_layers:
            return list(range(count - self.last_layers, count))
        ends = [[int(end) for end in part.split("-")] for part in self.layers.split(",") if part.strip()]
        chosen = {number for first, *rest in ends for number in range(first, max(rest or [first]) + 1)}
        return sorted(chosen) or list(range(count))

    @rule("layers", "method")
    def _layers(self) -> str | None:
        parts = [part.strip() for part in self.layers.split(",") if "-" in part]
        turned = [part for part in parts if int(part.split("-")[0]) > int(part.split("-")[1])]
        if METHODS[self.method].uses("layers") and turned:
            return f"{turned[0]} goes backwards; write the lower number first"
        return None

    @rule("init", "dora", "method")
    def _init(self) -> str | None:
        if METHODS[self.method].uses("init") and self.init in SUBTRACTED | CORRECTING and self.dora:
            return f"{self.init} does not go with DoRA, whose magnitudes are the base's; set dora = false"
        return None

    @rule("rank", "rank_pattern", "init", "method")
    def _even(self) -> str | None:
        odd = [rank for rank in (self.rank, *self.rank_pattern.values()) if rank % 2]
        if METHODS[self.method].uses("init") and self.init == "orthogonal" and odd:
            return f"orthogonal needs even ranks, and {odd[0]} is odd; set it to {odd[0] + 1}"
        return None

    @rule("trainable_tokens", "modules_to_save", "method")
    def _tokens(self) -> str | None:
        if not METHODS[self.method].uses("trainable_tokens"):
            return None
        tokens = self.trainable_tokens
        if repeated := next((one for place, one in enumerate(tokens) if one in tokens[:place]), None):
            return f"{repeated} stands there twice; remove one"
        if not all(tokens):
            return "a token is empty; remove it"
        if tokens and self.modules_to_save in ("embeddings", "both"):
            return 'the embeddings are trained whole already; remove the tokens, or set modules_to_save = "none"'
        return None

    @rule("target_rank", "initial_rank", "method")
    def _ranks(self) -> str | None:
        if METHODS[self.method].uses("target_rank") and self.target_rank >= self.initial_rank:
            return f"nothing would be cut: set it below adapter.initial_rank ({self.initial_rank})"
        return None

    @rule("cut_until", "cut_from", "method")
    def _cuts(self) -> str | None:
        if METHODS[self.method].uses("cut_until") and self.cut_until <= self.cut_from:
            return f"no rank would be cut: set it above adapter.cut_from ({self.cut_from:g})"
        return None

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
