import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsconv.evaluation.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    reliability_table,
)
from tsconv.evaluation.metrics import log_loss


def make_calibrated(n_instances=4000, n_classes=3, seed=0):
    """Distributions, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    proba = generator.dirichlet(np.ones(n_classes), size=n_instances)
    y_true = (generator.random((n_instances, 1)) > proba.cumsum(axis=1)).sum(axis=1)
    return np.minimum(y_true, n_classes - 1), proba


def test_reliability_table_gives_the_hand_worked_bins():
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.45, 0.55], [1.0, 0.0]])

    table = reliability_table(np.array([0, 1, 1, 0]), proba, n_bins=4)

    assert table["count"].tolist() == [0, 0, 1, 3]
    assert table["confidence"].iloc[2:].tolist() == pytest.approx([0.55, 0.9])
    assert table["accuracy"].iloc[2:].tolist() == pytest.approx([1, 2 / 3])
    assert table.loc[:1, ["confidence", "accuracy"]].isna().all(axis=None)
    assert expected_calibration_error(table) == pytest.approx((0.45 + 3 * (0.9 - 2 / 3)) / 4)


def test_a_confidence_on_an_edge_belongs_to_the_lower_bin():
    table = reliability_table(np.array([0]), np.array([[0.5, 0.5]]), n_bins=2)

    assert table["count"].tolist() == [1, 0]


@given(seed=st.integers(0, 1000), n_instances=st.integers(1, 50), n_bins=st.integers(1, 20))
def test_every_instance_lies_in_the_bin_that_holds_its_confidence(seed, n_instances, n_bins):
    y_true, proba = make_calibrated(n_instances, seed=seed)

    table = reliability_table(y_true, proba, n_bins=n_bins)

    filled = table[table["count"] > 0]
    assert table["count"].sum() == n_instances
    assert (filled["confidence"] > filled["lower"] - 1e-12).all()
    assert (filled["confidence"] <= filled["upper"] + 1e-12).all()


def test_calibrated_probabilities_have_a_small_error_and_temperature_one():
    y_true, proba = make_calibrated()

    assert expected_calibration_error(reliability_table(y_true, proba)) < 0.03
    assert fit_temperature(y_true, proba) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("temperature", [0.3, 2.5])
def test_the_temperature_of_distorted_probabilities_undoes_the_distortion(temperature):
    y_true, proba = make_calibrated()
    distorted = apply_temperature(proba, 1 / temperature)

    found = fit_temperature(y_true, distorted)

    assert found == pytest.approx(temperature * fit_temperature(y_true, proba), rel=1e-3)


@given(seed=st.integers(0, 1000), n_instances=st.integers(1, 40))
def test_temperature_never_raises_the_log_loss_it_was_fitted_on(seed, n_instances):
    y_true, proba = make_calibrated(n_instances, seed=seed)

    scaled = apply_temperature(proba, fit_temperature(y_true, proba))

    assert log_loss(y_true, scaled) <= log_loss(y_true, proba) + 1e-6


@given(seed=st.integers(0, 1000), temperature=st.floats(0.1, 10))
def test_temperature_keeps_the_predictions_and_gives_distributions(seed, temperature):
    _, proba = make_calibrated(20, seed=seed)

    scaled = apply_temperature(proba, temperature)

    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    assert (scaled.argmax(axis=1) == proba.argmax(axis=1)).all()


def test_temperature_one_changes_nothing_not_even_zeros():
    proba = np.array([[0.0, 1.0], [0.25, 0.75]])

    np.testing.assert_allclose(apply_temperature(proba, 1), proba, atol=1e-300)


def test_certain_and_right_predictions_leave_a_finite_temperature():
    found = fit_temperature(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]]))

    assert 0 < found < 100
