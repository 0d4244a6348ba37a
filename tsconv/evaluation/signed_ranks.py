"""Two methods on the same datasets: Wilcoxon's signed-rank test and the size of the effect.

Wilcoxon, "Individual comparisons by ranking methods", Biometrics 1945, two-sided. A draw counts:
its rank goes half to either side (Demsar, JMLR 2006, section 3.1.3; "zsplit" in SciPy), so methods
that agree everywhere have p = 1. The p-value is exact given the absolute differences: the share
of all assignments of signs that lie as far out, for ties too, where the usual tables and the
normal approximation err. Under it, splitting the draws' ranks and leaving them out after ranking
(Pratt, 1959) are the same test.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DECIMALS = 9
"""Differences that agree so far tie: published figures are rounded, ours carry all digits."""
MOST_EXACT = 500  # datasets: above it the normal approximation, which is then good to 3 digits

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedRanks:
    """Wilcoxon's test of paired differences.

    Attributes:
        r_plus: sum of the ranks of the positive differences, and half of the draws'.
        r_minus: the same of the negative ones.
        p: two-sided.
    """

    r_plus: float
    r_minus: float
    p: float

    @property
    def rank_biserial(self) -> float:
        """Share of favourable rank sum minus the unfavourable, -1 to 1 (Kerby, 2014)."""
        return (self.r_plus - self.r_minus) / (self.r_plus + self.r_minus)


def signed_ranks(differences: Floats) -> SignedRanks:
    """Wilcoxon's test that the differences (n,) are symmetric about 0.

    Differences that agree to nine decimals tie; those of 0 to nine decimals are draws.
    """
    d = np.round(differences, DECIMALS)
    ranks = stats.rankdata(np.abs(d))
    drawn = ranks[d == 0].sum() / 2
    r_plus = float(ranks[d > 0].sum() + drawn)
    r_minus = float(ranks[d < 0].sum() + drawn)
    moving = ranks[d != 0]
    p = (
        _exact_p(moving, r_plus - drawn)
        if len(d) <= MOST_EXACT
        else _normal_p(moving, r_plus - r_minus)
    )
    return SignedRanks(r_plus=r_plus, r_minus=r_minus, p=p)


def bootstrap_weights(n: int, n_resamples: int, seed: int) -> Floats:
    """(n_resamples, n): how often each dataset occurs in each resample of n datasets."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)


def mean_interval(differences: Floats, weights: Floats, level: float) -> tuple[float, float]:
    """Bootstrap percentile interval of the mean difference."""
    return _percentiles(weights @ differences / len(differences), level)


def rank_biserial_interval(
    differences: Floats, weights: Floats, level: float
) -> tuple[float, float]:
    """Bootstrap percentile interval of the matched-pairs rank-biserial correlation.

    The ranks are those within each resample: a dataset drawn twice ties with itself.
    """
    n = len(differences)
    d = np.round(differences, DECIMALS)
    order = np.argsort(np.abs(d), kind="stable")
    starts = np.flatnonzero(np.diff(np.abs(d)[order], prepend=-1.0))  # of runs of tied values
    per_run = np.add.reduceat(weights[:, order], starts, axis=1)
    signed = np.add.reduceat((weights * np.sign(d))[:, order], starts, axis=1)
    midranks = per_run.cumsum(axis=1) - (per_run - 1) / 2
    return _percentiles((midranks * signed).sum(axis=1) / (n * (n + 1) / 2), level)


def _percentiles(values: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _exact_p(ranks: Floats, r_plus: float) -> float:
    """Two-sided p over all 2**m signs of ranks that are multiples of a half."""
    steps = np.rint(2 * ranks).astype(np.int64)
    total = int(steps.sum())
    share = np.zeros(total + 1)  # of the assignments whose doubled positive rank sum is the index
    share[0] = 1.0
    for step in steps:
        share[step:] = (share[step:] + share[: total + 1 - step]) / 2
        share[:step] /= 2
    nearer = min(round(2 * r_plus), total - round(2 * r_plus))
    return min(1.0, 2 * float(share[: nearer + 1].sum()))


def _normal_p(ranks: Floats, statistic: float) -> float:
    spread = float(np.sqrt((ranks**2).sum()))
    return 1.0 if spread == 0 else float(2 * stats.norm.sf(abs(statistic) / spread))
