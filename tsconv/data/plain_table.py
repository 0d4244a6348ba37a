"""Tables of text without quotes, read like any other series text: some times as fast.

What the wide ones (plain_wide.py) and the long ones (plain_long.py) share: where the text stands,
and what it says of each instance. Both read what is plain and nothing else. Whatever differs is
left to the general reader of tables, which also knows what is wrong with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

import numpy as np
import pandas as pd

from tsconv.data.columns import NO_LABEL, Columns
from tsconv.data.dataset import TimeSeriesDataset, encode_labels
from tsconv.data.format import Schema
from tsconv.data.numbering import channels_of
from tsconv.data.rows import is_small
from tsconv.data.series_text import BOM


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainTable:
    """Where a table has what: text, then the numbers in columns beside each other, then text.

    Attributes:
        path: the file.
        schema: with every column found.
        before: the names of the columns before the numbers.
        numbers: the names of the columns of numbers.
        after: the names of those after them.
        delimiter: a comma or a tab.
        has_header: whether the first line names the columns.
    """

    path: Path
    schema: Schema
    before: Sequence[str]
    numbers: list[str]
    after: Sequence[str]
    delimiter: bytes
    has_header: bool

    @property
    def is_small(self) -> bool:
        """Whether memory may hold all rows at once."""
        return is_small(self.path)

    def cells(self, texts: Iterable[bytes]) -> dict[str, list[str]]:
        """The cells of each instance before the numbers and those after, by column.

        Raises:
            ValueError: text that is not UTF-8.
        """
        rows = [text.decode("utf-8").split(self.delimiter.decode()) for text in texts]
        names = [*self.before, *self.after]
        return {name: [row[k] for row in rows] for k, name in enumerate(names)}

    def skip_header(self, file: BufferedReader) -> int:
        """Read ``file`` up to the rows; the number of the line it is at then.

        Raises:
            ValueError: the header is not plain.
        """
        line_no = 1
        if not self.has_header and file.peek(len(BOM)).startswith(BOM):
            file.read(len(BOM))
        for header in file if self.has_header else ():
            line_no += 1
            if header.strip():
                if b'"' in header or b"\r" in header.rstrip(b"\r\n"):
                    raise ValueError("quotes or a carriage return in the header")
                break
        return line_no

    def described(self, dataset: TimeSeriesDataset, texts: Iterable[bytes]) -> TimeSeriesDataset:
        """``dataset`` with what the cells that are no numbers say of each instance.

        Args:
            dataset: the series.
            texts: the cells of each instance before the numbers and those after, in one.

        Raises:
            ValueError: a row without a label or, in a long table, an id; text that is not UTF-8.
        """
        schema, cells = self.schema, self.cells(texts)
        if schema.label is not None and schema.label != NO_LABEL:
            if not all(map(str.strip, cells[schema.label])):
                raise ValueError("a row without a label")
            y, classes = encode_labels(cells[schema.label])
            dataset = replace(dataset, y=y, classes=classes)
        if schema.layout == "long" and not all(map(str.strip, cells[str(schema.id)])):
            raise ValueError("a time point without an id")
        extras = [name for name in cells if name not in {schema.label, schema.id, schema.time, ""}]
        return replace(
            dataset,
            ids=None if schema.id is None else np.array(cells[schema.id], dtype=object),
            extras=pd.DataFrame({name: cells[name] for name in extras}) if extras else None,
            name=self.path.stem,
        )


def find_plain(path: Path, columns: Columns, schema: Schema, delimiter: str) -> PlainTable | None:
    """The table of these columns if it may be a plain one."""
    names, numbers = list(columns.kinds), list(schema.series)
    if schema.layout == "long":
        numbers = columns.of_kind("number", without=(schema.label, schema.id))
    first = names.index(numbers[0])
    is_run = names[first : first + len(numbers)] == numbers
    is_side_by_side = schema.layout == "wide" and len(channels_of(numbers)) > 1
    is_timed = schema.layout == "wide" or schema.time in numbers
    if not (is_run and is_timed) or delimiter not in ",\t" or is_side_by_side:
        return None
    return PlainTable(
        path=path,
        schema=schema,
        before=names[:first],
        numbers=numbers,
        after=names[first + len(numbers) :],
        delimiter=delimiter.encode(),
        has_header=columns.has_header,
    )
