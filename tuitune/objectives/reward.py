"""A reward model (Bradley-Terry): a head that gives an answer a score, a better answer a higher one.

Its loss is how surprised it is by which answer was chosen: −log σ(score of the chosen − score of the rejected).
"""

from tuitune.metrics import Metric
from tuitune.objectives.descriptor import Trained

REWARD = Trained(
    name="reward",
    learns_from=("preferences",),
    title="a reward model",
    rows_in="preference",
    examples="chosen and rejected answers",
    settings=frozenset({"objective.centring"}),
    metrics=(
        Metric(
            "accuracy", "accuracy", "share of pairs whose chosen answer has the higher score", "accuracy", unit="share",
            smoothed=True, better="higher", held_out=True, pane="right",
        ),
        Metric(
            "margin", "score margin", "mean score of chosen answers less that of rejected ones", "margin",
            smoothed=True, better="higher", held_out=True,
        ),
        Metric("mean_reward", "mean score", "mean score of all answers", "score", smoothed=True, pane=""),
        Metric("min_reward", "lowest score", "the lowest score of an answer", "lowest", smoothed=True, pane=""),
        Metric("max_reward", "highest score", "the highest score of an answer", "highest", smoothed=True, pane=""),
    ),
    sequences=2,
    rate=0.5,
    scores=True,
)  # fmt: skip
