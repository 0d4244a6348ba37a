"""A set that comes chunk by chunk, laid down in one file so that memory need not hold it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.data.dataset import PER_INSTANCE, VALUES_AT_ONCE, TimeSeriesDataset


def spool(chunks: Iterable[TimeSeriesDataset], path: Path) -> TimeSeriesDataset:
    """All chunks as one set, whose series are mapped from a new file at ``path``.

    Its classes are those of all chunks; it has labels, ids, groups, weights and extras where every
    chunk has them. Memory holds one chunk and what is not series.
    """
    without_series: list[TimeSeriesDataset] = []
    shape = (0, 0, 0)
    for chunk in chunks:
        if chunk.n_timepoints > shape[2]:  # by a quarter at least, lest each chunk widen it again
            shape = _widen(path, shape, max(chunk.n_timepoints, shape[2] + shape[2] // 4))
        _append(path, chunk.X, shape[2])
        shape = (shape[0] + chunk.n_instances, chunk.n_channels, shape[2])
        nothing = np.broadcast_to(np.float32(np.nan), chunk.X.shape)
        without_series.append(replace(chunk, X=nothing))
    X = np.memmap(path, np.float32, "r", shape=shape)
    return _joined(without_series, X)


def _joined(chunks: Sequence[TimeSeriesDataset], X: NDArray[np.float32]) -> TimeSeriesDataset:
    """The chunks as one set with the series ``X``."""
    classes = tuple(sorted(set().union(*(each.classes for each in chunks))))
    alike = [each.with_classes(classes) for each in chunks]
    extras = [each.extras for each in chunks if each.extras is not None]
    parts: dict[str, Any] = {
        name: None if any(part is None for part in found) else np.concatenate(found)
        for name in PER_INSTANCE
        if (found := [getattr(each, name) for each in alike])
    }
    return replace(
        alike[0],
        X=X[:, :, : parts["lengths"].max()],
        extras=pd.concat(extras, ignore_index=True) if len(extras) == len(chunks) else None,
        **parts,
    )


def _append(path: Path, X: NDArray[np.float32], width: int) -> None:
    """Add series to the file, padded to ``width`` time points."""
    padded = np.full((*X.shape[:2], width), np.nan, dtype=np.float32)
    padded[:, :, : X.shape[2]] = X
    with path.open("ab") as file:
        padded.tofile(file)


def _widen(path: Path, shape: tuple[int, int, int], width: int) -> tuple[int, int, int]:
    """Pad the series of the file, whose shape is given, to ``width`` time points; the new shape."""
    if shape[0]:
        narrow, wide = np.memmap(path, np.float32, "r", shape=shape), path.with_suffix(".wide")
        step = max(1, VALUES_AT_ONCE // (shape[1] * width))
        for start in range(0, shape[0], step):
            _append(wide, narrow[start : start + step], width)
        wide.replace(path)
    return (*shape[:2], width)
