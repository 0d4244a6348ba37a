"""Tables of results as scores to compare: a row a set, a column a method."""

from collections.abc import Sequence

import pandas as pd

from tsconv.errors import DataError
from tsconv.registry import did_you_mean

METHOD = ("network", "recipe", "members")
REPEATS = ("resample", "seed")


def scores_of(table: pd.DataFrame, metric: str, *, where: str = "table") -> pd.DataFrame:
    """Scores from a collected table (a row a run) or from one with a column a method.

    A method of a collected table is what tells runs apart: the network, with recipe and ensemble
    size where they vary. Runs that failed are left out; resamples and seeds are averaged.

    Raises:
        DataError: no column ``dataset``, or none of the metric.
    """
    if "dataset" not in table:
        raise DataError(f"{where}: expected a column dataset, found {', '.join(map(str, table))}")
    if "network" not in table:
        numbers = table.set_index("dataset").select_dtypes("number")
        if numbers.empty:
            raise DataError(f"{where}: expected a column a method, found no numbers")
        return numbers.groupby(level=0).mean()
    if metric not in table or not pd.api.types.is_numeric_dtype(table[metric]):
        numeric = list(map(str, table.select_dtypes("number")))
        hint = did_you_mean(metric, numeric)
        raise DataError(
            f"{where}: expected a column {metric!r} of numbers{hint}; numbers are in "
            f"{', '.join(numeric)}"
        )
    done = table[table["failure"].isna()] if "failure" in table else table
    done = done[done[metric].notna()]
    if done.empty:
        raise DataError(f"{where}: expected finished runs with {metric}, found none to compare")
    return done.assign(method=method_names(done)).pivot_table(
        index="dataset", columns="method", values=metric, aggfunc="mean"
    )


def seconds_of(table: pd.DataFrame, scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Seconds of training behind the scores that :func:`scores_of` found, nan where not told."""
    if not {"network", "train_seconds", metric} <= set(table):
        return scores * float("nan")
    measured = table[table[metric].notna()]
    if measured["train_seconds"].isna().all():
        return scores * float("nan")
    return scores_of(measured, "train_seconds").reindex_like(scores)


def method_names(table: pd.DataFrame) -> pd.Series:
    """What each run's method is called: the network, and what else varies in the table."""
    names = table["network"].astype(str)
    if "recipe" in table and table["recipe"].nunique() > 1:
        names = names + " " + table["recipe"].astype(str)
    if "members" in table and table["members"].nunique() > 1:
        names = names + " x" + table["members"].astype(int).astype(str)
    return names


def join_scores(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Scores side by side; a method of a name that is taken gets a number.

    Gaps are nan, for a set that a table lacks.
    """
    columns: dict[str, pd.Series] = {}
    for table in tables:
        for name in map(str, table):
            free, number = name, 2
            while free in columns:
                free, number = f"{name} ({number})", number + 1
            columns[free] = table[name]
    return pd.DataFrame(columns).rename_axis("dataset")
