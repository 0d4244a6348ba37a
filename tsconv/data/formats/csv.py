""".csv: a table of text, wide (a row an instance) or long (a row a time point).

Separated by commas, semicolons or tabs, in UTF-8, quoted as in RFC 4180. The first line names the
columns; without one (it holds numbers like the others) columns are named 0, 1, 2 ... Empty cells,
NaN, NA, null, None and ? are missing values where a number is expected, and text elsewhere.
Decimals may stand after a comma, as spreadsheets of much of Europe write them.
"""

import csv
import itertools
import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from tsconv.data.columns import Columns, resolve_columns
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.first_rows import (
    DELIMITERS,
    MISSING,
    NUMBER,
    QuotedRows,
    n_sampled,
    read_plain,
)
from tsconv.data.format import FORMATS, Schema
from tsconv.data.plain_long import read_long
from tsconv.data.plain_table import PlainTable, find_plain
from tsconv.data.plain_wide import read_wide
from tsconv.data.rows import is_small
from tsconv.data.tables import read_table, to_long, to_wide
from tsconv.errors import FormatError

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 23
COMMA_AS_POINT = str.maketrans(",.", ".,")

csv.field_size_limit(1 << 30)


class CsvTable:
    """A .csv file whose delimiter, header and column kinds are known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped_rows = 0
        _expect_text(path)
        found = read_plain(path) or self._quoted_rows()
        self.delimiter, self.skipped_rows = found.delimiter, int(found.has_header)
        self.decimal = found.decimal
        names = found.names(path)
        self.columns = Columns(
            path=path,
            kinds=dict(zip(names, found.kinds(), strict=True)),
            sample=lambda name: found.column(names.index(name)),
            has_header=found.has_header,
        )

    @property
    def is_small(self) -> bool:
        """Whether memory may hold all rows at once."""
        return is_small(self.path)

    def pieces(self, numbers: Collection[str]) -> Iterator[pa.Table]:
        """The rows, block by block; columns not among ``numbers`` are text, cell for cell."""
        names = list(self.columns.kinds)
        types = {name: pa.float64() if name in numbers else pa.string() for name in names}
        try:
            with self._open(names, types) as blocks:
                for block in blocks:
                    self._expect_closed_quote(block)
                    yield pa.Table.from_batches([block])
        except pa.ArrowInvalid as error:
            raise self._fault(numbers, str(error)) from error

    def as_plain(self, schema: Schema) -> PlainTable | None:
        """The table to be read in the fast way, if its columns allow for it."""
        if self.decimal == ",":
            return None
        return find_plain(self.path, self.columns, schema, self.delimiter)

    def place(self, row: int) -> str:
        """The "path:line" of a data row, found by reading up to it."""
        rows = self._rows()
        line, _ = next(itertools.islice(rows, row + self.skipped_rows, None))
        return f"{self.path}:{line}"

    def _open(
        self, names: list[str], types: dict[str, pa.DataType]
    ) -> "pyarrow.csv.CSVStreamingReader":
        with self.path.open("rb") as file:
            first_line = len(file.readline())
        return pyarrow.csv.open_csv(
            self.path,
            read_options=pyarrow.csv.ReadOptions(
                column_names=names,
                skip_rows_after_names=self.skipped_rows,
                block_size=min(max(BLOCK_BYTES, 32 * first_line), (1 << 31) - 1),
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                include_columns=names,
                null_values=MISSING,
                decimal_point=self.decimal,
            ),
        )

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows with the line they end on, empty lines left out: slow, and sure of its lines."""
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            for row in reader:
                if row:
                    yield reader.line_num, row

    def _quoted_rows(self) -> QuotedRows:
        self.delimiter, first = _sniff(self.path)
        rows: list[list[str]] = []
        try:
            for line, row in itertools.islice(self._rows(), n_sampled(len(first)) + 1):
                if rows and len(row) != len(rows[0]):
                    raise self._count_fault(line, len(row), len(rows[0]))
                rows.append(row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise self._fault((), str(error)) from error
        return QuotedRows(self.delimiter, rows)

    def _expect_closed_quote(self, block: pa.RecordBatch) -> None:
        """A quote that is never closed swallows the rest of the file without a word."""
        texts = (cells for cells in block.columns if pa.types.is_string(cells.type) and len(cells))
        if any("\n" in (cells[-1].as_py() or "") for cells in texts):
            for _ in self._checked_rows(()):
                pass

    def _fault(self, numbers: Collection[str], reason: str) -> FormatError:
        """What is wrong with the file and where, for a reader that only knows that something is."""
        try:
            for _ in self._checked_rows(numbers):
                pass
        except FormatError as fault:
            return fault
        return FormatError(f"{self.path}: cannot be read as a table; {reason}")

    def _checked_rows(self, numbers: Collection[str]) -> Iterator[list[str]]:
        """Every row, held against the header's width and the numeric columns."""
        line, n_columns = 0, 0
        try:
            for line, row in self._rows():
                if n_columns and len(row) != n_columns:
                    raise self._count_fault(line, len(row), n_columns)
                if n_columns or not self.skipped_rows:
                    self._expect_numbers(line, row, numbers)
                n_columns = len(row)
                yield row
        except csv.Error as error:
            raise FormatError(
                f"{self.path}:{line + 1}: {error}; is a closing quote missing?"
            ) from error
        except UnicodeDecodeError as error:
            found = error.object[error.start]
            raise FormatError(
                f"{self.path}:{_undecodable_line(self.path)}: expected UTF-8 text, found the byte "
                f"0x{found:02x}; save the file as UTF-8"
            ) from error

    def _expect_numbers(self, line: int, row: list[str], numbers: Collection[str]) -> None:
        for name, cell in zip(self.columns.kinds, row, strict=True) if numbers else ():
            number = cell.translate(COMMA_AS_POINT) if self.decimal == "," else cell
            if name in numbers and not (NUMBER.fullmatch(number) or cell.strip() in MISSING):
                raise FormatError(
                    f"{self.path}:{line}: column {name!r}: expected a number, found {cell[:40]!r}; "
                    "leave the cell empty if the value is missing"
                )

    def _count_fault(self, line: int, found: int, expected: int) -> FormatError:
        why = "is the file cut off? missing values are empty cells"
        if found > expected:
            why = "is a value not quoted, or is the first line a title? take that away"
        return FormatError(
            f"{self.path}:{line}: expected {expected} cells as in the first line, found {found}; "
            f"{why}"
        )


class Csv:
    """Tables of text."""

    suffixes = (".csv",)
    summary = "a table, a row an instance or a row a time point, with or without header"

    def resolve(self, path: Path, schema: Schema) -> Schema:
        """``schema`` with its columns found in the header and the first rows."""
        return resolve_columns(CsvTable(path).columns, schema)

    def read_chunks(
        self, path: Path, schema: Schema, chunk_size: int | None
    ) -> Iterator[TimeSeriesDataset]:
        """The table's instances in file order."""
        table = CsvTable(path)
        found = resolve_columns(table.columns, schema)
        plain = table.as_plain(found)
        read_rows = read_long if found.layout == "long" else read_wide
        n_read = 0
        try:
            for dataset in read_rows(plain, chunk_size) if plain else ():
                yield dataset
                n_read += 1
            is_read = n_read > 0
        except ValueError as reason:
            logger.debug("%s: not plain after %d chunks: %s", path, n_read, reason)
            is_read = False
        if not is_read:
            yield from itertools.islice(read_table(table, schema, chunk_size), n_read, None)

    def write(self, path: Path, dataset: TimeSeriesDataset) -> None:
        """Wide if that is exact: one channel, and no series ends in a missing value. Else long."""
        last = dataset.X[range(dataset.n_instances), :, dataset.lengths - 1]
        is_wide = dataset.n_channels == 1 and not np.isnan(last).any()
        write_table(path, to_wide(dataset) if is_wide else to_long(dataset))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Any table as .csv, numbers in the fewest digits that give them back exactly."""
    columns = [_as_cells(table[name]) for name in table]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(zip(*columns, strict=True))


def _as_cells(column: "pd.Series[Any]") -> list[str]:
    if column.dtype.kind == "f":
        texts = pyarrow.compute.cast(pa.array(column.to_numpy(), from_pandas=True), pa.string())
        return [text or "" for text in texts.to_pylist()]
    return ["" if each is None or each is pd.NA else str(each) for each in column]


def _expect_text(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if not start.strip():
        raise FormatError(f"{path}:1: expected a table, found an empty file")
    if b"\0" in start:
        raise FormatError(
            f"{path}: expected UTF-8 text, found binary content; is it another format's file?"
        )


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as file:
        for line_no, line in enumerate(file, start=1):
            if line != line.decode("utf-8", errors="ignore").encode():
                return line_no
    return 1


def _sniff(path: Path) -> tuple[str, list[str]]:
    """The delimiter that splits the first line into most cells, and those cells."""
    split: dict[str, list[str]] = {}
    for each in (",", *DELIMITERS):
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            split[each] = next(row for row in csv.reader(file, delimiter=each) if row)
    return max(split.items(), key=lambda found: len(found[1]))


FORMATS.register("csv")(Csv())
