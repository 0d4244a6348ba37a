"""Published accuracies, set by set, to hold results against.

Facts from the result files of public repositories, on the archives' own splits; nothing was run
again. A column is "method (source)". Sources: hfawaz/InceptionTime and hfawaz/dl-4-tsc of Ismail
Fawaz et al., MSD-IRIMAS/LITE, which repeats published columns, angus924/rocket and minirocket of
Dempster et al., ChangWeiTan/MultiRocket, Wensi-Tang/OS-CNN, tsml-eval, and the archive's summary.
"""

from collections.abc import Iterable, Mapping
from importlib import resources

import numpy as np
import pandas as pd

from tsconv.errors import UnknownNameError
from tsconv.evaluation.signed_ranks import DECIMALS
from tsconv.registry import did_you_mean

FILES = ("univariate_default_split.csv", "multivariate_default_split.csv")
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
USUAL = ("InceptionTime", "LITETime", "ROCKET", "ResNet", "1NN-DTW")
MULTIVARIATE = {
    "InceptionTime": "InceptionTime (LITE repo)",
    "LITETime": "LITETime (LITE repo)",
    "ROCKET": "ROCKET (tsml-eval fold 0)",
    "ResNet": "ResNet (LITE repo)",
    "1NN-DTW": "1NN-DTW-D (tsml-eval fold 0)",
}
"""The same methods' columns for multivariate sets."""


def read_published(
    names: Iterable[str] = USUAL, *, n_test: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Accuracies of published methods, a row a set, a column a name; nan where none is published.

    Where ``n_test`` tells how many test instances sets have, figures are taken by
    :func:`as_shares`.

    Raises:
        UnknownNameError: no method of that name; the message guesses which was meant.
    """
    univariate, multivariate = map(_read, FILES)
    columns = {}
    for name in names:
        found = [univariate[_column(name, univariate)]]
        if (other := MULTIVARIATE.get(name)) is not None:
            found.append(multivariate[other])
        columns[name] = pd.concat([as_shares(column, n_test or {}) for column in found])
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
    """What there is: short name, column with its source, sets and mean accuracy."""
    univariate = _read(FILES[0])
    short = {column: name for name, column in SHORT.items()}
    counts, means = univariate.count().tolist(), univariate.mean().tolist()
    names = list(map(str, univariate))
    rows = [
        (short.get(name, name), name, count, mean)
        for name, count, mean in zip(names, counts, means, strict=True)
    ]
    return pd.DataFrame(rows, columns=["name", "source", "sets", "mean accuracy"])


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


def _column(name: str, table: pd.DataFrame) -> str:
    columns = list(map(str, table))
    known = {column.split(" (")[0].lower(): column for column in reversed(columns)}
    known |= {column.lower(): column for column in columns}
    known |= {short.lower(): column for short, column in SHORT.items()}
    if name.lower() not in known:
        hint = did_you_mean(name, [*SHORT, *columns])
        raise UnknownNameError(
            f"unknown published method {name!r}{hint}; among others: {', '.join(SHORT)}"
        )
    return known[name.lower()]
