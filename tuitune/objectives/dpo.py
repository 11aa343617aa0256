"""Direct preference optimisation (arXiv 2305.18290): the model learns to prefer one of two answers.

The reward of an answer is β times how many nats likelier it has become than it was to the reference.
"""

from tuitune.objectives import compared
from tuitune.objectives.descriptor import Trained

DPO = Trained(
    name="dpo",
    learns_from=("preferences",),
    title="direct preference optimisation",
    rows_in="preference",
    examples="chosen and rejected answers",
    settings=frozenset({"objective.beta", "objective.loss", "objective.sft_weight", "objective.ld_alpha"}),
    metrics=(
        compared.MARGINS,
        compared.ACCURACIES,
        compared.CHOSEN,
        compared.REJECTED,
        compared.LOGPS_CHOSEN,
        compared.LOGPS_REJECTED,
    ),
    sequences=2,
    rate=0.1,
    prefers=True,
    compares=True,
)
