"""Metrics of the objectives that compare answers, good ones with bad ones, or a model with the one it began as."""

from tuitune.metrics import Metric

MARGINS = Metric(
    "rewards/margins", "margin", "mean reward of chosen answers less that of rejected ones", "margin", smoothed=True,
    better="higher", held_out=True,
)  # fmt: skip
ACCURACIES = Metric(
    "rewards/accuracies", "reward accuracy", "share of pairs whose chosen answer has the higher reward", "accuracy",
    unit="share", smoothed=True, better="higher", held_out=True, pane="right",
)  # fmt: skip
CHOSEN = Metric(
    "rewards/chosen", "chosen reward", "mean reward of chosen answers; below 0 they have become less likely", "chosen",
    smoothed=True, better="higher", held_out=True, pane="",
)  # fmt: skip
REJECTED = Metric(
    "rewards/rejected", "rejected reward", "mean reward of rejected answers", "rejected", smoothed=True,
    better="lower", pane="",
)  # fmt: skip
LOGPS_CHOSEN = Metric(
    "logps/chosen", "log-probability of chosen", "mean log-probability of a chosen answer, in nats", "log p+",
    smoothed=True, better="higher", pane="",
)  # fmt: skip
LOGPS_REJECTED = Metric(
    "logps/rejected", "log-probability of rejected", "mean log-probability of a rejected answer, in nats", "log p−",
    smoothed=True, better="lower", pane="",
)  # fmt: skip
ANSWER_LOSS = Metric(
    "nll_loss", "loss of chosen", "mean loss of a token of the chosen answers; rising, they become less likely",
    "nll", smoothed=True, better="lower", held_out=True, pane="right",
)  # fmt: skip
LOG_ODDS = Metric(
    "log_odds_chosen", "log odds ratio", "log of how many times the odds of chosen answers are those of rejected ones",
    "odds", smoothed=True, better="higher", pane="",
)  # fmt: skip
KL = Metric(
    "kl", "KL", "how far the model has moved from its reference, as an estimate of the KL divergence in nats", "KL",
    smoothed=True, better="lower", held_out=True, pane="right",
)  # fmt: skip
