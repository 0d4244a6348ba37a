"""Plain tables of an instance a row, whose series lacks values at its end and nowhere else."""

from collections.abc import Iterator
from dataclasses import replace

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.plain_table import PlainTable
from tsconv.data.series_text import SeriesText, read_texts
from tsconv.data.series_values import parse_chunks, trim_padding


def read_wide(table: PlainTable, chunk_size: int | None) -> Iterator[TimeSeriesDataset]:
    """Datasets of at most ``chunk_size`` instances, or one of all for None.

    Raises:
        ValueError: something is not plain; the message is not for the user.
    """
    with table.path.open("rb") as file:
        line_no = table.skip_header(file)
        texts = read_texts(table.path, file, line_no, indent=b"", blanks=b"\r")
        split = (split_cells(table, text) for text in texts)
        for chunk in parse_chunks(split, 1, chunk_size):
            if (chunk.widths != len(table.numbers)).any():
                raise ValueError("rows of different width")
            X, lengths = trim_padding(chunk.arranged(), chunk.lengths)
            yield table.described(TimeSeriesDataset(X=X, lengths=lengths), chunk.labels or ())


def split_cells(table: PlainTable, text: SeriesText) -> SeriesText:
    """The same instances; as label, all cells of a row that are not its series."""
    is_quoted = b'"' in text.block
    if is_quoted or (b"\r" in text.block and any(b"\r" in line for line in text.lines)):
        raise ValueError("quotes or lone carriage returns make cells and lines uncertain")
    block, delimiter, starts, stops = text.block, table.delimiter, text.starts, text.stops
    for _ in table.before:
        spans = zip(starts, stops, strict=True)
        starts = [block.index(delimiter, start, stop) + 1 for start, stop in spans]
    for _ in table.after:
        spans = zip(starts, stops, strict=True)
        stops = [block.rindex(delimiter, start, stop) for start, stop in spans]
    fronts = zip(text.starts, starts, strict=True)
    backs = zip(stops, text.stops, strict=True)
    labels = [
        block[start:first] + block[last + 1 : stop]
        for (start, first), (last, stop) in zip(fronts, backs, strict=True)
    ]
    split = replace(text, starts=starts, stops=stops, labels=labels, separator=delimiter)
    return split.without_padding(delimiter)
