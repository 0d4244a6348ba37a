"""Methods compared across sets: ranks, tests, cliques, effects.

``scores`` is a table with a row a set and a column a method, without gaps. The way of Demsar,
"Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, with Wilcoxon tests
of all pairs instead of Nemenyi's, as Benavoli, Corani & Mangili, "Should we really use post-hoc
tests based on mean-ranks?", JMLR 17, 2016, argue: the p of two methods does not depend on which
others are there. After Holm's correction it does, and with it the cliques: more methods are more
pairs, of which each must be the clearer.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from tsconv.errors import DataError
from tsconv.evaluation.signed_ranks import (
    DECIMALS,
    bootstrap_weights,
    mean_interval,
    rank_biserial_interval,
    signed_ranks,
)

BOOTSTRAPS = 10_000
PAIR = [
    *("first", "second", "wins", "draws", "losses"),
    *("difference", "low", "high"),
    *("effect", "effect_low", "effect_high", "p"),
]


@dataclass(frozen=True, slots=True)
class Friedman:
    """Whether any method differs: Friedman's chi-square and Iman and Davenport's F of it."""

    chi_square: float
    p_chi_square: float
    f: float
    p_f: float


def mean_ranks(scores: pd.DataFrame, *, higher_is_better: bool = True) -> pd.Series:
    """Average rank of each method over sets, 1 = best; ties share the mean of their ranks."""
    ranks = _rounded(scores).rank(axis=1, ascending=not higher_is_better)
    return ranks.mean().sort_values(kind="stable")


def friedman(scores: pd.DataFrame) -> Friedman:
    """Friedman's test, corrected for ties, and the less conservative F of Iman and Davenport.

    nan where it is undefined: all methods alike on all sets.

    Raises:
        DataError: fewer than three methods.
    """
    n_sets, n_methods = scores.shape
    if n_methods < 3:
        raise DataError(f"Friedman's test: expected three methods or more, found {n_methods}")
    if (np.ptp(_rounded(scores).to_numpy(), axis=1) == 0).all():
        return Friedman(*[float("nan")] * 4)
    chi_square, p_value = stats.friedmanchisquare(*_rounded(scores).to_numpy().T)
    rest = n_sets * (n_methods - 1) - chi_square
    f = (n_sets - 1) * chi_square / rest if rest > 0 else np.inf
    p_f = stats.f.sf(f, n_methods - 1, (n_methods - 1) * (n_sets - 1))
    return Friedman(float(chi_square), float(p_value), float(f), float(p_f))


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """P-values that hold together (Holm 1979): step down, never falling, at most 1."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return adjusted


def pairwise(
    scores: pd.DataFrame, *, higher_is_better: bool = True, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Every pair of methods, the one of the better mean rank first.

    Columns: first, second, wins, draws, losses (of the first), difference (mean of first minus
    second), low and high (its bootstrap interval over sets), effect (matched-pairs rank-biserial
    correlation, -1 to 1, positive where the first is better), its interval, p, and p_holm over all
    pairs.

    Raises:
        DataError: fewer than two methods or sets.
    """
    n_sets, n_methods = scores.shape
    if n_methods < 2 or n_sets < 2:
        raise DataError(
            f"found {n_methods} methods and {n_sets} sets that all of them have; expected two or "
            "more of each"
        )
    order = mean_ranks(scores, higher_is_better=higher_is_better).index
    sign = 1 if higher_is_better else -1
    weights = bootstrap_weights(n_sets, BOOTSTRAPS, seed)
    rows = []
    for first, second in itertools.combinations(order, 2):
        differences = (scores[first] - scores[second]).to_numpy(dtype=np.float64)
        gains = sign * differences.round(DECIMALS)
        test = signed_ranks(gains)
        rows.append(
            (
                *(first, second),
                *(int((gains > 0).sum()), int((gains == 0).sum()), int((gains < 0).sum())),
                *(float(differences.mean()), *mean_interval(differences, weights, level)),
                *(test.rank_biserial, *rank_biserial_interval(gains, weights, level), test.p),
            )
        )
    table = pd.DataFrame(rows, columns=PAIR)
    table["p_holm"] = holm(table["p"].tolist())
    return table


def cliques(ranks: pd.Series, pairs: pd.DataFrame, alpha: float = 0.05) -> list[tuple[str, ...]]:
    """Methods next to each other in rank of which no pair differs significantly.

    All that cannot be made longer, best first; a method alone is none. Each is a run in the order
    of ranks, so that a bar can show it.
    """
    alike = {
        frozenset((row.first, row.second))
        for row in pairs.itertuples()
        if float(str(row.p_holm)) >= alpha
    }
    names = [str(name) for name in ranks.sort_values(kind="stable").index]
    found: list[tuple[str, ...]] = []
    for start in range(len(names)):
        end = start + 1
        while end < len(names) and all(
            frozenset((names[end], other)) in alike for other in names[start:end]
        ):
            end += 1
        run = tuple(names[start:end])
        if len(run) > 1 and not (found and set(run) <= set(found[-1])):
            found.append(run)
    return found


def bayesian_signed_rank(
    differences: NDArray[np.float64], rope: float = 0.01, *, draws: int = 20_000, seed: int = 0
) -> tuple[float, float, float]:
    """Probabilities that the first is better, that both are equal for practice, that it is worse.

    Benavoli, Corani, Demsar & Zaffalon, "Time for a change: a tutorial for comparing multiple
    classifiers through Bayesian analysis", JMLR 18, 2017, section 4.2: Dirichlet weights over sets,
    a pseudo-observation of zero with weight one half.

    Args:
        differences: (n_sets,), first minus second.
        rope: differences of at most this are equal for practice.
        draws: Monte Carlo draws.
        seed: of these.
    """
    values = np.concatenate([[0.0], differences])
    sums, limit = (values[:, None] + values).round(DECIMALS), round(2 * rope, DECIMALS)
    above, below = (sums > limit).astype(float), (sums < -limit).astype(float)
    prior = np.concatenate([[0.5], np.ones(len(differences))])
    weights = np.random.default_rng(seed).dirichlet(prior, draws)  # (draws, n + 1)
    better = np.einsum("di,ij,dj->d", weights, above, weights, optimize=True)
    worse = np.einsum("di,ij,dj->d", weights, below, weights, optimize=True)
    shares = np.stack([better, 1 - better - worse, worse], axis=1)
    most = np.bincount(shares.argmax(axis=1), minlength=3) / draws
    return float(most[0]), float(most[1]), float(most[2])


def _rounded(scores: pd.DataFrame) -> pd.DataFrame:
    return scores.round(DECIMALS)
