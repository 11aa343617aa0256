"""Simple preference optimisation (arXiv 2405.14734): as dpo, by the mean log-probability of an answer's tokens instead
of a reference.

Its loss is −log σ(reward of the chosen − reward of the rejected − γ), and the reward of an answer β times that mean.
"""

from tuitune.objectives import compared
from tuitune.objectives.descriptor import Trained

SIMPO = Trained(
    name="simpo",
    learns_from=("preferences",),
    title="simple preference optimisation",
    rows_in="preference",
    examples="chosen and rejected answers",
    settings=frozenset({"objective.beta", "objective.gamma", "objective.sft_weight"}),
    metrics=(compared.MARGINS, compared.ACCURACIES, compared.ANSWER_LOSS),
    sequences=2,
    rate=0.1,
    beta=2.0,
    prefers=True,
    experimental=True,
)
