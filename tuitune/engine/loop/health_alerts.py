"""What is wrong with a run, seen from its own figures: one alert an episode, each naming one thing to do.

Plain arithmetic on the records of training, so careful that a healthy run, noisy or short, raises nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

from tuitune.units import number_text, percent_text

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class HealthAlert:
    id: str
    level: Level
    message: str


@dataclass(frozen=True)
class SeenFigures:
    """One record of training: the last step in it, how many it covers, and their mean loss.

    `rate` is the learning rate as a share of its peak; `seconds` the steps took, `waited` of them for data.
    """

    step: int
    steps: int
    loss: float
    rate: float = 1.0
    seconds: float = 0.0
    waited: float = 0.0


@dataclass
class FadingMean:
    """A mean of the losses in which older ones fade: half of them after some seven steps."""

    total: float = 0.0
    weight: float = 0.0
    steps: int = 0

    def add(self, seen: SeenFigures, fade: float = 0.9) -> None:
        keep = fade**seen.steps
        self.total = keep * self.total + (1 - keep) * seen.loss
        self.weight = keep * self.weight + 1 - keep
        self.steps += seen.steps

    @property
    def mean(self) -> float | None:
        """None until ten steps are in it: one easy batch is no trend."""
        return self.so_far if self.steps >= 10 else None

    @property
    def so_far(self) -> float | None:
        """The mean of however few steps; None before there is one."""
        return self.total / self.weight if self.weight else None


@dataclass
class Detector:
    """What sees one thing go wrong; `reported` is whether this episode of it was told of."""

    reported: bool = False

    ID: ClassVar[str]
    LEVEL: ClassVar[Level] = "warning"

    def alert_if(self, holds: bool, message: str) -> HealthAlert | None:
        """The alert, where the thing `holds` and was not reported yet."""
        if self.reported or not holds:
            return None
        self.reported = True
        return HealthAlert(self.ID, self.LEVEL, message)


@dataclass
class Divergence(Detector):
    """The loss has climbed far above its lowest, beyond what its noise explains, and stays there for 20 steps."""

    level: FadingMean = field(default_factory=FadingMean)
    noise: FadingMean = field(default_factory=FadingMean)
    lowest: float | None = None
    lowest_step: int = 0
    noise_then: float = 0.0
    high_for: int = 0

    ID = "diverging"
    FADE = 0.95
    NOISE_FADE = 0.99
    STEPS = 20

    def look(self, seen: SeenFigures) -> HealthAlert | None:
        if self.level.mean is not None:
            deviation = abs(seen.loss - self.level.mean) * math.sqrt(seen.steps)
            self.noise.add(SeenFigures(seen.step, seen.steps, deviation), self.NOISE_FADE)
        self.level.add(seen, self.FADE)
        mean = self.level.mean
        if mean is None or self.level.steps < self.STEPS:
            return None
        if self.lowest is None or mean < self.lowest:
            self.lowest, self.lowest_step, self.noise_then = mean, seen.step, self.noise.mean or 0.0
        margin = max(0.3, 0.5 * self.lowest, 1.5 * self.noise_then)
        self.high_for = self.high_for + seen.steps if mean - self.lowest > margin else 0
        if mean - self.lowest < margin / 2:
            self.reported = False
        return self.alert_if(
            self.high_for >= self.STEPS,
            f"the loss has climbed from {number_text(self.lowest)} (around step {self.lowest_step:,}) to "
            f"{number_text(mean)}, both smoothed: lower training.learning_rate",
        )


@dataclass
class Explosion(Detector):
    """In the first steps, before a trend can be told, the loss is several times what it began at, and stays there."""

    began: float = 0.0
    records: int = 0
    high_for: int = 0

    ID = "exploding"
    BEGINNING = 3
    LAST_STEP = 40
    TIMES = 4
    RECORDS = 8

    def look(self, seen: SeenFigures) -> HealthAlert | None:
        if self.reported or seen.step > self.LAST_STEP:
            return None
        self.records += 1
        if self.records <= self.BEGINNING:
            self.began = max(self.began, seen.loss)
            return None
        self.high_for = self.high_for + 1 if seen.loss > max(self.TIMES * self.began, self.began + 1) else 0
        return self.alert_if(
            self.high_for >= self.RECORDS,
            f"the loss began at {number_text(self.began)} and is {number_text(seen.loss)} after {seen.step} steps: "
            "stop, and start again with a lower training.learning_rate",
        )


@dataclass
class Plateau(Detector):
    """Through a third of the run the loss has gone down by less than 0.5 %, noise allowed for, at a high rate.

    And through two epochs, where there are several: the loss of rows seen before often falls at the turn alone.
    """

    length: int = 10
    blocks: list[float] = field(default_factory=list)
    total: float = 0.0
    steps: int = 0

    ID = "plateau"
    LEVEL: ClassVar[Level] = "info"
    BLOCKS = 40
    LEAST = 0.005
    LOW = 0.05

    def look(self, seen: SeenFigures) -> HealthAlert | None:
        self.total += seen.loss * seen.steps
        self.steps += seen.steps
        if self.steps < self.length:
            return None
        self.blocks = [*self.blocks, self.total / self.steps][-self.BLOCKS :]
        self.total, self.steps = 0.0, 0
        if len(self.blocks) < self.BLOCKS or seen.rate < 0.5:
            return None
        older, newer = self.blocks[: self.BLOCKS // 2], self.blocks[self.BLOCKS // 2 :]
        before, doubt = _mean(older), 2 * math.sqrt((_variance(older) + _variance(newer)) * 2 / self.BLOCKS)
        fallen = before - _mean(newer)
        if fallen - doubt > 2 * self.LEAST * before:
            self.reported = False
        return self.alert_if(
            before >= self.LOW and abs(fallen) + doubt < self.LEAST * before,
            f"the loss has stayed at {number_text(_mean(newer))} for {self.BLOCKS * self.length:,} steps: "
            "stop and save if the samples are good enough",
        )


@dataclass
class Zero(Detector):
    """The loss is practically 0 for 20 steps: there is nothing left to learn."""

    steps: int = 0

    ID = "loss-zero"
    LOW = 1e-3
    STEPS = 20

    def look(self, seen: SeenFigures) -> HealthAlert | None:
        if seen.loss > self.LOW:
            self.steps, self.reported = 0, False
            return None
        self.steps += seen.steps
        return self.alert_if(
            self.steps >= self.STEPS,
            f"the loss has been below {self.LOW:g} for {self.steps:,} steps, so the model memorises the rows: "
            "stop and save; more steps only overfit",
        )


@dataclass
class Starvation(Detector):
    """Of half a minute of training, and 20 steps at least, more than 40 % went by waiting for the next batch."""

    seconds: float = 0.0
    waited: float = 0.0
    steps: int = 0

    ID = "starved"
    SECONDS = 30.0
    STEPS = 20
    MUCH, LITTLE = 0.4, 0.2

    def look(self, seen: SeenFigures) -> HealthAlert | None:
        self.seconds += seen.seconds
        self.waited += seen.waited
        self.steps += seen.steps
        if self.seconds < self.SECONDS or self.steps < self.STEPS:
            return None
        share = self.waited / self.seconds
        self.seconds, self.waited, self.steps = 0.0, 0.0, 0
        if share < self.LITTLE:
            self.reported = False
        return self.alert_if(
            share > self.MUCH,
            f"{percent_text(share)} of the time training waits for data: pause, and resume with more training.workers",
        )


@dataclass
class Overfitting(Detector):
    """The held-out loss has risen twice in a row, by 2 % above its lowest at least, while the training loss fell."""

    lowest: float | None = None
    lowest_step: int = 0
    trained_then: float | None = None
    last: float | None = None
    rises: int = 0

    ID = "overfitting"
    RISES = 2
    LEAST = 0.02

    def evaluated(self, step: int, loss: float, trained: float | None) -> HealthAlert | None:
        """`loss` of held-out rows after `step`, `trained` the smoothed one of training."""
        if not math.isfinite(loss):
            return None
        self.rises = self.rises + 1 if self.last is not None and loss > self.last else 0
        self.last = loss
        if self.lowest is None or loss < self.lowest:
            self.lowest, self.lowest_step, self.trained_then, self.reported = loss, step, trained, False
        falls = trained is not None and self.trained_then is not None and trained < self.trained_then
        return self.alert_if(
            self.rises >= self.RISES and loss >= (1 + self.LEAST) * self.lowest and falls,
            f"the held-out loss has risen from {number_text(self.lowest)} (step {self.lowest_step:,}) to "
            f"{number_text(loss)} while the training loss falls, so the model overfits: stop, and train again with "
            "fewer training.epochs or with evaluation.patience",
        )


class HealthAlerts:
    """Looks at every record of a run; remembers across lives what it has seen and said.

    Only a loss that `descends` as the model learns tells anything.
    """

    def __init__(self, *, descends: bool = True) -> None:
        self.smoothed = FadingMean()
        self.overfitting = Overfitting()
        self.descends = descends
        self.detectors: dict[str, Any] = {
            **(
                {"explosion": Explosion(), "divergence": Divergence(), "plateau": Plateau(), "zero": Zero()}
                if descends
                else {}
            ),
            "starvation": Starvation(),
        }

    def begin(self, total_steps: int, epochs: int) -> None:
        """Training begins, or goes on, to end after `total_steps` in `epochs` passes over the data, begun ones too."""
        plateau = self.detectors.get("plateau")
        if plateau and not plateau.blocks:
            two_epochs = 2 * total_steps / epochs if epochs > 1 else 0
            plateau.length = max(Plateau.length, math.ceil(max(total_steps / 3, two_epochs) / Plateau.BLOCKS))

    def evaluated(self, step: int, loss: float) -> HealthAlert | None:
        """What a held-out loss shows beside the losses of training up to `step`."""
        return self.overfitting.evaluated(step, loss, self.smoothed.so_far) if self.descends else None

    def look(self, seen: SeenFigures) -> list[HealthAlert]:
        """What this record shows; its loss is a finite number."""
        self.smoothed.add(seen)
        found = (detector.look(seen) for detector in self.detectors.values())
        return [alert for alert in found if alert is not None]

    def state(self) -> dict[str, Any]:
        return {name: asdict(part) for name, part in self._parts().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, part in self._parts().items():
            _fill(part, state.get(name, {}))

    def _parts(self) -> dict[str, Any]:
        return {"smoothed": self.smoothed, "overfitting": self.overfitting, **self.detectors}


def not_finite(seen_loss: float, gradient: float | None, *, scaled: bool) -> str | None:
    """What is no finite number, "loss" or "gradient"; None where both are.

    Under fp16 a scaler finds its scale by skipping the steps whose gradients are not finite: those are no error.
    """
    if not math.isfinite(seen_loss):
        return "loss"
    return "gradient" if gradient is not None and not scaled and not math.isfinite(gradient) else None


def _fill(part: Any, state: Mapping[str, Any]) -> None:
    for one in fields(part):
        if one.name in state:
            nested = isinstance(getattr(part, one.name), FadingMean)
            setattr(part, one.name, FadingMean(**state[one.name]) if nested else state[one.name])


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _variance(numbers: list[float]) -> float:
    mean = _mean(numbers)
    return sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)
