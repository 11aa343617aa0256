"""The learning rate while it is in use: a new peak under the schedule that runs already."""

from __future__ import annotations

from typing import Any

from torch.optim.lr_scheduler import LambdaLR


def set_peak(optimizer: Any, scheduler: Any, peak: float) -> None:
    """Have the very next step, and all later ones, use `peak` × the schedule's factor.

    Where nothing has changed, the rates stay the same to the last bit. A schedule that is no function of the step keeps
    its state and is scaled.
    """
    before = list(scheduler.base_lrs)
    scheduler.base_lrs = [peak] * len(before)
    for index, group in enumerate(optimizer.param_groups):
        group["initial_lr"] = peak
        if isinstance(scheduler, LambdaLR):
            group["lr"] = peak * scheduler.lr_lambdas[index](scheduler.last_epoch)
        elif before[index] != peak:
            group["lr"] = group["lr"] * peak / before[index]
    scheduler._last_lr = [group["lr"] for group in optimizer.param_groups]
