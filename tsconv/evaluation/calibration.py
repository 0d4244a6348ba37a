"""Whether a stated probability comes true, and the one-number repair when it does not.

Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
https://arxiv.org/abs/1706.04599: section 2 for the bins, section 4.2 for the temperature.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

Labels = NDArray[np.integer[Any]]
Proba = NDArray[np.floating[Any]]

LOG_TEMPERATURE_RANGE = (-4.0, 4.0)  # temperatures from 0.018 to 55


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


def fit_temperature(y_true: Labels, proba: Proba) -> float:
    """The temperature that gives held-out labels the lowest log loss; 1 leaves things as they are.

    Fit it on instances that trained nothing. Where no minimum exists (every prediction right, say),
    it is the end of the searched range, 0.018 to 55.
    """
    logits = log_proba(proba)
    rows = np.arange(len(y_true))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[rows, y_true].mean())

    found = minimize_scalar(loss, bounds=LOG_TEMPERATURE_RANGE, method="bounded")
    return float(np.exp(found.x))


def apply_temperature(proba: Proba, temperature: float) -> NDArray[np.float64]:
    """The distributions at ``temperature``: above 1 flatter, below 1 sharper, same predictions."""
    return np.exp(log_softmax(log_proba(proba) / temperature, axis=1))


def log_proba(proba: Proba) -> NDArray[np.float64]:
    """Logits that softmax turns back into ``proba``; zeros become the smallest normal double."""
    return np.log(np.maximum(np.asarray(proba, dtype=np.float64), np.finfo(np.float64).tiny))
