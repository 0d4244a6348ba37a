"""What a contestant's program does around its library: it answers requests, one JSON line each.

``contestant_<name>.py`` runs in its library's environment, so this needs NumPy and nothing else. It
gives three functions to :func:`serve`, which reads the series, calls them and times them. Whatever
a library prints goes to standard error; standard output holds answers alone. The other side is
:class:`peers.Process`.
"""

import ctypes
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH_SIZE = 64
STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

Series = dict[str, np.ndarray]
"""``X`` float32 (N, C, L), ``y`` int64 (N,) and ``lengths`` int64 (N,)."""
Answer = dict[str, Any]


def serve(
    fit: Callable[[Series, int, dict[str, Any]], Any],
    predict_proba: Callable[[Any, Series], np.ndarray],
    describe: Callable[[Any], Answer],
) -> None:
    """Answer every request on standard input until it ends.

    Args:
        fit: trains one network from series, epochs and the contestant's own settings.
        predict_proba: asks what `fit` gave for the probabilities (N, K) of series.
        describe: what is to be known of what `fit` gave: steps, parameters, precision, versions.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    fitted: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        with np.load(request["path"]) as file:
            series = dict(file)
        gc.collect()
        if request["do"] == "fit":
            started = time.perf_counter()
            fitted = fit(series, request["epochs"], request["settings"])
            answer = {"seconds": time.perf_counter() - started, **describe(fitted)}
        else:
            answer = time_predict(predict_proba, fitted, series)
        print(json.dumps(answer), file=answers, flush=True)


def time_predict(
    predict_proba: Callable[[Any, Series], np.ndarray], fitted: Any, series: Series
) -> Answer:
    """Seconds, and the MB by which memory rose above what the process held, series included."""
    before = forget_peak()
    started = time.perf_counter()
    proba = predict_proba(fitted, series)
    seconds = time.perf_counter() - started
    memory = peak_mb() - before
    if len(proba) != len(series["X"]) or not np.allclose(proba.sum(1), 1, atol=1e-3):
        raise RuntimeError(f"expected a distribution for each series, found {proba.shape}")
    return {"seconds": seconds, "memory_mb": memory}


def forget_peak() -> float:
    """Resident MB now, without what was freed but kept; Linux then counts the peak from here."""
    if FORGET.is_file():
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)
        FORGET.write_text("5")
    return peak_mb()


def peak_mb() -> float:
    """Highest resident MB of this process, on Linux since :func:`forget_peak`."""
    if STATUS.is_file():
        fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024
    per_mb = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb
