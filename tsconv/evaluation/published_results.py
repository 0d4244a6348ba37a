"""Published accuracies, set by set, to hold results against.

Facts from the result files of public repositories, on the archives' own splits or as means of 30
resamples; nothing was run again. A column is "method (source)". Sources: hfawaz/InceptionTime and
hfawaz/dl-4-tsc of Ismail Fawaz et al., MSD-IRIMAS/LITE, which repeats published columns,
angus924/rocket, minirocket and hydra of Dempster et al., ChangWeiTan/MultiRocket, which repeats
others too, Wensi-Tang/OS-CNN, tsml-eval, and the archive's summary.
"""

from collections.abc import Iterable, Mapping
from importlib import resources

import numpy as np
import pandas as pd

from tsconv.errors import UnknownNameError
from tsconv.evaluation.signed_ranks import DECIMALS
from tsconv.registry import did_you_mean

SHORT = {
    "InceptionTime": "InceptionTime (hfawaz, ens of 5)",
    "InceptionTime-LITE": "InceptionTime (LITE repo)",
    "Inception": "Inception single (hfawaz, mean of 5)",
    "H-InceptionTime": "H-InceptionTime (ens of 5)",
    "LITETime": "LITETime (LITE repo)",
    "LITE": "LITE (LITE repo)",
    "FCN": "FCN (LITE repo)",
    "ResNet": "ResNet (LITE repo)",
    "ROCKET": "ROCKET (LITE repo)",
    "MultiROCKET": "MultiROCKET (LITE repo)",
    "MiniRocket": "MiniRocket (angus924, fold 0)",
    "OS-CNN": "OS-CNN",
    "HC2": "HC2 (tsml-eval, fold 0)",
    "MR-Hydra": "MR-Hydra (tsml-eval, fold 0)",
    "1NN-ED": "ED_1NN (UCR DataSummary)",
    "1NN-DTW": "DTW_1NN_learned_w (UCR DataSummary)",
}
"""Short names of univariate methods; a column's own name, or all before its bracket, does too."""
MULTIVARIATE = {
    "InceptionTime": "InceptionTime (LITE repo)",
    "LITETime": "LITETime (LITE repo)",
    "ROCKET": "ROCKET (tsml-eval fold 0)",
    "ResNet": "ResNet (LITE repo)",
    "1NN-DTW": "1NN-DTW-D (tsml-eval fold 0)",
}
"""The same methods' columns for multivariate sets."""
BY_TSML = {
    **{
        name: f"{name} (tsml-eval)"
        for name in (
            *("Arsenal", "BOSS", "CIF", "DrCIF", "Hydra", "InceptionTime", "RISE", "ROCKET"),
            *("ResNet", "STC", "TDE", "TS-CHIEF", "TSF", "cBOSS"),
        )
    },
    "MiniRocket": "MiniROCKET (tsml-eval)",
    "MultiROCKET": "MR (tsml-eval)",
}
"""Means of 30 resamples that several sources have."""
OWN_SPLIT, RESAMPLED = "published", "published-resamples"
TABLES = {
    OWN_SPLIT: {
        "univariate_default_split.csv": SHORT,
        "multivariate_default_split.csv": MULTIVARIATE,
    },
    RESAMPLED: {"univariate_mean_of_30_resamples.csv": BY_TSML},
}
"""By kind: files, each with what its columns are called for short."""
USUAL = ("InceptionTime", "LITETime", "ROCKET", "ResNet", "1NN-DTW")
N_RESAMPLES = 30


def read_published(
    names: Iterable[str] = USUAL, kind: str = OWN_SPLIT, *, n_test: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Accuracies of published methods, a row a set, a column a name; nan where none is published.

    A name is a short one, all of a column's before its bracket, or the whole; it stands for the
    method's columns of all files of the kind. Where ``n_test`` tells how many test instances sets
    have, figures are taken by :func:`as_shares`.

    Raises:
        UnknownNameError: no method of that name; the message guesses which was meant.
    """
    tables = [(table := _read(file), _known(table, short)) for file, short in TABLES[kind].items()]
    columns = {}
    for name in names:
        found = [
            as_shares(table[known[name.lower()]], n_test or {})
            for table, known in tables
            if name.lower() in known
        ]
        if not found:
            short = list(dict.fromkeys(each for known in TABLES[kind].values() for each in known))
            columns_there = [str(column) for table, _ in tables for column in table]
            hint = did_you_mean(name, [*short, *columns_there])
            raise UnknownNameError(
                f"unknown {kind} method {name!r}{hint}; among others: {', '.join(short)}"
            )
        columns[name] = pd.concat(found)
    return pd.DataFrame(columns).rename_axis("dataset")


def as_shares(figures: pd.Series, n_test: Mapping[str, int]) -> pd.Series:
    """Accuracies of a method, by set, as the shares of right answers that were printed.

    A figure becomes k / n_test where exactly one k agrees with all decimals that the figures have,
    rounded or cut off, so that it ties with whoever has as many right. Means of several runs are no
    such shares and stay as they are, as do figures of sets that ``n_test`` lacks.
    """
    n = pd.Series(n_test, dtype=float).reindex(figures.index)
    unit = 0.1 ** _decimals(figures)
    slack = 1e-9  # of floating point, in right answers
    fewest: pd.Series = np.ceil(n * (figures - unit / 2) - slack)
    most = np.ceil(n * (figures + unit) - slack) - 1
    return (fewest / n).where(fewest == most, figures)


def list_published() -> pd.DataFrame:
    """What there is: kind, short name, column with its source, sets and mean accuracy."""
    rows = []
    for kind, files in TABLES.items():
        for file, known in files.items():
            short = {column: name for name, column in known.items()}
            for column, figures in _read(file).items():
                name = short.get(str(column), str(column))
                series, _, _ = file.partition("_")
                rows.append((kind, name, column, series, figures.count(), figures.mean()))
    return pd.DataFrame(
        rows, columns=["against", "name", "source", "series", "sets", "mean accuracy"]
    )


def _read(name: str) -> pd.DataFrame:
    with resources.files("tsconv.evaluation.published").joinpath(name).open("rb") as file:
        return pd.read_csv(file, index_col="dataset")


def _decimals(figures: pd.Series) -> int:
    """How many are printed, as far as results are told apart; some end in zeros that were lost."""
    exact = (
        decimals
        for decimals in range(DECIMALS)
        if ((figures.round(decimals) - figures).abs().max() < 1e-12)
    )
    return next(exact, DECIMALS)


def _known(table: pd.DataFrame, short: Mapping[str, str]) -> dict[str, str]:
    """Columns by all that they are called, in small letters."""
    columns = list(map(str, table))
    known = {column.split(" (")[0].lower(): column for column in reversed(columns)}
    known |= {column.lower(): column for column in columns}
    return known | {name.lower(): column for name, column in short.items()}
