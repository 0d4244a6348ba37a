"""Tables of results as runs of methods, and the scores of what all methods have."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tsconv.errors import DataError
from tsconv.registry import did_you_mean

REPEATS = ("resample", "seed")
KEYS = ("dataset", "method", *REPEATS)
VALUES = ("score", "seconds")
TOLD = ("precision", "selection", "run")
"""Columns of a collected table that tell runs apart, but not methods."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shared:
    """Scores on the sets, resamples and seeds that all methods have.

    Attributes:
        scores: a row a set, a column a method; the mean over resamples and seeds.
        seconds: of training over these sets, by method; nan where a table does not tell.
        dropped: the other sets, and the methods that lack each; none where all have it, but no
            resample and seed of it in common.
        unshared: by method, its runs of these sets on resamples and seeds that others lack.
        resamples: by set and method, how many a score is the mean of, where a table tells.
    """

    scores: pd.DataFrame
    seconds: pd.Series
    dropped: dict[str, tuple[str, ...]]
    unshared: dict[str, tuple[str, ...]]
    resamples: pd.Series


def runs_of(table: pd.DataFrame, metric: str, *, where: str = "table") -> pd.DataFrame:
    """What there is to compare, a row a run: dataset, method, resample, seed, score and seconds.

    Of a collected table (a row a run) or of one with a column a method. A method of a collected
    table is what tells runs apart: the network, with recipe and ensemble size where they vary. Runs
    that failed are left out; what a table does not tell is nan.

    Raises:
        DataError: no column ``dataset``, none of the metric, or two runs that nothing tells apart.
    """
    if "dataset" not in table:
        raise DataError(f"{where}: expected a column dataset, found {', '.join(map(str, table))}")
    runs = _collected(table, metric, where) if "network" in table else _melted(table, where)
    _check_repeats(runs, where)
    kinds = dict.fromkeys((*REPEATS, *VALUES), float) | {"dataset": str, "method": str}
    return runs.reindex(columns=[*KEYS, *VALUES]).astype(kinds)


def method_names(table: pd.DataFrame) -> pd.Series:
    """What each run's method is called: the network, and what else varies in the table."""
    names = table["network"].astype(str)
    if "recipe" in table and table["recipe"].nunique() > 1:
        names = names + " " + table["recipe"].astype(str)
    if "members" in table and table["members"].nunique() > 1:
        names = names + " x" + table["members"].astype(int).astype(str)
    return names


def join_runs(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The runs of all tables; a method of a name that is taken gets a number."""
    taken: set[str] = set()
    joined = []
    for runs in tables:
        names = {}
        for name in runs["method"].unique():
            free, number = name, 2
            while free in taken:
                free, number = f"{name} ({number})", number + 1
            taken.add(free)
            names[name] = free
        joined.append(runs.assign(method=runs["method"].map(names)))
    return pd.concat(joined, ignore_index=True)


def share(runs: pd.DataFrame, datasets: Sequence[str]) -> Shared:
    """Keep of joined runs what all methods have on some sets."""
    found = _means(runs, "score").loc[list(datasets)]
    complete = runs[runs["dataset"].isin(found.dropna().index)]
    kept = _on_shared_repeats(complete)
    scores = _means(kept, "score").reindex(columns=found.columns).dropna()
    others = complete.drop(kept.index)
    told = kept[kept["dataset"].isin(scores.index)].dropna(subset="resample")
    return Shared(
        scores=scores,
        seconds=_means(kept, "seconds").loc[scores.index].sum(skipna=False),
        dropped={
            str(name): tuple(map(str, found.columns[lacking.to_numpy()]))
            for name, lacking in found.drop(scores.index).isna().iterrows()
        },
        unshared={
            str(method): tuple(_name(run) for run in part.to_dict(orient="records"))
            for method, part in others.groupby("method", sort=False)
        },
        resamples=told.groupby(["dataset", "method"])["resample"].nunique(),
    )


def _on_shared_repeats(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs on the resamples and seeds that all methods have on a set.

    A method is held to what it tells: one without seeds to its resamples, one without both to
    nothing.
    """
    for keys in (list(REPEATS), ["resample"], ["seed"]):
        told = runs.dropna(subset=keys)
        n_methods = told.groupby("dataset")["method"].transform("nunique")
        n_having = told.groupby(["dataset", *keys])["method"].transform("nunique")
        runs = runs.drop(told.index[n_having < n_methods])
    return runs


def _means(runs: pd.DataFrame, value: str) -> pd.DataFrame:
    """A row a set, a column a method, resamples and seeds averaged; nan where there is none."""
    means = runs.groupby(["dataset", "method"])[value].mean().unstack()
    return means.reindex(columns=runs["method"].unique()).rename_axis(columns=None)


def _name(run: Mapping[Hashable, Any]) -> str:
    """What tells a run from others of its method."""
    repeats = [f"{key} {run[key]:g}" for key in REPEATS if pd.notna(run.get(key))]
    return ", ".join([str(run["dataset"]), *repeats])


def _collected(table: pd.DataFrame, metric: str, where: str) -> pd.DataFrame:
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
    seconds = done["train_seconds"] if "train_seconds" in done else float("nan")
    return done.assign(method=method_names(done), score=done[metric], seconds=seconds)


def _melted(table: pd.DataFrame, where: str) -> pd.DataFrame:
    keys = [key for key in ("dataset", *REPEATS) if key in table]
    numbers = table.set_index(keys).select_dtypes("number").astype(float)
    if numbers.empty:
        raise DataError(f"{where}: expected a column a method, found no numbers")
    columns = {str(name): numbers[name] for name in numbers}
    scores: pd.Series = pd.concat(columns, names=["method"])
    return scores.rename("score").dropna().reset_index()


def _check_repeats(runs: pd.DataFrame, where: str) -> None:
    """Refuse to average what is no repeat, such as runs of other settings."""
    for key in REPEATS:
        if key in runs and not pd.api.types.is_numeric_dtype(runs[key]):
            raise DataError(f"{where}: column {key}: expected numbers, found {runs[key].iloc[0]!r}")
    keys = [key for key in KEYS if key in runs]
    if not runs.duplicated(keys).any():
        return
    _, same = next(iter(runs[runs.duplicated(keys, keep=False)].groupby(keys, dropna=False)))
    differing = [
        f"{name} {', '.join(map(str, same[name].unique()))}"
        for name in TOLD
        if name in same and same[name].nunique() > 1
    ]
    first = same.to_dict(orient="records")[0]
    raise DataError(
        f"{where}: expected one run of {first['method']} on {_name(first)}, found {len(same)}"
        f"{', of ' if differing else ''}{'; '.join(differing)}; give runs of other settings "
        "a table of their own (tsconv collect), and repeats a column resample or seed"
    )
