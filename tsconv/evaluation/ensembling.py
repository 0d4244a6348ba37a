"""An ensemble from its members: how they combine, how they differ, what combining gains.

``member_proba`` is (M, N, K): M members' probabilities of K classes for the same N instances.
The mean is that of the InceptionTime authors: Ismail Fawaz et al., "InceptionTime: Finding AlexNet
for Time Series Classification", DMKD 2020, https://arxiv.org/abs/1909.04939, section 3.2.
"""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.evaluation.metrics import Labels, Metric, Proba, score

MEMBERS_MEAN = "members' mean"
ENSEMBLE = "ensemble"


def combine(member_proba: Proba) -> NDArray[np.float64]:
    """(M, N, K) -> (N, K), the arithmetic mean over members."""
    proba: NDArray[np.float64] = member_proba.mean(axis=0, dtype=np.float64)
    return proba


def score_members(y_true: Labels, member_proba: Proba) -> pd.DataFrame:
    """Metrics as columns; a row for each member, for the members' mean and for the ensemble."""
    members = pd.DataFrame([score(y_true, proba) for proba in member_proba])
    members.index = pd.Index([f"member {k}" for k in range(len(member_proba))])
    members.loc[MEMBERS_MEAN] = members.mean(skipna=False)
    members.loc[ENSEMBLE] = pd.Series(score(y_true, combine(member_proba)))
    return members


def gain(table: pd.DataFrame) -> dict[str, float]:
    """Ensemble minus mean member in each metric of :func:`score_members`.

    A gain in accuracy is positive, a gain in log loss negative.
    """
    return as_dict(table.loc[ENSEMBLE] - table.loc[MEMBERS_MEAN])


def as_dict(row: Any) -> dict[str, float]:
    """One row of :func:`score_members`, the value of each metric."""
    return {str(name): float(value) for name, value in row.items()}


def disagreement(member_proba: Proba) -> float:
    """Share of instances that two members predict differently, mean over all pairs of members.

    nan for a single member.
    """
    y_pred = member_proba.argmax(axis=2)  # (M, N)
    pairs = itertools.combinations(y_pred, 2)
    shares = [float(np.mean(one != other)) for one, other in pairs]
    return float(np.mean(shares)) if shares else float("nan")


def size_curve(
    y_true: Labels,
    member_proba: Proba,
    metric: Metric,
    *,
    max_subsets: int = 50,
    seed: int = 0,
) -> pd.DataFrame:
    """How the metric moves with the size of the ensemble: columns size, n_subsets, mean, sd.

    Each row averages over the subsets of that size: all of them, or ``max_subsets`` different ones
    drawn by ``seed`` where there are more. ``sd`` is the spread over these subsets (ddof 0), which
    share members: it says how much the choice of members matters and is no standard error.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for size in range(1, len(member_proba) + 1):
        subsets = member_subsets(len(member_proba), size, max_subsets, generator)
        values = [metric(y_true, combine(member_proba[list(subset)])) for subset in subsets]
        rows.append((size, len(subsets), float(np.mean(values)), float(np.std(values))))
    return pd.DataFrame(rows, columns=["size", "n_subsets", "mean", "sd"])


def member_subsets(
    n_members: int, size: int, max_subsets: int, generator: np.random.Generator
) -> list[tuple[Any, ...]]:
    """Different sorted subsets of ``range(n_members)``: all of them, or as many as allowed."""
    if math.comb(n_members, size) <= max_subsets:
        return list(itertools.combinations(range(n_members), size))
    drawn: set[tuple[Any, ...]] = set()
    while len(drawn) < max_subsets:
        subset = generator.choice(n_members, size, replace=False)
        drawn.add(tuple(sorted(subset.tolist())))
    return sorted(drawn)
