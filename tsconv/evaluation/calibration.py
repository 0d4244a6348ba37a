"""Whether a stated probability comes true.

Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
https://arxiv.org/abs/1706.04599, section 2.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Proba = NDArray[np.floating[Any]]


def reliability_table(y_true: Labels, proba: Proba, *, n_bins: int = 15) -> pd.DataFrame:
    """Confidence against accuracy of the predicted class, in bins of equal width.

    One row a bin, ``lower < confidence <= upper``: how many instances fall into it, their mean
    confidence and their accuracy; both are nan in an empty bin.
    """
    edges = np.linspace(0, 1, n_bins + 1)
    confidence = proba.max(axis=1).astype(np.float64)
    correct = proba.argmax(axis=1) == y_true
    bins = np.searchsorted(edges[1:-1], confidence, side="left")
    count = np.bincount(bins, minlength=n_bins)
    per_bin = np.where(count > 0, count, np.nan)  # an empty bin's means are nan
    return pd.DataFrame(
        {
            "lower": edges[:-1],
            "upper": edges[1:],
            "count": count,
            "confidence": np.bincount(bins, confidence, minlength=n_bins) / per_bin,
            "accuracy": np.bincount(bins, correct, minlength=n_bins) / per_bin,
        }
    )


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by their counts."""
    filled = table[table["count"] > 0]
    gap = (filled["confidence"] - filled["accuracy"]).abs()
    return float((gap * filled["count"]).sum() / filled["count"].sum())
