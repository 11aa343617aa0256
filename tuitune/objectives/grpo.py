"""Group relative policy optimisation (arXiv 2402.03300): the model answers each prompt several times, and answers that
are worth more than the others of their group become likelier.
"""

from dataclasses import replace

from tuitune.metrics import Metric
from tuitune.objectives.compared import KL
from tuitune.objectives.descriptor import Trained
from tuitune.rewards import REWARDS

GENERATING = frozenset(
    f"objective.{name}"
    for name in ("generations", "answer_length", "temperature", "kl", "iterations", "clip", "clip_high", "drop_cut")
)
"""Settings of every objective that learns from answers of the model's own."""

REWARDED = frozenset({"rewards.weights", *(f"rewards.{name}" for one in REWARDS.values() for name in one.settings)})
"""Settings of what answers are worth."""

METRICS = (
    Metric("reward", "reward", "mean of an answer, weighted over the rewards", smoothed=True, better="higher",
           held_out=True, pane="first"),
    Metric("frac_reward_zero_std", "groups without spread", "share of groups whose answers all got the same reward: "
           "they teach nothing", "no spread", unit="share", smoothed=True, better="lower", pane="right"),
    Metric("completions/mean_length", "answer length", "mean tokens of an answer", "length", smoothed=True,
           pane="alone"),
    Metric("completions/clipped_ratio", "answers cut", "share of answers that reached objective.answer_length", "cut",
           unit="share", smoothed=True, better="lower", pane="alone"),
    Metric("reward_std", "reward spread", "standard deviation of the reward over the answers of a step", "spread",
           smoothed=True, pane="alone"),
    replace(KL, pane="alone"),
    Metric("entropy", "entropy", "of the next token, in nats: near 0 all answers are the same", "entropy",
           smoothed=True, pane="alone"),
    Metric("clip_ratio/region_mean", "clipped", "share of tokens (rloo: of answers) whose probability moved too far to "
           "count: 0 while objective.iterations is 1", "clip", unit="share", smoothed=True, pane="alone"),
    *(Metric(one.metric, one.title, f"mean reward “{one.name}”, before its weight: {one.gives}", one.name,
             smoothed=True, better="higher", held_out=True, reward=one.name) for one in REWARDS.values()),
)  # fmt: skip
"""What trl measures of the answers of a step."""

GRPO = Trained(
    name="grpo",
    learns_from=("prompts", "answers"),
    title="group relative policy optimisation",
    rows_in="prompts",
    examples="prompts and rewards",
    settings=GENERATING | REWARDED | {"objective.policy_loss", "objective.scale"},
    metrics=METRICS,
    rate=0.1,
    generates=True,
)
