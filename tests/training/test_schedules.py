import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsconv.config import TrainingConfig, from_dict, read_recipe
from tsconv.training.schedules import make_schedule

LOSSES = st.lists(st.floats(0, 3) | st.sampled_from([1.0, 1 - 1e-4, 1 - 2e-4]), max_size=60)


def rates_by_step(n_steps, **settings):
    schedule = make_schedule(TrainingConfig(steps=n_steps, **settings), n_steps)
    return [schedule.rate(step) for step in range(n_steps)]


def rates_by_epoch(losses, config):
    """The learning rate after each epoch."""
    schedule = make_schedule(config, 1)
    rates = []
    for step, loss in enumerate(losses, start=1):
        schedule.after_epoch(loss)
        rates.append(schedule.rate(step))
    return rates


def keras_rates(losses, config):
    """Keras' ReduceLROnPlateau, written down from its source."""
    lr, best, wait, rates = config.lr, math.inf, 0, []
    for loss in losses:
        if loss < best - config.plateau_threshold:
            best, wait = loss, 0
        else:
            wait += 1
            if wait >= config.plateau_patience:
                if lr > config.min_lr:
                    lr = max(lr * config.plateau_factor, config.min_lr)
                wait = 0
        rates.append(lr)
    return rates


@given(losses=LOSSES, patience=st.integers(1, 6), factor=st.sampled_from([0.5, 0.1, 0.9]))
def test_plateau_is_that_of_keras_on_any_losses(losses, patience, factor):
    config = TrainingConfig(
        epochs=1,
        schedule="plateau",
        lr=1e-3,
        min_lr=1e-4,
        plateau_patience=patience,
        plateau_factor=factor,
    )

    assert rates_by_epoch(losses, config) == pytest.approx(keras_rates(losses, config))


def test_the_paper_recipe_halves_the_rate_down_to_its_floor():
    config = from_dict(TrainingConfig, read_recipe("paper")["training"])

    rates = rates_by_epoch([1.0] * 301, config)

    assert list(dict.fromkeys(rates)) == pytest.approx([1e-3, 5e-4, 2.5e-4, 1.25e-4, 1e-4])
    assert rates.index(5e-4) == 50  # the first epoch is a gain, 50 without one follow


def test_the_paper_recipe_counts_absolute_gains_alone():
    config = from_dict(TrainingConfig, read_recipe("paper")["training"])

    steady = rates_by_epoch([1e-3 * 0.9**k for k in range(200)], config)  # 10 % lower each time

    assert steady[-1] < 1e-3


def test_cosine_rises_to_its_peak_and_falls_to_its_floor():
    rates = rates_by_step(1000, schedule="cosine", lr=1.0, min_lr=0.1, warmup=0.3)

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 300
    assert rates[650] == pytest.approx((1.0 + 0.1) / 2, abs=1e-3)
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)


@given(n_steps=st.integers(1, 40), warmup=st.floats(0, 1))
def test_every_rate_of_every_schedule_is_between_the_floor_and_the_peak(n_steps, warmup):
    for schedule in ("constant", "cosine"):
        rates = rates_by_step(n_steps, schedule=schedule, lr=0.5, min_lr=0.01, warmup=warmup)

        assert all(0.01 <= rate <= 0.5 for rate in rates)


def test_a_constant_rate_is_constant_after_its_warmup():
    rates = rates_by_step(10, schedule="constant", lr=1.0, warmup=0.5)

    assert rates == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1, 1, 1])
