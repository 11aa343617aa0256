"""Odds ratio preference optimisation (arXiv 2403.07691): the model learns to write chosen answers, and to prefer them.

Its loss is that of the chosen answer, as example answers have it, and β times −log σ(log odds ratio), where the odds of
an answer are p / (1 − p) of p, the mean probability of its tokens (geometric). The reward of an answer is β × log p.
"""

from tuitune.objectives import compared
from tuitune.objectives.descriptor import Trained

ORPO = Trained(
    name="orpo",
    learns_from=("preferences",),
    title="odds ratio preference optimisation",
    rows_in="preference",
    examples="chosen and rejected answers",
    settings=frozenset({"objective.beta"}),
    metrics=(compared.MARGINS, compared.ACCURACIES, compared.ANSWER_LOSS, compared.LOG_ODDS),
    sequences=2,
    rate=0.1,
    prefers=True,
    imitates=True,
    experimental=True,
)
