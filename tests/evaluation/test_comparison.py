"""Comparison against worked examples, scipy, and what must hold whatever the numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tsconv.errors import DataError
from tsconv.evaluation.comparison import (
    bayesian_signed_rank,
    cliques,
    friedman,
    holm,
    mean_ranks,
    pairwise,
)

# Demsar, JMLR 7, 2006, table 6: AUC of C4.5 and three variants on 14 sets.
DEMSAR = pd.DataFrame(
    {
        "C4.5": [
            *(0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661),
            *(0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957),
        ],
        "C4.5+m": [
            *(0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668),
            *(0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978),
        ],
        "C4.5+cf": [
            *(0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609),
            *(0.563, 0.866, 1.000, 0.965, 0.614, 0.9751, 0.946),
        ],
        "C4.5+m+cf": [
            *(0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685),
            *(0.625, 0.875, 1.000, 0.962, 0.669, 0.975, 0.970),
        ],
    }
)

scores = st.integers(2, 12).flatmap(
    lambda n_sets: st.lists(
        st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=n_sets, max_size=n_sets
    )
)


def frame(rows):
    return pd.DataFrame(np.array(rows) / 20, columns=["a", "b", "c"])


def test_ranks_and_friedman_are_those_of_demsars_example():
    ranks = mean_ranks(DEMSAR)

    assert ranks.round(3).to_dict() == {
        "C4.5+m+cf": 1.964,
        "C4.5+m": 2.0,
        "C4.5+cf": 2.893,
        "C4.5": 3.143,
    }
    n_sets, n_methods = DEMSAR.shape
    plain = 12 * n_sets / (n_methods * (n_methods + 1)) * ((ranks**2).sum() - n_methods * 25 / 4)
    assert plain == pytest.approx(9.28, abs=0.01)  # his, without the correction for ties
    f = (n_sets - 1) * plain / (n_sets * (n_methods - 1) - plain)
    assert f == pytest.approx(3.69, abs=0.01)
    result = friedman(DEMSAR)
    assert result.chi_square > plain  # ties make it larger
    assert result.chi_square == pytest.approx(stats.friedmanchisquare(*DEMSAR.to_numpy().T)[0])
    assert result.p_f < result.p_chi_square < 0.05


def test_holm_steps_down_as_in_the_worked_example():
    # 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.04 x 1, each not below the one before
    assert holm([0.04, 0.01, 0.03, 0.02]).round(10).tolist() == [0.06, 0.04, 0.06, 0.06]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_order_and_never_helps(p_values):
    adjusted = holm(p_values)

    assert (adjusted >= np.array(p_values) - 1e-12).all()
    assert (adjusted <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()


@settings(max_examples=20)
@given(scores)
def test_order_of_sets_and_methods_changes_nothing(rows):
    table = frame(rows)
    shuffled = table.sample(frac=1, random_state=0)[["c", "a", "b"]]

    for one, other in ((mean_ranks(table), mean_ranks(shuffled)),):
        assert one.sort_index().round(9).equals(other.sort_index().round(9))
    keys = ["wins", "draws", "losses", "p"]
    both = [
        {frozenset((row["first"], row["second"])): row for row in pairwise(each).to_dict("records")}
        for each in (table, shuffled)
    ]
    for pair, row in both[0].items():
        other = both[1][pair]
        same_way = row["first"] == other["first"]
        there = [other[key] for key in (keys if same_way else ["losses", "draws", "wins", "p"])]
        assert [row[key] for key in keys] == pytest.approx(there)


@settings(max_examples=20)
@given(scores)
def test_ranks_sum_to_what_they_must_and_p_values_are_probabilities(rows):
    table = frame(rows)

    pairs = pairwise(table)

    assert mean_ranks(table).sum() == pytest.approx(6)
    assert pairs["p"].between(0, 1).all()
    assert pairs["p_holm"].between(0, 1).all()
    assert (pairs[["wins", "draws", "losses"]].sum(axis=1) == len(table)).all()
    assert (pairs["low"] <= pairs["difference"] + 1e-9).all()
    assert (pairs["difference"] <= pairs["high"] + 1e-9).all()
    assert pairs["effect"].between(-1, 1).all()


def test_lower_is_better_turns_ranks_and_wins_around():
    table = frame([[1, 2, 3]] * 7)

    assert mean_ranks(table, higher_is_better=False).index.tolist() == ["a", "b", "c"]
    first = pairwise(table, higher_is_better=False).iloc[0]
    assert (first["first"], first["wins"], first["losses"]) == ("a", 7, 0)
    assert first["effect"] == 1


def test_methods_that_are_always_alike_differ_in_nothing():
    table = frame([[1, 1, 1]] * 8)

    pairs = pairwise(table)

    assert pairs["p_holm"].tolist() == [1, 1, 1]
    assert pairs["effect"].tolist() == [0, 0, 0]
    assert np.isnan(friedman(table).chi_square)
    assert cliques(mean_ranks(table), pairs) == [("a", "b", "c")]


def test_rounded_published_figures_tie_with_exact_ones():
    table = pd.DataFrame({"ours": [2 / 3 + 1e-12] * 6, "theirs": [2 / 3] * 6})

    assert pairwise(table).iloc[0][["wins", "draws", "losses"]].tolist() == [0, 6, 0]


def significant(*pairs, names="abcde"):
    """All pairs of methods, those named different."""
    different = {frozenset(pair) for pair in pairs}
    rows = [
        (one, other, 0.001 if frozenset((one, other)) in different else 0.5)
        for k, one in enumerate(names)
        for other in names[k + 1 :]
    ]
    return pd.DataFrame(rows, columns=["first", "second", "p_holm"])


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((), ["abcde"]),
        (("ae",), ["abcd", "bcde"]),
        # a bar that starts inside another and ends beyond it is a clique of its own
        (("ad", "ae", "be"), ["abc", "bcd", "cde"]),
        # methods of the ends alike, but not with those between: no bar joins them
        (("ab", "bc", "ac", "ad", "bd"), ["cde"]),
        (("ab", "bc", "cd", "de"), []),
    ],
)
def test_cliques_are_all_longest_runs_without_a_difference(pairs, expected):
    ranks = pd.Series(range(1, 6), index=list("abcde"))

    found = cliques(ranks, significant(*pairs))

    assert ["".join(clique) for clique in found] == expected


def test_bayesian_probabilities_say_what_is_plain():
    much = bayesian_signed_rank(np.full(20, 0.1), 0.01)
    same = bayesian_signed_rank(np.full(20, 0.001), 0.01)
    worse = bayesian_signed_rank(np.full(20, -0.1), 0.01)

    assert much[0] > 0.99
    assert same[1] > 0.99
    assert worse[2] > 0.99
    for each in (much, same, worse):
        assert sum(each) == pytest.approx(1)


def test_differences_of_the_rope_are_equal_whatever_floating_point_makes_of_them():
    assert bayesian_signed_rank(np.full(20, 0.93 - 0.92), 0.01)[1] == 1
    assert bayesian_signed_rank(np.full(20, 0.92 - 0.93), 0.01)[1] == 1


def test_too_few_methods_are_refused():
    with pytest.raises(DataError, match="two or more"):
        pairwise(frame([[1, 2, 3]] * 4)[["a"]])
    with pytest.raises(DataError, match="three methods"):
        friedman(frame([[1, 2, 3]] * 4)[["a", "b"]])
