"""The cells of a table's columns as numpy arrays."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def as_text(cells: pa.ChunkedArray) -> NDArray[np.object_]:
    """(N,) the cells as the table spells them, '' for none."""
    if is_text(cells):
        return np.asarray(cells.fill_null("").to_numpy(), dtype=object)
    values = cells.to_pandas().to_numpy(dtype=object, na_value="")
    return np.array([value if type(value) is str else str(value) for value in values], object)


def as_codes(cells: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """(N,) into the distinct texts of the cells, and these in the order they appear."""
    if not is_text(cells):
        return pd.factorize(as_text(cells))
    encoded = cells.fill_null("").combine_chunks().dictionary_encode()
    texts = np.asarray(encoded.dictionary.to_numpy(zero_copy_only=False), dtype=object)
    return encoded.indices.to_numpy().astype(np.int64), texts


def is_text(cells: pa.ChunkedArray) -> bool:
    """Whether the cells are text as they are."""
    return bool(pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type))


def as_numbers(cells: pa.ChunkedArray) -> NDArray[np.floating]:
    """(N,) the cells of a numeric column, NaN for none."""
    numbers = cells if pa.types.is_floating(cells.type) else cells.cast(pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy())


def as_lists(cells: pa.ChunkedArray) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The values of all lists, one after the other, and each list's length."""
    lists = cells.combine_chunks()
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    values = lists.flatten()
    if not pa.types.is_float32(values.type):
        values = values.cast(pa.float64(), safe=False)
    return as_float32(values.to_numpy(zero_copy_only=False)), lengths.astype(np.int64)


def as_frame(rows: pa.Table) -> pd.DataFrame:
    """The same rows; lists stay Arrow's, as objects they would cost more than all the rest."""

    def keep_lists(type: pa.DataType) -> pd.ArrowDtype | None:
        return pd.ArrowDtype(type) if pa.types.is_nested(type) else None

    frame: pd.DataFrame = rows.to_pandas(ignore_metadata=True, types_mapper=keep_lists)
    return frame


def is_ordered(codes: NDArray[np.int64], times: NDArray[Any]) -> bool:
    """Whether rows stand by instance and then by time."""
    is_next, is_same = codes[1:] > codes[:-1], codes[1:] == codes[:-1]
    return bool((is_next | (is_same & (times[1:] >= times[:-1]))).all())


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
