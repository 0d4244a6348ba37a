"""Tables of series <-> datasets: what .csv and .parquet have in common.

Wide: a row an instance. Its time points are numeric columns (cells that are empty at the end in all
channels are padding, others are missing values) or one column of lists a channel.
Long: a row a time point, with an id, a time, the channels' columns, and a label constant per id;
further text columns are constant per id too, further numbers are left out. Rows stand in any order,
but those of an id together where the table is read in chunks and too large to be held whole.

Labels are text, spelled as in the table. A label that is missing is an error while the schema is
still to be found out (training); with a resolved schema (prediction), one missing label leaves the
whole chunk without labels. Columns that are neither series, label, id nor time become ``extras``.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.data.cells import (
    as_codes,
    as_float32,
    as_frame,
    as_lists,
    as_numbers,
    as_text,
    fill_rows,
    is_ordered,
)
from tsconv.data.columns import NO_LABEL, resolve_columns
from tsconv.data.dataset import TimeSeriesDataset, encode_labels
from tsconv.data.format import Schema
from tsconv.data.numbering import channels_of
from tsconv.data.rows import Rows, Table, rebatched, whole_instances
from tsconv.errors import FormatError


def read_table(table: Table, schema: Schema, chunk_size: int | None) -> Iterator[TimeSeriesDataset]:
    """The table in datasets of at most ``chunk_size`` instances, or in one for None.

    Raises:
        FormatError: a column that is missing, or a row that does not fit; with path and line.
    """
    found = resolve_columns(table.columns, schema)
    reading = Reading(table=table, schema=found, needs_labels=not schema.series)
    numbers = {*found.series}
    if found.time is not None and table.columns.kinds[found.time] == "number":
        numbers.add(found.time)
    pieces = table.pieces(numbers)
    is_empty = True
    if found.layout == "long":
        datasets = map(reading.long, whole_instances(table, pieces, str(found.id), chunk_size))
    else:
        datasets = map(reading.wide, rebatched(pieces, chunk_size))
    for dataset in datasets:
        is_empty = False
        yield dataclasses.replace(dataset, name=table.columns.path.stem)
    if is_empty:
        raise FormatError(f"{table.columns.path}: expected rows after the header, found none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How one table's rows become datasets."""

    table: Table
    schema: Schema
    needs_labels: bool

    def wide(self, rows: Rows) -> TimeSeriesDataset:
        """One instance a row."""
        series = list(self.schema.series)
        if self.table.columns.kinds[series[0]] == "list":
            dataset = self._from_lists(rows, series)
        else:
            dataset = self._from_cells(rows, series)
        y, classes = self._labels(rows)
        return dataclasses.replace(
            dataset,
            y=y,
            classes=classes,
            ids=None if self.schema.id is None else as_text(rows.cells[self.schema.id]),
            extras=self._extras(rows),
        )

    def long(self, rows: Rows) -> TimeSeriesDataset:
        """One time point a row, the rows of an instance in any order."""
        if self.schema.id is None or self.schema.time is None:
            raise FormatError(f"{self.table.columns.path}: a long table needs an id and a time")
        codes, ids = as_codes(rows.cells[self.schema.id])
        self._expect_ids(codes, ids, rows)
        times = self._times(rows, self.schema.time)
        if not is_ordered(codes, times):
            order = np.lexsort((times, codes))
            rows, codes, times = rows.take(order), codes[order], times[order]
        is_twice = (codes[1:] == codes[:-1]) & (times[1:] == times[:-1])
        if is_twice.any():
            row = int(np.flatnonzero(is_twice)[0]) + 1
            found = as_text(rows.cells[self.schema.time].slice(row, 1))[0]
            raise FormatError(
                f"{self._place(rows, row)}: found the time {found} of id {ids[codes[row]]!r} "
                "twice; expected each time once"
            )
        lengths = np.bincount(codes).astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        values = self._numbers(rows, list(self.schema.series))
        X = np.full((len(ids), values.shape[1], lengths.max()), np.nan, dtype=np.float32)
        X[codes, :, np.arange(len(codes)) - starts[codes]] = values
        has_values = np.bincount(codes, ~np.isnan(values).all(axis=1)) > 0
        firsts = rows.take(starts)
        self._expect_values(has_values, firsts)
        self._expect_constant(rows, starts[codes])
        y, classes = self._labels(firsts)
        extras = self._extras(firsts)
        dataset = TimeSeriesDataset(X=X, lengths=lengths, channels=self.schema.series)
        return dataclasses.replace(dataset, y=y, classes=classes, ids=ids, extras=extras)

    def _from_cells(self, rows: Rows, series: list[str]) -> TimeSeriesDataset:
        channels = channels_of(series)
        values = self._numbers(rows, series).reshape(len(rows.numbers), len(channels) or 1, -1)
        is_known = np.asarray((~np.isnan(values)).any(axis=1))  # (N, L)
        self._expect_values(np.asarray(is_known.any(axis=1)), rows)
        lengths = (values.shape[2] - np.argmax(is_known[:, ::-1], axis=1)).astype(np.int64)
        X = np.ascontiguousarray(values[:, :, : lengths.max()])
        return TimeSeriesDataset(X=X, lengths=lengths, channels=channels)

    def _from_lists(self, rows: Rows, series: list[str]) -> TimeSeriesDataset:
        columns = [as_lists(rows.cells[name]) for name in series]
        by_channel = np.stack([lengths for _, lengths in columns], axis=1)  # (N, C)
        lengths = by_channel[:, 0].copy()
        is_wrong = (by_channel != lengths[:, None]).any(axis=1) | (lengths == 0)
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            raise FormatError(
                f"{self._place(rows, row)}: expected lists of one length in the columns "
                f"{', '.join(series)}, found the lengths {', '.join(map(str, by_channel[row]))}"
            )
        stops = np.cumsum(lengths)
        is_known = np.zeros(len(lengths), dtype=np.bool_)
        X = np.full((len(lengths), len(series), lengths.max()), np.nan, dtype=np.float32)
        for channel, (values, _) in enumerate(columns):
            if np.isinf(values).any():
                row = int(np.searchsorted(stops, np.argmax(np.isinf(values)), side="right"))
                raise FormatError(f"{self._place(rows, row)}: found a value that is not finite")
            is_known |= np.logical_or.reduceat(~np.isnan(values), stops - lengths)
            fill_rows(X[:, channel], values, lengths)
        self._expect_values(is_known, rows)
        return TimeSeriesDataset(X=X, lengths=lengths, channels=tuple(series))

    def _numbers(self, rows: Rows, names: list[str]) -> NDArray[np.float32]:
        """(rows, columns) of finite numbers and NaN."""
        values = np.empty((len(rows.numbers), len(names)), dtype=np.float32)
        for column, name in enumerate(names):
            values[:, column] = as_float32(as_numbers(rows.cells[name]))
        if np.isinf(values).any():
            row, column = (int(where[0]) for where in np.nonzero(np.isinf(values)))
            raise FormatError(
                f"{self._place(rows, row)}: column {names[column]!r}: found a value that is not "
                "finite in float32; leave the cell empty if it is missing"
            )
        return values

    def _times(self, rows: Rows, name: str) -> NDArray[Any]:
        cells: pd.Series[Any] = rows.cells[name].to_pandas()
        times = cells
        if not pd.api.types.is_numeric_dtype(times):
            times = pd.to_datetime(times, format="ISO8601", errors="coerce", utc=True)
        if times.isna().any():
            row = int(np.argmax(times.isna().to_numpy()))
            raise FormatError(
                f"{self._place(rows, row)}: column {name!r}: expected a number or an ISO 8601 "
                f"time, found {cells.iloc[row]!r}"
            )
        is_moment = isinstance(times.dtype, pd.DatetimeTZDtype)
        return times.astype("int64").to_numpy() if is_moment else times.to_numpy(dtype=np.float64)

    def _labels(self, rows: Rows) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        name = self.schema.label
        if name is None or name == NO_LABEL:
            return None, ()
        labels = as_text(rows.cells[name])
        is_missing = np.array([not label.strip() for label in labels])
        if not is_missing.any():
            return encode_labels(labels.tolist())
        if not self.needs_labels:
            return None, ()
        raise FormatError(
            f"{self._place(rows, int(np.argmax(is_missing)))}: column {name!r}: expected a class "
            "label, found an empty cell; fill it in or leave the instance out"
        )

    def _extras(self, rows: Rows) -> pd.DataFrame | None:
        schema = self.schema
        taken = {schema.label, schema.id, schema.time, "", *schema.series}
        if schema.layout == "long":  # further numbers change from row to row: they stay behind
            taken |= set(self.table.columns.of_kind("number"))
        names = [name for name in rows.cells.column_names if name not in taken]
        return as_frame(rows.cells.select(names)) if names else None

    def _expect_ids(self, codes: NDArray[np.int64], ids: NDArray[np.object_], rows: Rows) -> None:
        """Every row has an id: ``ids`` at ``codes``."""
        is_empty = np.array([not each.strip() for each in ids])
        if is_empty.any():
            row = int(np.argmax(is_empty[codes]))
            raise FormatError(
                f"{self._place(rows, row)}: column {self.schema.id!r}: expected an id, found an "
                "empty cell; fill it in or leave the row out"
            )

    def _expect_values(self, has_values: NDArray[np.bool_], rows: Rows) -> None:
        if not has_values.all():
            raise FormatError(
                f"{self._place(rows, int(np.argmin(has_values)))}: expected a series with at "
                "least one value, found all of them missing; leave the instance out"
            )

    def _expect_constant(self, rows: Rows, first_rows: NDArray[np.int64]) -> None:
        """An instance has one label; ``first_rows`` is, for each row, where its instance starts."""
        numbers = self.table.columns.of_kind("number", without=(self.schema.label,))
        varying = {self.schema.id, self.schema.time, "", *numbers}
        for name in (name for name in rows.cells.column_names if name not in varying):
            codes, texts = as_codes(rows.cells[name])
            differs = codes != codes[first_rows]
            if differs.any():
                row = int(np.argmax(differs))
                cells = texts[codes]
                raise FormatError(
                    f"{self._place(rows, row)}: column {name!r}: expected one value for all rows "
                    f"of an id, found {cells[row]!r} after {cells[first_rows[row]]!r}"
                )

    def _place(self, rows: Rows, row: int) -> str:
        return self.table.place(int(rows.numbers[row]))


def to_wide(dataset: TimeSeriesDataset) -> pd.DataFrame:
    """A row an instance: ids and labels if known, the values t0, t1 ..., the extras."""
    values = np.where(dataset.mask(), dataset.X[:, 0, :], np.float32(np.nan))
    names = [f"t{k}" for k in range(dataset.n_timepoints)]
    return _joined(dataset, _about(dataset), pd.DataFrame(values, columns=names), dataset.extras)


def to_long(dataset: TimeSeriesDataset) -> pd.DataFrame:
    """A row a time point: id, time, the channels by name, the label if known, the extras.

    Raises:
        FormatError: two instances have one id, or two columns one name.
    """
    ids = [str(k) for k in range(dataset.n_instances)] if dataset.ids is None else dataset.ids
    if len(set(ids)) < dataset.n_instances:
        raise FormatError(f"{dataset.name}: expected an id of its own for each instance")
    instance, time = np.nonzero(dataset.mask())
    front = pd.DataFrame({"id": np.asarray(ids, dtype=object)[instance], "time": time})
    labels = _about(dataset).drop(columns="id", errors="ignore")
    values = pd.DataFrame(dataset.X[instance, :, time], columns=list(channel_names(dataset)))
    parts = (
        part.iloc[instance].reset_index(drop=True)
        for part in (labels, dataset.extras)
        if part is not None
    )
    return _joined(dataset, front, values, *parts)


def to_lists(dataset: TimeSeriesDataset) -> pd.DataFrame:
    """A row an instance: ids and labels if known, a column of lists a channel, the extras."""
    columns = {
        name: [
            row[channel, :length] for row, length in zip(dataset.X, dataset.lengths, strict=True)
        ]
        for channel, name in enumerate(channel_names(dataset))
    }
    return _joined(dataset, _about(dataset), pd.DataFrame(columns), dataset.extras)


def channel_names(dataset: TimeSeriesDataset) -> tuple[str, ...]:
    """A column name for each channel."""
    if dataset.channels:
        return dataset.channels
    return tuple(f"channel_{k}" for k in range(dataset.n_channels))


def _about(dataset: TimeSeriesDataset) -> pd.DataFrame:
    """Ids and labels, as far as they are known."""
    labels = dataset.labels
    if labels is not None and not all(label.strip() for label in labels):
        raise FormatError(f"{dataset.name}: expected labels with a name, found an empty one")
    known = {"id": dataset.ids, "label": labels}
    index = pd.RangeIndex(dataset.n_instances)
    return pd.DataFrame({k: v for k, v in known.items() if v is not None}, index=index)


def _joined(dataset: TimeSeriesDataset, *parts: pd.DataFrame | None) -> pd.DataFrame:
    table = pd.concat([part for part in parts if part is not None], axis=1)
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise FormatError(
            f"{dataset.name}: expected columns of different names, found {twice[0]!r} twice; "
            "rename the channel or the extra column"
        )
    return table
