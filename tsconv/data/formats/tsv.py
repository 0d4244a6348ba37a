"""The UCR archive's tables: no header, a series a row, the label in the first column.

The 2018 archive separates by tabs (.tsv), older ones by commas or runs of spaces (.txt). Short
series are padded at the end with NaN; NaN before the end is a missing value.
Dau et al., "The UCR time series archive", IEEE/CAA J. Autom. Sinica 2019.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import FORMATS, Schema, without_columns
from tsconv.data.numbers import is_number
from tsconv.data.series_text import (
    SeriesText,
    check_labels,
    check_padding,
    check_values,
    excerpt,
    format_series,
    read_texts,
)
from tsconv.data.series_values import as_dataset, parse_chunks, trim_padding
from tsconv.errors import FormatError

Separator = Literal[b"\t", b",", b" "]
LABEL = re.compile(r"(?!\?$)[^\s\ufeff](?:[^\t\n]*[^\s])?")


def find_separator(path: Path, line_no: int, line: bytes) -> Separator:
    """What separates the values of a row.

    Raises:
        FormatError: nothing does, or the row is the header of a table.
    """
    separator: Separator = b"\t" if b"\t" in line else b"," if b"," in line else b" "
    cells = [cell.strip() for cell in line.split(separator)][1:]
    if not cells:
        raise FormatError(
            f"{path}:{line_no}: expected a label and values apart by tabs, commas or spaces, "
            f"found {excerpt(line)}"
        )
    if not any(is_number(cell) or not cell for cell in cells):
        raise FormatError(
            f"{path}:{line_no}: expected a label and numbers, found {excerpt(line)}; if the table "
            "has a header or is no UCR table, give it a name that ends in .csv"
        )
    return separator


def split_rows(text: SeriesText, separator: Separator) -> SeriesText:
    """The same instances with labels cut off and padding left out."""
    if separator == b" ":
        rows = [line.split() for line in text.lines]
        series = text.with_lines([b",".join(row[1:]) for row in rows])
        return replace(series, labels=[row[0] for row in rows])
    block = text.block
    spans = zip(text.starts, text.stops, strict=True)
    ends = [block.find(separator, start, stop) for start, stop in spans]
    if -1 in ends:
        row = ends.index(-1)
        found = excerpt(text.lines[row])
        raise text.error(row, f"expected a label and values after it, found {found}")
    labels = [block[start:end].strip() for start, end in zip(text.starts, ends, strict=True)]
    starts = [end + 1 for end in ends]
    split = replace(text, starts=starts, labels=labels, separator=separator)
    return split.without_padding(separator + b"NaN")


def split_texts(texts: Iterable[SeriesText]) -> Iterator[SeriesText]:
    """The same instances split at the separator that the first of them shows."""
    separator: Separator | None = None
    for text in texts:
        separator = separator or find_separator(text.path, text.line_nos[0], text.lines[0])
        yield split_rows(text, separator)


class TsvFormat:
    """Reads and writes UCR tables."""

    suffixes: tuple[str, ...] = (".tsv", ".txt")
    summary: str = "UCR archive: one channel, label first, NaN pads short series"

    def resolve(self, path: Path, schema: Schema) -> Schema:
        """``schema`` as it is: the columns of a UCR table have no names."""
        return without_columns(path, schema, "the label comes first in each row")

    def read_chunks(
        self, path: Path, schema: Schema, chunk_size: int | None
    ) -> Iterator[TimeSeriesDataset]:
        """Datasets of at most ``chunk_size`` instances; labels as written, such as '1.0e+00'."""
        with path.open("rb") as file:
            n_columns, first_line_no = 0, 1
            texts = split_texts(read_texts(path, file, indent=b" "))
            for chunk in parse_chunks(texts, 1, chunk_size):
                widths = chunk.widths
                if not n_columns:
                    n_columns, first_line_no = int(widths[0]), chunk.line_nos[0]
                for row in np.flatnonzero(widths != n_columns)[:1]:
                    raise chunk.error(
                        row,
                        f"expected {n_columns} values as in line {first_line_no}, "
                        f"found {widths[row]}; pad short series with NaN",
                    )
                X, lengths = trim_padding(chunk.arranged(), chunk.lengths)
                yield as_dataset(chunk, X, lengths, None)
            if not n_columns:
                raise FormatError(f"{path}:1: expected a label and values, found an empty file")

    def write(self, path: Path, dataset: TimeSeriesDataset) -> None:
        """Write ``dataset``; '?' stands for an unknown label, the suffix .txt for commas.

        Raises:
            FormatError: more than one channel, a missing last value, infinite values, or a label
                that holds a separator.
        """
        if dataset.n_channels > 1:
            raise FormatError(
                f"{path}: found {dataset.n_channels} channels; {path.suffix} holds one, "
                "write .ts or .npz instead"
            )
        check_values(path, dataset)
        check_padding(path, dataset)
        separator = "," if path.suffix.lower() == ".txt" else "\t"
        labels = ["?"] * len(dataset.X) if dataset.labels is None else dataset.labels
        if dataset.labels is not None:
            found = "tabs, commas, line ends, outer spaces or a lone '?'"
            check_labels(path, dataset.classes, LABEL, found)
            if separator == ",":
                check_labels(path, dataset.classes, re.compile(r"[^,]*"), found)
        width = int(dataset.lengths.max())
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for label, (words,) in zip(labels, format_series(dataset, "NaN"), strict=True):
                padding = ["NaN"] * (width - len(words))
                file.write(separator.join([label, *words, *padding]) + "\n")


FORMATS.register("tsv")(TsvFormat())
