import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsconv.evaluation.calibration import expected_calibration_error, reliability_table


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


def test_calibrated_probabilities_have_a_small_error():
    y_true, proba = make_calibrated()

    assert expected_calibration_error(reliability_table(y_true, proba)) < 0.03
