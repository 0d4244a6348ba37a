"""Compare: methods over the sets that all of them have, with each other and with published ones."""

import fnmatch
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tsconv.data.catalogue import groups, read_catalogue
from tsconv.errors import ConfigError, DataError, RunError
from tsconv.evaluation.comparison import (
    Friedman,
    bayesian_signed_rank,
    cliques,
    friedman,
    mean_ranks,
    pairwise,
)
from tsconv.evaluation.published_results import (
    N_RESAMPLES,
    OWN_SPLIT,
    RESAMPLED,
    TABLES,
    USUAL,
    list_published,
    read_published,
)
from tsconv.evaluation.report import plain
from tsconv.evaluation.results import Shared, join_runs, runs_of, share
from tsconv.evaluation.signed_ranks import DECIMALS
from tsconv.registry import did_you_mean

__all__ = ["Comparison", "Terms", "compare", "list_published", "read_results"]

LOWER_IS_BETTER = ("log_loss", "brier", "ece")
LOWER_SUFFIXES = ("_seconds", "_mb")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Comparison:
    """What :func:`compare` found.

    Attributes:
        metric: what was compared.
        higher_is_better: which way it is better.
        alpha: level of significance.
        rope: differences of at most this are equal for practice; None without such a region.
        scores: a row a set that all methods have, a column a method, best rank first; rounded, so
            that what ties by one count ties by all.
        dropped: sets that not all have, and the methods that lack each; none where all have it, but
            no resample and seed of it in common.
        unshared: by method, runs left out since not all methods have their resample and seed.
        summary: a row a method: mean, median, mean_rank, wins (best or sharing it).
        seconds: of training over these sets, by method; nan where a table does not tell.
        friedman: None for two methods.
        pairs: see :func:`tsconv.evaluation.comparison.pairwise`; with a rope also
            p_better, p_equal and p_worse.
        cliques: methods that do not differ significantly.
    """

    metric: str
    higher_is_better: bool
    alpha: float
    rope: float | None
    scores: pd.DataFrame
    dropped: dict[str, tuple[str, ...]]
    unshared: dict[str, tuple[str, ...]]
    summary: pd.DataFrame
    seconds: pd.Series
    friedman: Friedman | None
    pairs: pd.DataFrame
    cliques: tuple[tuple[str, ...], ...]

    @property
    def left_out(self) -> dict[str, str]:
        """Sets, and methods of which runs, that are left out, and why."""
        reasons = {
            name: f"lacked by {', '.join(methods)}"
            if methods
            else "no resample and seed of it that all methods have"
            for name, methods in self.dropped.items()
        }
        return reasons | {
            method: f"{len(runs)} of its runs, on resamples or seeds that others lack: {runs[0]}"
            f"{' and so on' * (len(runs) > 1)}"
            for method, runs in self.unshared.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        document: dict[str, Any] = plain(
            {
                "metric": self.metric,
                "higher_is_better": self.higher_is_better,
                "alpha": self.alpha,
                "rope": self.rope,
                "datasets": list(self.scores.index),
                "dropped": self.dropped,
                "unshared": self.unshared,
                "summary": self.summary.reset_index().to_dict(orient="records"),
                "seconds": self.seconds.to_dict(),
                "friedman": None if self.friedman is None else asdict(self.friedman),
                "pairs": self.pairs.to_dict(orient="records"),
                "cliques": self.cliques,
                "scores": self.scores.reset_index().to_dict(orient="records"),
            }
        )
        return document


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What :func:`compare` compares by, where a command says more than which tables."""

    against: tuple[str, ...] = ()
    metric: str = "accuracy"
    datasets: tuple[str, ...] = ()
    alpha: float = 0.05
    rope: float | None = None

    def compare(self, tables: Sequence[Path]) -> Comparison:
        """The methods of the tables, on these terms."""
        return compare(
            tables,
            against=self.against,
            metric=self.metric,
            datasets=self.datasets,
            alpha=self.alpha,
            rope=self.rope,
        )

    def flags(self) -> list[str]:
        """As a command line gives them, those that differ from the defaults."""
        words = [word for each in self.against for word in ("--against", each)]
        words += [word for each in self.datasets for word in ("--datasets", each)]
        usual = Terms()
        if self.metric != usual.metric:
            words += ["--metric", self.metric]
        if self.alpha != usual.alpha:
            words += ["--alpha", f"{self.alpha:g}"]
        if self.rope is not None:
            words += ["--rope", f"{self.rope:g}"]
        return words

    def refuse_for_run(self, run: Path) -> None:
        """Raise ConfigError where these are not the usual terms: a run has nothing to compare."""
        if flags := self.flags():
            raise ConfigError(
                f"{flags[0]} {flags[1]}: compares tables; leave it out for a run, {run}"
            )


def compare(
    tables: Sequence[Path],
    *,
    against: Sequence[str] = (),
    metric: str = "accuracy",
    datasets: Sequence[str] = (),
    alpha: float = 0.05,
    rope: float | None = None,
) -> Comparison:
    """Hold methods against each other over the sets, resamples and seeds that all of them have.

    Args:
        tables: collected tables, or tables with a column a method; .csv or .parquet.
        against: ``published`` for the usual methods, ``published:NAME`` for one;
            ``published-resamples`` for means of 30 resamples.
        metric: a column of the collected tables.
        datasets: names, patterns such as ``Gun*`` or groups such as ``ucr112``; all unless given.
        alpha: level of significance.
        rope: differences of at most this are equal for practice; adds Bayesian probabilities.

    Raises:
        DataError: tables that cannot be compared, or less than two methods or sets.
        ConfigError: an option that does not hold.
    """
    if against and metric != "accuracy":
        raise ConfigError(f"--against: published figures are accuracies, found --metric {metric}")
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha: expected a number between 0 and 1, found {alpha:g}")
    kind, names = _asked(against)
    parts = [
        runs_of(_comparable(path, own_split=kind == OWN_SPLIT), metric, where=str(path))
        for path in tables
    ]
    own = {name for part in parts for name in part["dataset"]}
    if against:
        parts.append(_published(names, kind))
    shared = share(join_runs(parts), _chosen(own, datasets))
    if kind == RESAMPLED:
        _check_resamples(shared)
    _tell(shared, alpha)
    better = metric not in LOWER_IS_BETTER and not metric.endswith(LOWER_SUFFIXES)
    return _compare(shared, metric, better=better, alpha=alpha, rope=rope)


def _tell(shared: Shared, alpha: float) -> None:
    """Say what is left out, and where too little is left."""
    if shared.dropped:
        logger.info("sets that not all methods have are left out: %d", len(shared.dropped))
    if n_runs := sum(map(len, shared.unshared.values())):
        logger.warning(
            "runs on resamples and seeds that not all methods have are left out: %d", n_runs
        )
    n_sets, n_methods = shared.scores.shape
    n_pairs = math.comb(n_methods, 2)
    if n_pairs * 2.0 ** (1 - n_sets) >= alpha:  # after Holm, the p of a pair won on every set
        logger.warning(
            "%d sets are too few for tests of %d pairs to find any difference at %g",
            n_sets,
            n_pairs,
            alpha,
        )


def _compare(
    shared: Shared, metric: str, *, better: bool, alpha: float, rope: float | None
) -> Comparison:
    scores = shared.scores.round(DECIMALS)
    pairs = pairwise(scores, higher_is_better=better)
    ranks = mean_ranks(scores, higher_is_better=better)
    scores = scores[list(ranks.index)]
    best = scores.max(axis=1) if better else scores.min(axis=1)
    summary = pd.DataFrame(
        {
            "mean": scores.mean(),
            "median": scores.median(),
            "mean_rank": ranks,
            "wins": scores.eq(best, axis=0).sum(),
        }
    ).rename_axis("method")
    if rope is not None:
        sign = 1 if better else -1
        shares = [
            bayesian_signed_rank(sign * (scores[first] - scores[second]).to_numpy(), rope)
            for first, second in zip(pairs["first"], pairs["second"], strict=True)
        ]
        pairs[["p_better", "p_equal", "p_worse"]] = shares
    return Comparison(
        metric=metric,
        higher_is_better=better,
        alpha=alpha,
        rope=rope,
        scores=scores,
        dropped=shared.dropped,
        unshared=shared.unshared,
        summary=summary,
        seconds=shared.seconds.reindex(scores.columns),
        friedman=friedman(scores) if scores.shape[1] > 2 else None,
        pairs=pairs,
        cliques=tuple(cliques(ranks, pairs, alpha)),
    )


def read_results(path: Path) -> pd.DataFrame:
    """A file, the table of a benchmark's folder, or a folder of results in tsml-eval's layout.

    Raises:
        DataError: it cannot be read.
    """
    if path.is_dir():
        if (own := path / "results.csv").is_file():
            return read_results(own)
        from tsconv.workflows.tsml import read_results as read_tsml_results  # pulls in torch

        try:
            return read_tsml_results(path)
        except RunError as error:
            raise DataError(
                f"{path}: expected a table of results, a benchmark's folder with results.csv, or "
                "tsml-eval's testResample*.csv below it; found none; `tsconv collect` makes a table"
            ) from error
    try:
        is_parquet = path.suffix.lower() == ".parquet"
        return pd.read_parquet(path) if is_parquet else pd.read_csv(path, comment="#")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise DataError(f"{path}: expected a table of results; {error}") from error


def _comparable(path: Path, *, own_split: bool) -> pd.DataFrame:
    """A file's results; beside published figures only those on the archive's own split."""
    table = read_results(path)
    if own_split and "resample" in table:
        others = table["resample"].ne(0)
        if others.any():
            logger.info(
                "%s: %d runs on resamples are left out, published figures are on the "
                "archives' own splits",
                path,
                others.sum(),
            )
        table = table[~others]
    return table


def _asked(against: Sequence[str]) -> tuple[str, list[str]]:
    """Which kind of published figures is asked for, and of which methods."""
    wanted = [each.partition(":") for each in against]
    kinds = list(dict.fromkeys(kind for kind, _, _ in wanted))
    for kind in kinds:
        if kind not in TABLES:
            raise ConfigError(
                f"--against {kind}: expected {' or '.join(TABLES)}, or published:NAME; a table of "
                "your own goes beside the first"
            )
    if len(kinds) > 1:
        raise ConfigError(
            f"--against {' and '.join(kinds)}: figures on the archives' own splits and means of "
            f"{N_RESAMPLES} resamples do not compare; give one kind"
        )
    names = [each for _, _, name in wanted for each in ((name,) if name else USUAL)]
    return next(iter(kinds), ""), names


def _published(names: Sequence[str], kind: str) -> pd.DataFrame:
    """Published figures as runs of one repeat that goes with any."""
    is_single = kind == OWN_SPLIT
    n_test = {entry.name: entry.n_test for entry in read_catalogue()} if is_single else {}
    figures = read_published(names, kind, n_test=n_test)
    return runs_of(figures.reset_index(), "accuracy", where=kind)


def _check_resamples(shared: Shared) -> None:
    """Let nothing but means of resamples stand beside means of resamples."""
    counts = shared.resamples
    if (counts < 2).any():
        name, method = counts.index[int(counts.argmin())]
        raise DataError(
            f"--against {RESAMPLED}: expected several resamples of each set, found one of {name}, "
            f"{method}; figures on the archives' own splits are --against {OWN_SPLIT}"
        )
    if (counts < N_RESAMPLES).any():
        logger.warning(
            "published means are over %d resamples, those beside them over %d or more",
            N_RESAMPLES,
            counts.min(),
        )


def _chosen(known: Iterable[str], datasets: Sequence[str]) -> list[str]:
    """The sets that are asked for by name, pattern or group, in any case, all unless any are."""
    names, known_groups = list(known), groups()
    own = set(names)
    patterns = [part for each in datasets for part in each.split(",") if part]
    chosen = set() if patterns else set(names)
    for pattern in patterns:
        wanted = known_groups.get(pattern.lower(), (pattern,))
        found = {name for each in wanted for name in names if _matches(name, each)}
        if not found:
            here = {name for name, sets in known_groups.items() if not own.isdisjoint(sets)}
            hint = did_you_mean(pattern, [*names, *sorted(here)])
            raise DataError(
                f"--datasets {pattern}: no set of the tables is called or grouped so{hint}"
            )
        chosen |= found
    return sorted(chosen)


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())
