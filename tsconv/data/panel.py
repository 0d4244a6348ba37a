"""In memory: arrays, lists of arrays, data frames and every other sktime panel as a dataset.

Arrays and frames of equal length follow the tables: values missing in all channels at the end of a
series are padding. A list says each length itself. Only containers that are neither numpy, list nor
pandas need sktime, which is imported then.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.data.dataset import TimeSeriesDataset, from_series
from tsconv.errors import DataError

LONG_COLUMNS = ("case_id", "reading_id", "dim_id", "value")
"""The columns of sktime's pd-long."""

Instances = tuple[Sequence[NDArray[np.floating]], NDArray[np.object_] | None, tuple[str, ...]]
"""Arrays (C, length), ids if there are any, and the channels' names or ()."""


def from_panel(X: Any, y: Any = None, *, name: str = "data") -> TimeSeriesDataset:
    """The dataset that a panel and its labels hold.

    Args:
        X: array (N, C, L), or (N, L) of one channel; list of arrays (C, length) or (length,), or of
            data frames (length, C); frame with an (instance, time) index; nested, wide or long
            frame; or any other sktime Panel container.
        y: one label an instance. Strings are kept as they are, all else is named by ``str``.
        name: what messages call the data.

    Raises:
        DataError: no such container, shapes that disagree, or values that are not numbers.
    """
    series, ids, channels = _instances(X, name)
    for k, each in enumerate(series):
        _expect_series(each, k, name)
    labels = None if y is None else _as_labels(y, len(series), name)
    return from_series(series, labels, ids=ids, channels=channels, name=name)


def _instances(X: Any, name: str) -> Instances:
    if isinstance(X, np.ndarray) and X.dtype != object:
        return _from_array(X, name), None, ()
    if isinstance(X, pd.DataFrame):
        return _from_frame(X, name)
    if isinstance(X, list | tuple | np.ndarray) and all(_is_series(each) for each in X):
        return _from_list(X, name)
    return _from_frame(_through_sktime(X, name), name)


def _from_array(X: NDArray[Any], name: str) -> list[NDArray[np.floating]]:
    if X.ndim not in (2, 3):
        raise DataError(
            f"{name}: expected an array (instances, channels, timepoints) or, for one channel, "
            f"(instances, timepoints), found the shape {X.shape}"
        )
    values = _as_numbers(X[:, None, :] if X.ndim == 2 else X, name)
    has_value = np.asarray(~np.isnan(values).all(axis=1))
    lengths = has_value.shape[1] - np.argmax(has_value[:, ::-1], axis=1) if values.size else []
    return [each[:, :length] for each, length in zip(values, lengths, strict=False)]


def _from_list(X: Iterable[Any], name: str) -> Instances:
    series: list[NDArray[np.floating]] = []
    channels: tuple[str, ...] = ()
    for k, each in enumerate(X):
        values = _as_numbers(each, f"{name}: instance {k}")
        if isinstance(each, pd.DataFrame):
            names = tuple(map(str, each.columns))
            if channels and names != channels:
                raise DataError(
                    f"{name}: instance {k}: expected the columns {', '.join(channels)} of the "
                    f"first instance, found {', '.join(names)}"
                )
            channels, values = names, values.T
        series.append(np.atleast_2d(values))
    widths = sorted({each.shape[0] for each in series})
    if len(widths) > 1:
        raise DataError(
            f"{name}: expected arrays (channels, timepoints) with one number of channels, found "
            f"{widths}; are the axes swapped?"
        )
    return series, None, channels


def _from_frame(X: pd.DataFrame, name: str) -> Instances:
    if isinstance(X.index, pd.MultiIndex):
        return _from_multiindex(X, name)
    if set(LONG_COLUMNS) <= set(X.columns):
        rows = X.pivot(index=["case_id", "reading_id"], columns="dim_id", values="value")
        return _from_multiindex(rows, name)
    if len(X) and all(_is_series(cell) for cell in X.iloc[0]):
        return _from_nested(X, name)
    return _from_wide(X, name)


def _from_multiindex(X: pd.DataFrame, name: str) -> Instances:
    levels = list(range(X.index.nlevels - 1))
    series, ids = [], []
    for key, rows in X.groupby(level=levels, sort=False):
        series.append(_as_numbers(rows, f"{name}: instance {key}").T)
        ids.append("/".join(map(str, key)) if isinstance(key, tuple) else str(key))
    return series, np.array(ids, dtype=object), tuple(map(str, X.columns))


def _from_nested(X: pd.DataFrame, name: str) -> Instances:
    """A column a channel, a whole series a cell."""
    series = []
    for k, cells in enumerate(X.itertuples(index=False, name=None)):
        lengths = [len(cell) for cell in cells]
        if len(set(lengths)) > 1:
            raise DataError(
                f"{name}: instance {k}: expected channels of one length, found {lengths}"
            )
        series.append(np.stack([_as_numbers(cell, f"{name}: instance {k}") for cell in cells]))
    return series, None, tuple(map(str, X.columns))


def _from_wide(X: pd.DataFrame, name: str) -> Instances:
    """A row an instance, a column a time point; ``channel__time`` names several channels."""
    parts = [str(column).rpartition("__") for column in X.columns]
    channels = tuple(dict.fromkeys(channel for channel, _, _ in parts))
    values = _as_numbers(X, name)
    if len(X.columns) % len(channels):
        raise DataError(
            f"{name}: expected as many columns for each of the channels {', '.join(channels)}, "
            f"found {len(X.columns)} in all"
        )
    order = np.argsort([channels.index(channel) for channel, _, _ in parts], kind="stable")
    cube = values[:, order].reshape(len(X), len(channels), -1)
    return _from_array(cube, name), None, channels if channels != ("",) else ()


def _through_sktime(X: Any, name: str) -> pd.DataFrame:
    """Any other Panel container as a frame with an (instance, time) index."""
    try:
        from sktime.datatypes import convert_to
    except ImportError as error:
        raise DataError(
            f"{name}: expected an array, a list of arrays or a data frame, found "
            f"{type(X).__name__}; install sktime to use its other panel types"
        ) from error
    try:
        frame: pd.DataFrame = convert_to(X, "pd-multiindex", as_scitype="Panel")
    except (TypeError, ValueError, NotImplementedError, ImportError) as error:
        raise DataError(
            f"{name}: expected an array (instances, channels, timepoints), a list of arrays, a "
            f"data frame or another sktime Panel, found {type(X).__name__}"
        ) from error
    return frame


def _is_series(cell: Any) -> bool:
    """Whether something holds one instance's values, or one channel's."""
    is_list = isinstance(cell, list | tuple) and all(np.isscalar(value) for value in cell)
    return is_list or isinstance(cell, np.ndarray | pd.Series | pd.DataFrame)


def _as_numbers(values: Any, name: str) -> NDArray[np.float64]:
    try:
        if isinstance(values, pd.DataFrame | pd.Series):
            values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected numbers; {error}") from error


def _expect_series(values: NDArray[np.floating], k: int, name: str) -> None:
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(
            f"{name}: instance {k}: expected an array (channels, timepoints), "
            f"found the shape {values.shape}"
        )
    if np.isnan(values).all():
        raise DataError(f"{name}: instance {k}: expected at least one value, found none")
    if (np.abs(values) > np.finfo(np.float32).max).any():
        raise DataError(
            f"{name}: instance {k}: found a value that is not finite in float32; "
            "use NaN for missing values"
        )


def _as_labels(y: Any, n_instances: int, name: str) -> list[str]:
    labels = np.asarray(y, dtype=object)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n_instances,):
        raise DataError(
            f"{name}: expected one label for each of the {n_instances} instances, "
            f"found labels of the shape {labels.shape}"
        )
    if pd.isna(labels).any():
        k = int(np.argmax(pd.isna(labels)))
        raise DataError(f"{name}: instance {k}: expected a class label, found {labels[k]!r}")
    return [str(label) for label in labels]
