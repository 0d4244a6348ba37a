import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsconv.evaluation.ensembling import (
    combine,
    disagreement,
    gain,
    member_subsets,
    score_members,
    size_curve,
)
from tsconv.evaluation.metrics import METRICS, score


def make_members(n_members=4, n_instances=30, n_classes=3, seed=0):
    """Labels and (M, N, K) probabilities of members that are right more often than not."""
    generator = np.random.default_rng(seed)
    y_true = np.arange(n_instances) % n_classes
    logits = generator.normal(size=(n_members, n_instances, n_classes))
    proba = np.exp(logits + 1.2 * np.eye(n_classes)[y_true])
    return y_true, proba / proba.sum(axis=2, keepdims=True)


sizes = {"n_members": st.integers(1, 6), "n_instances": st.integers(1, 20)}


def test_combine_is_the_arithmetic_mean():
    member_proba = np.array([[[0.8, 0.2]], [[0.4, 0.6]], [[0.3, 0.7]]])

    np.testing.assert_allclose(combine(member_proba), [[0.5, 0.5]])


@given(seed=st.integers(0, 1000), n_classes=st.integers(1, 5), **sizes)
def test_an_ensemble_of_distributions_is_a_distribution(seed, n_classes, n_members, n_instances):
    _, member_proba = make_members(n_members, n_instances, n_classes, seed)

    proba = combine(member_proba)

    assert proba.shape == (n_instances, n_classes)
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@given(seed=st.integers(0, 1000), **sizes)
def test_the_order_of_members_is_moot(seed, n_members, n_instances):
    _, member_proba = make_members(n_members, n_instances, seed=seed)
    order = np.random.default_rng(seed).permutation(n_members)

    np.testing.assert_allclose(combine(member_proba[order]), combine(member_proba))


def test_single_precision_members_are_combined_in_double_precision():
    _, member_proba = make_members()

    assert combine(member_proba.astype(np.float32)).dtype == np.float64


def test_the_table_scores_members_their_mean_and_the_ensemble():
    y_true, member_proba = make_members(n_members=2)

    table = score_members(y_true, member_proba)

    assert table.index.tolist() == ["member 0", "member 1", "members' mean", "ensemble"]
    assert table.columns.tolist() == list(METRICS)
    assert table.loc["member 1"].to_dict() == score(y_true, member_proba[1])
    assert table.loc["ensemble"].to_dict() == score(y_true, combine(member_proba))
    expected = (table.loc["member 0"] + table.loc["member 1"]) / 2
    np.testing.assert_allclose(table.loc["members' mean"], expected)


@given(seed=st.integers(0, 1000), **sizes)
def test_combining_never_costs_where_the_loss_is_convex(seed, n_members, n_instances):
    y_true, member_proba = make_members(n_members, n_instances, seed=seed)

    gains = gain(score_members(y_true, member_proba))

    assert gains["log_loss"] <= 1e-12
    assert gains["brier"] <= 1e-12


def test_equal_members_gain_nothing_and_never_disagree():
    y_true, member_proba = make_members(n_members=1)
    alike = np.repeat(member_proba, 4, axis=0)

    gains = gain(score_members(y_true, alike))

    assert gains == pytest.approx(dict.fromkeys(METRICS, 0))
    assert disagreement(alike) == 0


def test_disagreement_is_the_mean_over_pairs():
    y_pred = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 0]])  # pairs differ in 1, 3, 2 of 4

    assert disagreement(np.eye(2)[y_pred]) == pytest.approx((1 + 3 + 2) / 12)


def test_disagreement_of_a_single_member_is_undefined():
    assert math.isnan(disagreement(np.full((1, 3, 2), 0.5)))


@pytest.mark.parametrize("name", METRICS)
def test_the_size_curve_averages_over_all_subsets_when_they_are_few(name):
    y_true, member_proba = make_members()

    curve = size_curve(y_true, member_proba, METRICS[name])

    for row in curve.itertuples():
        subsets = itertools.combinations(member_proba, row.size)
        values = [METRICS[name](y_true, np.mean(subset, axis=0)) for subset in subsets]
        assert row.n_subsets == len(values)
        assert row.mean == pytest.approx(np.mean(values))
        assert row.sd == pytest.approx(np.std(values))


@pytest.mark.parametrize("n_members", [1, 3, 12])
def test_the_size_curve_begins_with_the_mean_member_and_ends_with_the_ensemble(n_members):
    y_true, member_proba = make_members(n_members)
    table = score_members(y_true, member_proba)

    curve = size_curve(y_true, member_proba, METRICS["log_loss"], max_subsets=20)

    assert curve["size"].tolist() == list(range(1, n_members + 1))
    assert curve["mean"].iloc[0] == pytest.approx(table.loc["members' mean", "log_loss"])
    assert curve["mean"].iloc[-1] == table.loc["ensemble", "log_loss"]
    assert curve["sd"].iloc[-1] == 0


def test_a_sampled_size_curve_depends_on_its_seed_alone():
    y_true, member_proba = make_members(n_members=9)
    metric = METRICS["brier"]

    one = size_curve(y_true, member_proba, metric, max_subsets=10, seed=3)
    again = size_curve(y_true, member_proba, metric, max_subsets=10, seed=3)
    other = size_curve(y_true, member_proba, metric, max_subsets=10, seed=4)

    assert one.equals(again)
    assert not one.equals(other)


@given(n_members=st.integers(1, 12), data=st.data(), max_subsets=st.integers(1, 30))
def test_subsets_are_different_and_as_many_as_allowed(n_members, data, max_subsets):
    size = data.draw(st.integers(1, n_members))

    subsets = member_subsets(n_members, size, max_subsets, np.random.default_rng(0))

    assert len(set(subsets)) == len(subsets) == min(max_subsets, math.comb(n_members, size))
    assert all(len(set(subset)) == size for subset in subsets)
