"""Direct preference optimisation: trl's DPOTrainer on pairs that are tokenized already, against the base itself."""

from __future__ import annotations

from functools import partial

from trl import DPOConfig, DPOTrainer

from tuitune.engine.loop.arguments import arguments
from tuitune.engine.objectives.reference import ComparingTrainer
from tuitune.engine.objectives.trainer import Assignment
from tuitune.engine.tokens.collator import pad_pairs


def configuration(given: Assignment) -> DPOConfig:
    """The recipe as trl's arguments. Dropout is the recipe's to set, and that of the base off."""
    wanted = given.recipe.objective
    supervised = {"sft": wanted.sft_weight} if wanted.sft_weight else {}
    losses = {wanted.loss: 1.0, **supervised}
    return DPOConfig(
        **arguments(given.recipe, given.life.run, given.precision, given.on),
        max_length=None,
        disable_dropout=False,
        beta=given.recipe.beta,
        loss_type=list(losses),
        loss_weights=list(losses.values()),
        ld_alpha=wanted.ld_alpha,
    )


class DpoTrainer(ComparingTrainer, DPOTrainer):
    """DPOTrainer on pairs of tokens."""

    trains = ("dpo",)

    def __init__(self, given: Assignment) -> None:
        collate = partial(pad_pairs, pad_token_id=given.base.tokenizer.pad_token_id or 0)
        super().__init__(given, configuration(given), collate)
