import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tsconv.evaluation.signed_ranks import (
    MOST_EXACT,
    bootstrap_weights,
    mean_interval,
    rank_biserial_interval,
    signed_ranks,
)

differences = st.lists(st.integers(-6, 6), min_size=1, max_size=9)

# Demsar, JMLR 7 (2006), table 2: AUC of C4.5 and of C4.5 with a tuned m, on 14 datasets.
C45 = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1, 0.940, 0.619, 0.972, 0.957]
TUNED = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1, 0.962, 0.666, 0.981]
DEMSAR = np.array([*TUNED, 0.978]) - np.array(C45)


def enumerate_p(d):
    """Two-sided p over all signs of the ranks of what is not 0, by brute force."""
    ranks = stats.rankdata(np.abs(d))[np.asarray(d) != 0]
    signs = itertools.product((-1, 1), repeat=len(ranks))
    sums = np.array([np.dot(each, ranks) for each in signs])
    observed = abs(np.dot(np.sign([each for each in d if each]), ranks))
    return float(np.mean(np.abs(sums) >= observed - 1e-9))


def test_rank_sums_are_those_of_demsar_s_table_2():
    found = signed_ranks(DEMSAR)

    assert (found.r_plus, found.r_minus) == (93.0, 12.0)
    assert found.p == pytest.approx(0.0078125)  # below .05: 12 is under the critical value 21


@given(d=differences)
def test_p_is_exact_with_ties_and_draws(d):
    assert signed_ranks(np.array(d, float)).p == pytest.approx(enumerate_p(d))


@pytest.mark.parametrize("n", [5, 20, 45])
def test_p_without_ties_and_draws_is_scipy_s_exact_one(n):
    d = np.random.default_rng(n).normal(0.3, 1, size=n)

    expected = stats.wilcoxon(d, method="exact")

    found = signed_ranks(d)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert min(found.r_plus, found.r_minus) == expected.statistic


@pytest.mark.parametrize("zero_method", ["pratt", "zsplit"])
def test_splitting_draws_and_pratt_s_way_have_one_exact_p(zero_method):
    d = np.array([0, 0, 0.1, -0.2, 0.3, 0.3, 0.3, 0.4, -0.1, 0.6])

    expected = stats.wilcoxon(
        d, zero_method=zero_method, method=stats.PermutationMethod(n_resamples=np.inf)
    )

    assert signed_ranks(d).p == pytest.approx(expected.pvalue)


def test_p_of_many_datasets_comes_near_the_normal_approximation():
    d = np.random.default_rng(0).normal(0.1, 1, size=MOST_EXACT)

    exact = signed_ranks(d)
    normal = signed_ranks(np.concatenate([d, [0.0]]))  # one more than are computed exactly

    assert normal.p == pytest.approx(exact.p, rel=0.02)
    expected = stats.wilcoxon(d, correction=False, method="asymptotic").pvalue
    assert exact.p == pytest.approx(expected, rel=0.02)


@given(d=differences)
def test_swapping_the_methods_swaps_the_sums_and_keeps_p(d):
    one, other = signed_ranks(np.array(d, float)), signed_ranks(-np.array(d, float))

    assert (one.r_plus, one.r_minus, one.p) == (other.r_minus, other.r_plus, other.p)
    assert one.rank_biserial == -other.rank_biserial
    assert 0 < one.p <= 1
    assert -1 <= one.rank_biserial <= 1


def test_methods_that_agree_everywhere_have_p_1():
    found = signed_ranks(np.zeros(10))

    assert (found.p, found.rank_biserial) == (1.0, 0.0)
    assert signed_ranks(np.zeros(MOST_EXACT + 1)).p == 1.0


def test_five_datasets_never_reach_a_level_of_5_percent():
    assert signed_ranks(np.arange(1.0, 6)).p == 1 / 16


def test_differences_that_rounding_alone_makes_tie():
    assert signed_ranks(np.array([0.1, 0.3 - 0.2, -(0.8 - 0.7)])).r_plus == 4.0


def test_the_interval_of_rank_biserial_re_ranks_each_resample():
    d = np.array([0.1, -0.2, 0.2, 0.0, 0.5, -0.3, 0.4])
    weights = bootstrap_weights(len(d), 200, seed=1)

    found = rank_biserial_interval(d, weights, 0.9)

    naive = [signed_ranks(np.repeat(d, row.astype(int))).rank_biserial for row in weights]
    np.testing.assert_allclose(found, np.quantile(naive, [0.05, 0.95]))


def test_the_interval_of_the_mean_is_the_percentiles_of_the_resampled_means():
    d = np.array([0.1, -0.2, 0.2, 0.0, 0.5])
    weights = bootstrap_weights(len(d), 200, seed=1)

    found = mean_interval(d, weights, 0.95)

    naive = [np.repeat(d, row.astype(int)).mean() for row in weights]
    np.testing.assert_allclose(found, np.quantile(naive, [0.025, 0.975]))


def test_bootstrap_weights_are_repeated_by_their_seed():
    one, again, other = (bootstrap_weights(9, 5, seed) for seed in (3, 3, 4))

    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert (one.sum(axis=1) == 9).all()
