"""Wide tables of text without quotes, read like any other series text: some times as fast.

This reads what is plain and nothing else: a row an instance, its series in neighbouring columns,
no value missing but at the end. Whatever differs is left to the general reader of tables, which
also knows what is wrong with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.data.columns import NO_LABEL
from tsconv.data.dataset import TimeSeriesDataset, encode_labels
from tsconv.data.format import Schema
from tsconv.data.series_text import SeriesText, read_texts
from tsconv.data.series_values import SeriesValues, parse_chunks, trim_padding


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainTable:
    """Where a wide table has what.

    Attributes:
        path: the file.
        schema: with every column found.
        before: the names of the columns before the series.
        after: the names of those after it.
        delimiter: a comma or a tab.
        has_header: whether the first line names the columns.
    """

    path: Path
    schema: Schema
    before: Sequence[str]
    after: Sequence[str]
    delimiter: bytes
    has_header: bool

    def read(self, chunk_size: int | None) -> Iterator[TimeSeriesDataset]:
        """Datasets of at most ``chunk_size`` instances, or one of all for None.

        Raises:
            ValueError: something is not plain; the message is not for the user.
        """
        with self.path.open("rb") as file:
            line_no = 1
            for header in file if self.has_header else ():
                line_no += 1
                if header.strip():
                    if b'"' in header or b"\r" in header.rstrip(b"\r\n"):
                        raise ValueError("a header that is not plain")
                    break
            texts = map(self._split, read_texts(self.path, file, line_no, indent=b"", blanks=b"\r"))
            for chunk in parse_chunks(texts, 1, chunk_size):
                if (chunk.widths != len(self.schema.series)).any():
                    raise ValueError("rows of different width")
                yield self._dataset(chunk)

    def _split(self, text: SeriesText) -> SeriesText:
        """The same instances; as label, all cells of a row that are not its series."""
        is_plain = b'"' not in text.block
        if not is_plain or (b"\r" in text.block and any(b"\r" in line for line in text.lines)):
            raise ValueError("quotes or lone carriage returns make cells and lines uncertain")
        block, delimiter, labels, starts, stops = text.block, self.delimiter, [], [], []
        n_before, n_after = len(self.before), len(self.after)
        for start, stop in zip(text.starts, text.stops, strict=True):
            first, last = start, stop
            for _ in range(n_before):
                first = block.index(delimiter, first, stop) + 1
            for _ in range(n_after):
                last = block.rindex(delimiter, first, last)
            starts.append(first)
            stops.append(last)
            labels.append(block[start:first] + block[last + 1 : stop])
        split = replace(text, starts=starts, stops=stops, labels=labels, separator=delimiter)
        return split.without_padding(delimiter)

    def _dataset(self, chunk: SeriesValues) -> TimeSeriesDataset:
        X, lengths = trim_padding(chunk.arranged(), chunk.lengths)
        names, schema = [*self.before, *self.after], self.schema
        delimiter = self.delimiter.decode()
        rows = [label.decode("utf-8").split(delimiter) for label in chunk.labels or ()]
        cells = {name: [row[k] for row in rows] for k, name in enumerate(names)}
        y: NDArray[np.int64] | None = None
        classes: tuple[str, ...] = ()
        if schema.label is not None and schema.label != NO_LABEL:
            if not all(map(str.strip, cells[schema.label])):
                raise ValueError("a row without a label")
            y, classes = encode_labels(cells[schema.label])
        extras = [name for name in names if name not in {schema.label, schema.id, schema.time, ""}]
        return TimeSeriesDataset(
            X=X,
            lengths=lengths,
            y=y,
            classes=classes,
            ids=None if schema.id is None else np.array(cells[schema.id], dtype=object),
            extras=pd.DataFrame({name: cells[name] for name in extras}) if extras else None,
            name=self.path.stem,
        )


def find_plain(
    path: Path, names: Sequence[str], schema: Schema, delimiter: str, *, has_header: bool
) -> PlainTable | None:
    """The table of these columns if it may be a plain one."""
    n_series = len(schema.series)
    first = names.index(schema.series[0])
    is_run = list(names[first : first + n_series]) == list(schema.series)
    if schema.layout != "wide" or not is_run or delimiter not in ",\t":
        return None
    return PlainTable(
        path=path,
        schema=schema,
        before=names[:first],
        after=names[first + n_series :],
        delimiter=delimiter.encode(),
        has_header=has_header,
    )
