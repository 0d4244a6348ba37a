""".parquet: a typed table, wide or long; the wide form may hold one list a cell and channel.

Written with a column of float32 lists a channel, which holds any dataset exactly. Columns of whole
or floating numbers are numeric, lists of them are series, and everything else is text.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from tsconv.data.columns import Columns, Kind, resolve_columns
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import FORMATS, Schema
from tsconv.data.tables import read_table, to_lists
from tsconv.errors import FormatError

BATCH_CELLS = 1 << 20
SMALL_CELLS = 1 << 22
"""Of a table that may be held at once: as many as a chunk has numbers."""


class ParquetTable:
    """A .parquet file whose columns are known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = pyarrow.parquet.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise FormatError(f"{path}: expected a parquet file; {reason}") from error
        fields = [each for each in self.file.schema_arrow if not each.name.startswith("__index_")]
        kinds = {each.name: _kind(each.type) for each in fields}
        self.batch_size = max(1, BATCH_CELLS // max(1, len(kinds)))
        names = [name for name, kind in kinds.items() if kind != "list"]
        first = next(self._batches(names, 1000), None)

        def sample(name: str) -> list[object]:
            return [] if first is None else first[name].to_pylist()

        self.columns = Columns(path=path, kinds=kinds, sample=sample)

    @property
    def is_small(self) -> bool:
        """Whether memory may hold all rows at once."""
        n_rows: int = self.file.metadata.num_rows
        return n_rows * len(self.columns.kinds) <= SMALL_CELLS

    def pieces(self, numbers: Collection[str]) -> Iterator[pa.Table]:
        """The rows in batches, typed as the file has them."""
        return self._batches(list(self.columns.kinds), self.batch_size)

    def place(self, row: int) -> str:
        """The row, counted from 1: a parquet file has no lines."""
        return f"{self.path}: row {row + 1}"

    def _batches(self, names: list[str], n_rows: int) -> Iterator[pa.Table]:
        batches = self.file.iter_batches(batch_size=n_rows, columns=names, use_threads=False)
        try:
            for batch in batches:
                yield pa.Table.from_batches([batch])
        except (pa.ArrowInvalid, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise FormatError(f"{self.path}: is damaged or cut off; {reason}") from error


class Parquet:
    """Typed tables."""

    suffixes = (".parquet",)
    summary = "a table as in csv, or a list of values a cell, with any number of channels"

    def resolve(self, path: Path, schema: Schema) -> Schema:
        """``schema`` with its columns found in the file's own types and first rows."""
        return resolve_columns(ParquetTable(path).columns, schema)

    def read_chunks(
        self, path: Path, schema: Schema, chunk_size: int | None
    ) -> Iterator[TimeSeriesDataset]:
        """The table's instances in file order."""
        yield from read_table(ParquetTable(path), schema, chunk_size)

    def write(self, path: Path, dataset: TimeSeriesDataset) -> None:
        """A row an instance, a list of float32 a channel."""
        write_table(path, to_lists(dataset))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Any table as .parquet, without its index."""
    pyarrow.parquet.write_table(pa.Table.from_pandas(table, preserve_index=False), path)


def _kind(type: pa.DataType) -> Kind:
    kinds = pa.types
    if kinds.is_list(type) or kinds.is_large_list(type) or kinds.is_fixed_size_list(type):
        return "list" if _kind(type.value_type) == "number" else "text"
    if kinds.is_integer(type) or kinds.is_floating(type) or kinds.is_decimal(type):
        return "number"
    return "number" if kinds.is_null(type) else "text"


FORMATS.register("parquet")(Parquet())
