"""Methods are held against each other on what all of them have, and on nothing else."""

import pandas as pd
import pytest

from tsconv.errors import DataError
from tsconv.evaluation.results import join_runs, runs_of, share


def make_table(network, scores, **columns):
    """A collected table from scores by set, resample and seed."""
    rows = [(*key, network, score) for key, score in scores.items()]
    names = ["dataset", "resample", "seed", "network", "accuracy"]
    return pd.DataFrame(rows, columns=names).assign(**columns)


def shared(*tables):
    runs = join_runs([runs_of(table, "accuracy") for table in tables])
    return share(runs, sorted(runs["dataset"].unique()))


def test_a_repeat_that_one_method_lacks_counts_for_none():
    one = make_table("a", {("X", 0, 0): 0.5, ("X", 1, 0): 0.7, ("X", 2, 0): 0.9, ("Y", 0, 0): 0.4})
    other = make_table("b", {("X", 0, 0): 0.6, ("X", 1, 0): 0.8, ("Y", 0, 0): 0.2})

    found = shared(one, other)

    assert found.scores.to_dict("index") == {
        "X": pytest.approx({"a": 0.6, "b": 0.7}),
        "Y": {"a": 0.4, "b": 0.2},
    }
    assert found.unshared == {"a": ("X, resample 2, seed 0",)}
    assert found.dropped == {}


def test_a_set_without_a_repeat_in_common_is_dropped():
    one = make_table("a", {("X", 0, 0): 0.5, ("Y", 0, 0): 0.4, ("Z", 0, 0): 0.3})
    other = make_table("b", {("X", 1, 0): 0.6, ("Y", 0, 0): 0.2})

    found = shared(one, other)

    assert found.scores.index.tolist() == ["Y"]
    assert found.dropped == {"X": (), "Z": ("b",)}


def test_a_table_without_seeds_is_held_to_resamples_alone():
    ours = make_table("a", {("X", r, s): 0.1 * r + 0.01 * s for r in range(3) for s in range(2)})
    theirs = make_table("b", {("X", r, 0): 0.5 for r in (0, 1)}).drop(columns="seed")

    found = shared(ours, theirs)

    assert found.scores.loc["X"].to_dict() == pytest.approx({"a": 0.055, "b": 0.5})
    assert found.unshared == {"a": ("X, resample 2, seed 0", "X, resample 2, seed 1")}


def test_a_column_a_method_may_tell_resamples_or_nothing():
    by_resample = pd.DataFrame({"dataset": ["X", "X"], "resample": [0, 1], "score": [0.5, 0.7]})
    plain = pd.DataFrame({"dataset": ["X"], "b": [1]})
    single = make_table("c", {("X", 0, 0): 0.9})

    both = shared(by_resample, plain)
    assert both.scores.loc["X"].to_dict() == pytest.approx({"score": 0.6, "b": 1.0})
    assert shared(by_resample, plain, single).scores.loc["X", "score"] == 0.5


def test_when_nothing_is_shared_nothing_is_left():
    found = shared(make_table("a", {("X", 0, 0): 0.5}), make_table("b", {("X", 1, 0): 0.6}))

    assert found.scores.shape == (0, 2)
    assert found.dropped == {"X": ()}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"precision": "float32"}, "seed 0, found 2, of precision bfloat16, float32; give"),
        ({"run": "b/X"}, "found 2, of run a/X, b/X; give"),
        ({}, "found 2; give runs of other settings a table of their own"),
        ({"seed": None}, None),
    ],
)
def test_two_runs_that_are_no_repeats_are_refused(second, words):
    first = make_table("a", {("X", 0, 0.0): 0.5}, precision="bfloat16", run="a/X")
    table = pd.concat([first, first.assign(**second).astype({"seed": float})])

    if words is None:
        assert len(runs_of(table, "accuracy")) == 2
        return
    with pytest.raises(DataError, match=f"my.csv: expected one run of a on X, resample 0.*{words}"):
        runs_of(table, "accuracy", where="my.csv")


def test_a_set_twice_in_a_table_with_a_column_a_method_is_refused():
    wide = pd.DataFrame({"dataset": ["X", "X"], "a": [0.5, 0.6]})

    with pytest.raises(DataError, match=r"one run of a on X, found 2.*a column resample or seed"):
        runs_of(wide, "accuracy")


def test_repeats_are_numbered():
    table = make_table("a", {("X", "first", 0): 0.5})

    with pytest.raises(DataError, match="column resample: expected numbers, found 'first'"):
        runs_of(table, "accuracy")
