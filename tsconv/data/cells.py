"""The cells of a table's columns as numpy arrays."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def as_text(cells: "pd.Series[Any]") -> NDArray[np.object_]:
    """(N,) the cells as the table spells them, '' for none."""
    values = cells.to_numpy(dtype=object, na_value="")
    if isinstance(cells.dtype, pd.StringDtype):
        return values
    return np.array([value if type(value) is str else str(value) for value in values], object)


def as_codes(cells: "pd.Series[Any]") -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """(N,) into the distinct texts of the cells, and these in the order they appear."""
    if not isinstance(cells.dtype, pd.StringDtype):
        codes, texts = pd.factorize(as_text(cells))
        return codes, texts
    codes, found = pd.factorize(cells.fillna(""))
    return codes, as_text(pd.Series(found, dtype=cells.dtype))


def is_ordered(codes: NDArray[np.int64], times: NDArray[Any]) -> bool:
    """Whether rows stand by instance and then by time."""
    is_next, is_same = codes[1:] > codes[:-1], codes[1:] == codes[:-1]
    return bool((is_next | (is_same & (times[1:] >= times[:-1]))).all())


def as_lists(cells: "pd.Series[Any]") -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The values of all lists (of an Arrow type), one after the other, and each list's length."""
    found = pa.array(cells)
    lists = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    values = lists.flatten()
    if not pa.types.is_float32(values.type):
        values = values.cast(pa.float64(), safe=False)
    return as_float32(values.to_numpy(zero_copy_only=False)), lengths.astype(np.int64)


def fill_rows(
    rows: NDArray[np.float32], values: NDArray[np.float32], lengths: NDArray[np.int64]
) -> None:
    """Put values that follow each other into the starts of ``rows``, as many as each is long."""
    if (lengths == rows.shape[1]).all():
        rows[:] = values.reshape(rows.shape)
        return
    stop = 0
    for row, length in zip(rows, lengths.tolist(), strict=True):
        start, stop = stop, stop + length
        row[:length] = values[start:stop]


def as_float32(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """The same rounded; too large a number becomes infinite, which the caller reports."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)
