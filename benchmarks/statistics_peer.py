"""The other side of statistics_parity.py: the same numbers by other libraries.

Runs in an environment that has scikit-posthocs, baycomp, aeon and tsml-eval but not tsconv. A
folder holds ``scores.csv`` (a row a set, a column a method), ``pairs.csv`` (whose pairs are asked
for, and p values to be corrected) and ``tsml/``; ``theirs.csv`` is written: kind, first, second,
value.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import baycomp
import pandas as pd
import scikit_posthocs
from aeon.benchmarking.stats import check_friedman
from scipy.stats import rankdata
from statsmodels.stats.multitest import multipletests
from tsml_eval.evaluation.storage import load_classifier_results

LIBRARIES = ("scikit-posthocs", "baycomp", "aeon", "tsml-eval", "scipy")


def main(folder: Path, rope: float) -> None:
    """Write what these libraries make of the folder's tables."""
    scores = pd.read_csv(folder / "scores.csv", index_col=0)
    pairs = pd.read_csv(folder / "pairs.csv")
    ranks = rankdata(-scores.round(9), axis=1)
    rows = [("friedman", "", "", check_friedman(ranks))]
    rows += [("ranks", name, "", rank) for name, rank in zip(scores, ranks.mean(0), strict=True)]
    columns = [scores[name].round(9).to_numpy() for name in scores]
    p = scikit_posthocs.posthoc_wilcoxon(columns, zero_method="zsplit").to_numpy()
    place = {name: k for k, name in enumerate(scores)}
    corrected = multipletests(pairs["p"], method="holm")[1]
    for first, second, p_holm in zip(pairs["first"], pairs["second"], corrected, strict=True):
        rows.append(("wilcoxon", first, second, p[place[first], place[second]]))
        rows.append(("holm", first, second, p_holm))
        # baycomp gives: the left is better by more than the rope, within it, the right is
        shares = baycomp.SignedRankTest.probs(
            scores[first].to_numpy(), scores[second].to_numpy(), rope, nsamples=200_000
        )
        for name, share in zip(("p_better", "p_equal", "p_worse"), shares, strict=True):
            rows.append(("bayes", first, f"{second}:{name}", share))
    result = load_classifier_results(
        str(folder / "tsml/ours/Predictions/Noise/testResample0.csv"), verify_values=True
    )
    rows += [("tsml", "accuracy", "", result.accuracy), ("tsml", "auroc", "", result.auroc_score)]
    table = pd.DataFrame(rows, columns=["kind", "first", "second", "value"])
    table.to_csv(folder / "theirs.csv", index=False)
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    (folder / "versions.txt").write_text(versions, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
