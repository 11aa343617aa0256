"""Kahneman-Tversky optimisation (arXiv 2402.01306): the model learns from answers that are called good or bad.

The reward of an answer is β times how many nats likelier it has become than it was to the reference. It is held against
the same of answers to other questions, an estimate of how far the model has moved as a whole.
"""

from tuitune.objectives import compared
from tuitune.objectives.descriptor import Trained

KTO = Trained(
    name="kto",
    learns_from=("labels",),
    title="Kahneman-Tversky optimisation",
    rows_in="unpaired-preference",
    examples="answers labelled good or bad",
    settings=frozenset({"objective.beta", "objective.desirable_weight", "objective.undesirable_weight"}),
    metrics=(
        compared.MARGINS,
        compared.KL,
        compared.CHOSEN,
        compared.REJECTED,
        compared.LOGPS_CHOSEN,
        compared.LOGPS_REJECTED,
    ),
    rate=0.1,
    prefers=True,
    compares=True,
    least_batch=2,
)
