import numpy as np
import pandas as pd
import pytest

from tsconv.evaluation.published_results import (
    OWN_SPLIT,
    RESAMPLED,
    SHORT,
    as_shares,
    list_published,
    read_published,
)


@pytest.mark.parametrize(
    ("printed", "n_test", "meant"),
    [
        (0.9783, 138, 135 / 138),  # rounded
        (0.9866, 300, 296 / 300),  # cut off
        (0.8960000000000001, 125, 112 / 125),  # of a float
        (0.9, 30, 27 / 30),
        (1.0, 8236, 1.0),
        (0.0, 15, 0.0),
        (0.93, 30, 0.93),  # .9300, a mean of several runs: 28 / 30 would be .9333
        (0.916, 100, 0.916),
        (0.1233, 50_000, 0.1233),  # seven counts agree
        (0.9783, np.nan, 0.9783),
        (np.nan, 138, np.nan),
    ],
)
def test_a_figure_becomes_the_only_count_that_was_printed_so(printed, n_test, meant):
    figures = pd.Series({"A": printed, "other": 0.1234})

    found = as_shares(figures, {"A": n_test})

    assert found["A"] == pytest.approx(meant, abs=1e-12, nan_ok=True)
    assert found["other"] == 0.1234


@pytest.mark.parametrize(
    ("other", "printed", "n_test", "meant"),
    [
        (0.123, 0.933, 30, 28 / 30),
        (0.1234, 0.933, 30, 0.933),
        (0.12345678, 0.98250729, 343, 337 / 343),
        (1 / 3, 0.98250729, 343, 0.98250729),  # would be .982507289
    ],
)
def test_all_figures_of_a_method_have_as_many_decimals(other, printed, n_test, meant):
    found = as_shares(pd.Series({"A": printed, "other": other}), {"A": n_test})

    assert found["A"] == pytest.approx(meant, abs=1e-12)


def test_each_file_has_its_own_decimals():
    n_test = {"Chinatown": 343, "Cricket": 72, "BasicMotions": 40}

    found = read_published(["ROCKET", "InceptionTime"], n_test=n_test)

    assert found.loc["Chinatown", "ROCKET"] == 337 / 343  # printed with eight, others with all
    assert found.loc["Cricket", "InceptionTime"] == 71 / 72  # printed with four


def test_no_published_figure_moves_further_than_its_last_decimal():
    published = read_published(SHORT)

    found = read_published(SHORT, n_test=dict.fromkeys(published.index, 3000))

    assert (found - published).abs().max().max() <= 1e-4
    assert found.notna().equals(published.notna())


def test_every_method_that_is_listed_can_be_read():
    listed = list_published()

    assert set(listed["series"]) == {"univariate", "multivariate"}
    for kind, rows in listed.groupby("against"):
        found = read_published(rows["name"], kind)
        assert (found.count()[rows["name"]].to_numpy() >= rows["sets"].to_numpy()).all()


def test_a_name_stands_for_its_univariate_and_multivariate_figures():
    found = read_published(["HC2", "ConvTran", "1nn-dtw"])

    assert found.loc["GunPoint"].notna().tolist() == [True, False, True]
    assert found.loc["Handwriting", "HC2"] == pytest.approx(0.548235, abs=1e-6)
    assert found["ConvTran"].count() == 30


def test_means_of_resamples_are_a_kind_of_their_own():
    means, single = read_published(["ROCKET"], RESAMPLED), read_published(["ROCKET"], OWN_SPLIT)

    assert means.loc["ACSF1", "ROCKET"] != single.loc["ACSF1", "ROCKET"]
    assert means["ROCKET"].count() == 112  # tsml-eval's, where others have columns of that name too
