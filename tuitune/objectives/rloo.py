"""REINFORCE leave-one-out (arXiv 2402.14740): as grpo, with the mean reward of the other answers of a group as the
baseline of each, and the distance from the reference taken from the reward.
"""

from tuitune.objectives.descriptor import Trained
from tuitune.objectives.grpo import GENERATING, METRICS, REWARDED

RLOO = Trained(
    name="rloo",
    learns_from=("prompts", "answers"),
    title="REINFORCE leave-one-out",
    rows_in="prompts",
    examples="prompts and rewards",
    settings=GENERATING | REWARDED,
    metrics=METRICS,
    rate=0.1,
    generates=True,
)
