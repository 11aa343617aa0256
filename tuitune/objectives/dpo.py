"""Direct preference optimisation (arXiv 2305.18290): the model learns to prefer one of two answers.

The reward of an answer is β times how many nats likelier it has become than it was to the reference.
"""

from tuitune.metrics import Metric
from tuitune.objectives.descriptor import Trained

DPO = Trained(
    name="dpo",
    learns_from=("preferences",),
    title="direct preference optimisation",
    rows_in="preference",
    examples="pairs of a chosen and a rejected answer",
    settings=frozenset({"objective.beta", "objective.loss", "objective.sft_weight", "objective.ld_alpha"}),
    metrics=(
        Metric(
            "rewards/margins", "margin", "mean reward of chosen answers less that of rejected ones", "margin",
            smoothed=True, better="higher", held_out=True,
        ),
        Metric(
            "rewards/accuracies", "reward accuracy", "share of pairs whose chosen answer has the higher reward",
            "accuracy", unit="share", smoothed=True, better="higher", held_out=True, pane="right",
        ),
        Metric(
            "rewards/chosen", "chosen reward", "mean reward of chosen answers; below 0 they have become less likely",
            "chosen", smoothed=True, better="higher", held_out=True, pane="",
        ),
        Metric(
            "rewards/rejected", "rejected reward", "mean reward of rejected answers", "rejected", smoothed=True,
            better="lower", pane="",
        ),
        Metric(
            "logps/chosen", "log-probability of chosen", "mean log-probability of a chosen answer, in nats", "log p+",
            smoothed=True, better="higher", pane="",
        ),
        Metric(
            "logps/rejected", "log-probability of rejected", "mean log-probability of a rejected answer, in nats",
            "log p−", smoothed=True, better="lower", pane="",
        ),
    ),
    sequences=2,
    rate=0.1,
    compares=True,
)  # fmt: skip
