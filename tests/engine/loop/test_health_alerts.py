"""What is seen in a run's figures: silent on healthy runs, one alert an episode on sick ones."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuitune.engine.loop.health_alerts import HealthAlert, HealthAlerts, SeenFigures, not_finite

Curve = Callable[[int], float]


def cosine(step: int, total: int, warmup: int) -> float:
    if step < warmup:
        return step / max(warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def records(
    total: int, loss: Curve, *, every: int = 1, constant: bool = False, waited: float = 0.0
) -> Iterable[SeenFigures]:
    """A run's records: the loss of each step averaged over `every` steps, a second a step."""
    for end in range(every, total + 1, every):
        mean = sum(loss(step) for step in range(end - every + 1, end + 1)) / every
        rate = 1.0 if constant else cosine(end, total, total // 20)
        yield SeenFigures(end, every, mean, rate, seconds=float(every), waited=every * waited)


def alerts(total: int, seen: Iterable[SeenFigures], epochs: int = 1) -> list[HealthAlert]:
    watching = HealthAlerts()
    watching.begin(total, epochs)
    return [alert for record in seen for alert in watching.look(record)]


def healthy(start: float, floor: float, pace: float, noise: float, epoch_drop: float, total: int, seed: int) -> Curve:
    """A fine-tuning loss: a quick fall, a long descent, a step down at each of three epochs, and rows of all kinds."""
    draw = random.Random(seed)
    errors = [math.exp(draw.gauss(0, noise) - noise**2 / 2) for _ in range(total + 1)]

    def loss(step: int) -> float:
        share = step / total
        level = floor + (start - floor) * (0.6 * math.exp(-share * pace) + 0.4 * (1 - share))
        return level * (1 - epoch_drop * int(3 * share)) * errors[step]

    return loss


@settings(max_examples=60)
@given(
    start=st.floats(0.5, 12),
    learned=st.floats(0.1, 0.95),
    pace=st.floats(3, 60),
    noise=st.floats(0, 0.6),
    epoch_drop=st.floats(0, 0.25),
    total=st.sampled_from([1, 5, 20, 60, 200, 1000, 4000]),
    every=st.sampled_from([1, 1, 10]),
    constant=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_a_healthy_run_raises_nothing(
    start: float, learned: float, pace: float, noise: float, epoch_drop: float, total: int, every: int, constant: bool,
    seed: int,
) -> None:  # fmt: skip
    curve = healthy(start, max(start * (1 - learned), 0.02), pace, noise, epoch_drop, total, seed)
    assert alerts(total, records(total, curve, every=every, constant=constant, waited=0.1), epochs=3) == []


@pytest.mark.parametrize(
    ("total", "epochs", "curve"),
    [
        (20, 1, lambda step: 3.0 - 0.1 * step),
        (20, 1, lambda step: [4.1, 5.0, 2.2, 3.9, 2.8][step % 5] - 0.05 * step),
        (500, 1, lambda step: 2.0 + (1.5 * math.exp(-((step - 20) ** 2) / 50)) - 0.002 * step),
        (3000, 3, lambda step: 1.5 if step < 1000 else 1.2 if step < 2000 else 0.9),
        (3000, 1, lambda step: 0.02 + 2 * math.exp(-step / 50)),
        (2000, 1, lambda step: 9.0 if step == 700 else 1.2 - 0.0003 * step),
    ],
    ids=["short", "short-and-noisy", "bump-in-warm-up", "epochs", "nearly-learned-by-heart", "one-spike"],
)
def test_peculiar_but_healthy_runs_raise_nothing(total: int, epochs: int, curve: Curve) -> None:
    assert alerts(total, records(total, curve), epochs) == []


def test_a_loss_that_climbs_away_is_reported_once_an_episode() -> None:
    def loss(step: int) -> float:
        return 6.0 if 300 <= step < 500 or step >= 800 else 1.1 - step / 5000

    found = alerts(1000, records(1000, loss))
    assert [(alert.id, alert.level) for alert in found] == [("diverging", "warning")] * 2
    assert "training.learning_rate" in found[0].message and "from 1.04" in found[0].message


@given(noise=st.floats(0, 0.5), rise=st.floats(2, 20), at=st.integers(60, 300), seed=st.integers(0, 2**32))
def test_divergence_is_noticed_within_fifty_steps(noise: float, rise: float, at: int, seed: int) -> None:
    steady = healthy(2.0, 1.0, 10, noise, 0.0, 400, seed)
    watching = HealthAlerts()
    watching.begin(400, 1)
    for record in records(at, steady):
        assert watching.look(record) == []
    found = [
        alert.id
        for step in range(at, at + 50)
        for alert in watching.look(SeenFigures(step, 1, steady(step) * rise + 2))
    ]
    assert found == ["diverging"]


@pytest.mark.parametrize("begun", [0, 2, 6])
def test_an_explosion_before_there_is_a_trend_is_noticed(begun: int) -> None:
    found = alerts(200, records(200, lambda step: 1.8 if step <= begun + 3 else 9.5))
    assert [(alert.id, alert.level) for alert in found] == [("exploding", "warning")]
    assert "began at 1.8" in found[0].message and "training.learning_rate" in found[0].message


def test_a_flat_loss_at_a_high_rate_is_a_plateau_once() -> None:
    draw = random.Random(7)
    noise = [draw.gauss(0, 0.05) for _ in range(6001)]
    flat = records(6000, lambda step: 1.0 + noise[step], constant=True)
    (alert,) = alerts(6000, flat)
    assert (alert.id, alert.level) == ("plateau", "info") and "2,000 steps" in alert.message


def test_flat_in_the_tail_of_the_schedule_is_no_plateau() -> None:
    assert alerts(3000, records(3000, lambda step: max(1.0, 2.0 - step / 1400))) == []


def test_nothing_left_to_learn_is_reported_once() -> None:
    found = alerts(300, records(300, lambda step: 1e-5 if step > 100 else 1.0 - step / 101))
    assert [alert.id for alert in found] == ["loss-zero"] and "stop and save" in found[0].message


def test_waiting_for_data_is_reported_once_until_it_is_better() -> None:
    def waited(share: float, count: int) -> list[SeenFigures]:
        return [SeenFigures(step, 1, 3.0 - step / 1000, 1.0, 1.0, share) for step in range(1, count)]

    assert [alert.id for alert in alerts(999, waited(0.7, 300))] == ["starved"]
    found = alerts(999, waited(0.7, 100) + waited(0.05, 100) + waited(0.7, 100))
    assert [alert.id for alert in found] == ["starved", "starved"] and "training.workers" in found[0].message
    assert alerts(999, waited(0.39, 300)) == []
    assert alerts(999, waited(1.0, 20)) == []


def overfit(evaluations: Iterable[tuple[int, float]], slope: float = -0.001) -> list[HealthAlert]:
    """The alerts at held-out losses by step, beside a training loss of that slope."""
    watching, found, done = HealthAlerts(), [], 0
    for step, loss in evaluations:
        for number in range(done + 1, step + 1):
            watching.look(SeenFigures(number, 1, 2.0 + slope * number))
        done = step
        watching.restore(json.loads(json.dumps(watching.state(), allow_nan=False)))
        found.append(watching.evaluated(step, loss))
    return [alert for alert in found if alert is not None]


def test_a_held_out_loss_that_rises_while_training_goes_on_falling_is_overfitting_once() -> None:
    (alert,) = overfit([(100, 1.5), (200, 1.2), (300, 1.25), (400, 1.31), (500, 1.4)])
    assert (alert.id, alert.level) == ("overfitting", "warning")
    assert "1.2000 (step 200) to 1.3100" in alert.message and "training.epochs" in alert.message
    assert len(overfit([(4, 1.5), (8, 1.6), (12, 1.7)])) == 1
    again = [(100, 1.2), (200, 1.3), (300, 1.4), (400, 1.1), (500, 1.2), (600, 1.3)]
    assert ["(step 100)" in one.message for one in overfit(again)] == [True, False]


@pytest.mark.parametrize(
    ("losses", "slope"),
    [
        ([1.5, 1.4, 1.3, 1.2], -0.001),
        ([1.2, 1.3, 1.25, 1.3, 1.28], -0.001),
        ([1.2, 1.205, 1.21], -0.001),
        ([1.2, 1.4, 1.6], 0.001),
        ([1.2, math.nan, 1.4, math.inf], -0.001),
    ],
    ids=["falls", "to and fro", "by a hair", "training rises too", "no numbers"],
)
def test_other_courses_of_a_held_out_loss_raise_nothing(losses: list[float], slope: float) -> None:
    assert overfit([(100 * place, loss) for place, loss in enumerate(losses, start=1)], slope) == []


def test_only_what_is_not_finite_counts_as_such() -> None:
    assert not_finite(math.nan, 1.0, scaled=False) == "loss"
    assert not_finite(1.0, math.inf, scaled=False) == "gradient"
    assert not_finite(1.0, math.inf, scaled=True) is None
    assert not_finite(math.inf, 1.0, scaled=True) == "loss"
    assert not_finite(1.0, None, scaled=False) is None


@settings(max_examples=40)
@given(cut=st.integers(0, 900), seed=st.integers(0, 2**32))
def test_a_life_goes_on_where_the_last_one_ended(cut: int, seed: int) -> None:
    draw = random.Random(seed)
    seen = [
        SeenFigures(
            step, 1, abs(draw.gauss(5.0 if 300 < step < 400 else 0.5, 0.3)) if step < 700 else 0.0, 1.0, 1.0, 0.5
        )
        for step in range(1, 900)
    ]
    whole = alerts(900, seen)
    before, after = HealthAlerts(), HealthAlerts()
    before.begin(900, 1)
    first = [alert for record in seen[:cut] for alert in before.look(record)]
    after.restore(json.loads(json.dumps(before.state(), allow_nan=False)))
    after.begin(900, 1)
    assert first + [alert for record in seen[cut:] for alert in after.look(record)] == whole
    assert {alert.id for alert in whole} >= {"diverging", "starved", "loss-zero"}
