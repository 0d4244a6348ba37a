"""Our comparison's statistics beside those of others, and our results files as others read them.

    python benchmarks/statistics_parity.py

Both networks' accuracies (results/small_sets.csv) beside published ones, by tsconv and by an
environment that has scikit-posthocs, baycomp, aeon and tsml-eval but not tsconv. Compared, as the
largest difference:

    ranks       mean rank of each method (scipy)
    friedman    p of Friedman's test, ties corrected (aeon)
    wilcoxon    two-sided p of each pair, zeros split (scikit-posthocs: a normal approximation where
                there are ties, so it may differ from our exact p by a little)
    holm        p after Holm's correction, from the same p (statsmodels)
    bayes       probabilities of the Bayesian signed-rank test, both by Monte Carlo (baycomp)
    tsml        accuracy and AUROC of a results file that we wrote, as tsml-eval reads it
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from peers import HERE, RESULTS, environment

from tsconv.evaluation.metrics import score
from tsconv.evaluation.tsml import TsmlResult, dump_result, path_of
from tsconv.workflows.compare import Comparison, compare

ROPE = 0.0101
"""No difference is as large: .93 - .92 and .01 are equal to us, to others what rounding makes."""
TOLERANCES = {
    "ranks": 1e-12,
    "friedman": 1e-12,
    "wilcoxon": 0.03,
    "holm": 1e-12,
    "bayes": 0.02,
    "tsml": 1e-9,
}


def main() -> None:
    """Print the table, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", type=Path, default=RESULTS / "small_sets.csv")
    table = parser.parse_args().table
    ours = compare([table], against=["published"], rope=ROPE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours.scores.to_csv(folder / "scores.csv")
        pairs = ours.pairs
        pairs.to_csv(folder / "pairs.csv", index=False)
        metrics = write_results_file(folder / "tsml")
        python = environment("statistics")
        subprocess.run([python, HERE / "statistics_peer.py", folder, str(ROPE)], check=True)
        theirs = pd.read_csv(folder / "theirs.csv")
        versions = (folder / "versions.txt").read_text("utf-8")
    differences = compare_both(ours, metrics, theirs)
    report = "".join(
        f"{name:10} {value:.2g}  (at most {TOLERANCES[name]:g})\n"
        for name, value in differences.items()
    )
    n_sets, n_methods = ours.scores.shape
    report = f"{n_methods} methods over {n_sets} sets; {versions}\n{report}"
    print(report, end="")
    if any(not value <= TOLERANCES[name] for name, value in differences.items()):
        sys.exit("not alike")
    (RESULTS / "statistics_parity.txt").write_text(report, "utf-8")


def write_results_file(folder: Path) -> dict[str, float]:
    """A results file of random probabilities where tsml-eval looks for it; our metrics of them."""
    generator = np.random.default_rng(0)
    y_true = np.repeat(np.arange(4), 25)
    proba = generator.dirichlet(np.ones(4), len(y_true))
    result = TsmlResult(dataset="Noise", classifier="ours", resample=0, y_true=y_true, proba=proba)
    path = path_of(folder, "ours", "Noise", 0)
    path.parent.mkdir(parents=True)
    path.write_text(dump_result(result), "utf-8")
    return score(y_true, proba)


def compare_both(
    ours: Comparison, metrics: dict[str, float], theirs: pd.DataFrame
) -> dict[str, float]:
    """The largest difference of each kind."""
    pairs = ours.pairs.set_index(["first", "second"])
    assert ours.friedman is not None
    expected = {("friedman", "", ""): ours.friedman.p_chi_square}
    for method, rank in ours.summary["mean_rank"].items():
        expected["ranks", str(method), ""] = rank
    for (first, second), row in pairs.iterrows():
        expected["wilcoxon", first, second] = row["p"]
        expected["holm", first, second] = row["p_holm"]
        for name in ("p_better", "p_equal", "p_worse"):
            expected["bayes", first, f"{second}:{name}"] = row[name]
    for name in ("accuracy", "auroc"):
        expected["tsml", name, ""] = metrics[name]
    keys = theirs[["kind", "first", "second"]].fillna("").itertuples(index=False, name=None)
    found = dict(zip(keys, theirs["value"], strict=True))
    if found.keys() != expected.keys():
        raise RuntimeError(f"answered differently: {os.fspath(HERE)}/statistics_peer.py")
    return {
        kind: max(abs(found[key] - expected[key]) for key in expected if key[0] == kind)
        for kind in TOLERANCES
    }


if __name__ == "__main__":
    main()
