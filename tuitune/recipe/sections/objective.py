"""The [objective] table: what is optimised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tuitune.objectives import TRAINED
from tuitune.recipe.declaration import Needs, Section, setting

if TYPE_CHECKING:
    ObjectiveName = str
else:
    ObjectiveName = Literal[tuple(TRAINED)]


def objectives_that_read(key: str) -> tuple[Needs, ...]:
    """That the objective is one of those that read a setting; nothing where each of them does."""
    readers = [name for name, objective in TRAINED.items() if key in objective.settings]
    return () if len(readers) == len(TRAINED) else (Needs("objective.kind", *readers),)


def objectives_that_write() -> tuple[Needs, ...]:
    """That the objective's result writes answers."""
    return (Needs("objective.kind", *(name for name, objective in TRAINED.items() if not objective.scores)),)


PER_TOKEN, BETA_PER_TOKEN = "sigmoid_norm", 5.0
"""dpo's loss by the mean of a token, and its β (Tülu 3, arXiv 2411.15124, section 5)."""


def _help() -> str:
    """By what each learns from, so that a small screen has room for all."""
    by_examples: dict[str, list[str]] = {}
    for one in TRAINED.values():
        by_examples.setdefault(one.examples, []).append(one.name)
    learn = "; ".join(f"{', '.join(names)}: {examples}" for examples, names in by_examples.items())
    scoring, new = (
        " and ".join(name for name, one in TRAINED.items() if getattr(one, said)) for said in ("scores", "experimental")
    )
    more = f"{scoring} makes a model that scores answers. Experimental: {new}."
    return f"What is optimised, and learned from. {learn}. {more}"


_HELP = _help()


def _setting(name: str, default: Any, title: str, **more: Any) -> Any:
    """A setting of the objectives that read it."""
    return setting(default, title, affects="training", needs=objectives_that_read(f"objective.{name}"), **more)


_MEANINGS = {
    one.name: f"{one.title}{' (experimental)' if one.experimental else ''}: {one.examples}" for one in TRAINED.values()
}


class ObjectiveSection(Section):
    """Objective"""

    kind: ObjectiveName = setting(
        "sft",
        "objective",
        affects=("tokens", "training"),
        change="until it trains",
        help=_HELP,
        meanings=_MEANINGS,
    )
    beta: float | None = _setting("beta", None, "β", also=("dpo_beta", "pref_beta"), usual=0.1, gt=0, le=100)
    """How close the model stays to the one that training began with: a higher β holds it closer. Empty for what is
    usual: 0.1, with 0.01 to 0.5 common; 5 for sigmoid_norm, which takes 2 to 10. ipo takes it as its τ; orpo weighs the
    odds ratio by it (λ, 0.1), and simpo multiplies its rewards (2, with 2 to 2.5 common)."""
    loss: Literal[
        "sigmoid", "sigmoid_norm", "hinge", "ipo", "apo_zero", "apo_down", "nca_pair", "bco_pair", "sppo_hard", "aot",
        "aot_unpaired", "discopop",
    ] = _setting("loss", "sigmoid", "loss", also=("loss_type", "dpo_loss_type", "pref_loss"))  # fmt: skip
    """Loss of a pair. sigmoid is DPO's own, sigmoid_norm the same per token; hinge and ipo stop pushing once a pair is
    told apart; apo_down is for chosen answers that are worse than the model's own; aot compares whole batches."""
    gamma: float = _setting("gamma", 1.0, "γ", also=("simpo_gamma",), ge=0, le=100)
    """How far the reward of a chosen answer should exceed that of a rejected one. A third to four fifths of β is usual.
    """
    sft_weight: float = _setting(
        "sft_weight", 0.0, "SFT weight", also=("rpo_alpha", "pref_ftx", "dpo_ftx", "cpo_alpha"), usual=1.0, ge=0, le=100
    )
    """Weight of the supervised loss on the chosen answers, added to the loss of the pairs (RPO). It keeps them from
    becoming less likely; 0 for none, 1 is usual."""
    ld_alpha: float | None = _setting("ld_alpha", None, "length weight", also=("ld_alpha",), advanced=True, ge=0, le=1)
    """Weight of what an answer is longer than the other of its pair (LD-DPO), against a taste for length; empty for 1.
    """
    desirable_weight: float = _setting(
        "desirable_weight", 1.0, "weight of good ones", also=("kto_desirable_weight", "kto_chosen_weight"), gt=0, le=100
    )
    """Weight of the loss on good answers. Where one kind is rarer, raise its weight, so that weight × rows is 1 to 1.33
    times as large for good answers as for bad ones."""
    undesirable_weight: float = _setting(
        "undesirable_weight", 1.0, "weight of bad ones", also=("kto_undesirable_weight", "kto_rejected_weight"),
        gt=0, le=100,
    )  # fmt: skip
    """Weight of the loss on bad answers."""
    centring: float | None = _setting(
        "centring", None, "centring", also=("center_rewards_coefficient",), advanced=True, usual=0.01, gt=0, le=1
    )
    """Weight of a loss that keeps scores around 0, so that scores of different questions compare; empty for none, 0.01
    is usual."""
    generations: int = _setting("generations", 8, "answers a prompt", also=("num_generations",), ge=2, le=1024)
    """Answers that the model gives to each prompt, which are compared with each other. batch size × accumulation, the
    answers of a step, is a multiple of it."""
    answer_length: int = _setting(
        "answer_length", 256, "answer length", also=("max_completion_length",), unit="tokens", ge=1, le=1_048_576
    )
    """Most tokens of an answer; longer ones are cut."""
    temperature: float = _setting("temperature", 1.0, "temperature", gt=0, le=5)
    """How freely answers are drawn while it trains. 1 is the model's own distribution, and usual."""
    policy_loss: Literal["dapo", "grpo", "dr_grpo", "bnpo"] = _setting("policy_loss", "dapo", "policy loss")
    """How the tokens of the answers are averaged: dapo over all of them, so that long answers count as much a token as
    short ones; grpo over each answer first; dr_grpo by the most tokens an answer may have; bnpo within each batch."""
    scale: Literal["group", "batch", "none"] = _setting("scale", "group", "reward scale", also=("scale_rewards",))
    """What the reward is divided by: its spread in the group (GRPO's own), in the batch, or nothing (Dr. GRPO)."""
    kl: float = _setting("kl", 0.0, "KL weight", also=("kl_coef", "kl_beta", "init_kl_coef"), usual=0.04, ge=0, le=100)
    """Weight of the distance from the model that training began with. 0 leaves it out, which is usual for right or
    wrong answers; 0.001 to 0.05 keeps a small model from unlearning how to write, and rloo usually takes 0.05."""
    iterations: int = _setting("iterations", 1, "uses of answers", also=("num_iterations",), advanced=True, ge=1, le=64)
    """How many optimizer steps learn from the same answers; more than 1 saves time and is less exact."""
    clip: float = _setting("clip", 0.2, "clip range", also=("epsilon",), advanced=True, gt=0, lt=1)
    """How far the probability of a token may move from when it was drawn, as a share, and still count."""
    clip_high: float | None = _setting(
        "clip_high", None, "upper clip range", also=("epsilon_high",), advanced=True, gt=0, le=10
    )
    """The same upwards; empty for the same. DAPO takes 0.28, so that unlikely tokens can gain."""
    drop_cut: bool = _setting(
        "drop_cut", False, "leave out cut answers", also=("mask_truncated_completions",), advanced=True
    )
    """Do not learn from answers that reached the answer length (DAPO)."""
