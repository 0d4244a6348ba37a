"""Plain tables of a time point a row, the rows of an instance one after the other in order.

Such a table has as many rows as a wide one has values, so no step here goes from row to row: the
cells of some thousand rows are found, compared and parsed at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tsconv.data.cells import as_float32
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.numbers import ZERO, parse_json
from tsconv.data.plain_table import PlainTable
from tsconv.data.series_text import LINE_END, read_blocks

BLANK = ord(" ")
LONGEST = 64  # bytes of text a row at either side of its numbers; each takes a step


@dataclass(frozen=True, kw_only=True, slots=True)
class Instances:
    """Rows of one or more instances.

    Attributes:
        texts: what the cells of each instance that are no numbers say.
        lengths: (N,), how many rows each has.
        times: of every row.
        values: (rows, C).
    """

    texts: list[bytes]
    lengths: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float32]

    def part(self, start: int, stop: int) -> "Instances":
        """The instances from ``start`` up to ``stop``."""
        first, last = (int(self.lengths[:each].sum()) for each in (start, stop))
        return Instances(
            texts=self.texts[start:stop],
            lengths=self.lengths[start:stop],
            times=self.times[first:last],
            values=self.values[first:last],
        )


def read_long(table: PlainTable, chunk_size: int | None) -> Iterator[TimeSeriesDataset]:
    """Datasets of at most ``chunk_size`` instances, or one of all for None.

    Nothing of a small table is given before each id is known to stand in one place: where one does
    not, the general reader is to find all its rows, and so to begin anew.

    Raises:
        ValueError: something is not plain; the message is not for the user.
    """
    seen: set[str] = set()
    held: list[Instances] = []
    n_most = None if table.is_small else chunk_size
    with table.path.open("rb") as file:
        table.skip_header(file)
        for block, size in read_blocks(file):
            held.append(find_instances(table, block[:size]))
            expect_apart(held[-1].texts)  # soon told of shuffled rows
            if n_most is None or sum(len(part.texts) for part in held) <= n_most:
                continue
            joined = join_instances(held)
            n_whole = (len(joined.texts) - 1) // n_most * n_most  # the last may go on
            for start in range(0, n_whole, n_most):
                yield as_dataset(table, joined.part(start, start + n_most), seen)
            held = [joined.part(n_whole, len(joined.texts))]
    if held:
        joined = join_instances(held)
        if n_most is None:
            expect_apart(table.cells(joined.texts)[str(table.schema.id)])
        for start in range(0, len(joined.texts), chunk_size or len(joined.texts)):
            stop = start + (chunk_size or len(joined.texts))
            yield as_dataset(table, joined.part(start, stop), seen)


def expect_apart(ids: Sequence[str | bytes]) -> None:
    """Raise ValueError for an id that stands in several places."""
    if len({*ids}) < len(ids):
        raise ValueError("an id that stands in several places")


def find_instances(table: PlainTable, block: bytes) -> Instances:
    """The instances of some whole lines; the first may belong to that before it."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if b'"' in block or b"\r" in block:
        raise ValueError("quotes or lone carriage returns make cells and lines uncertain")
    if block[-1] != LINE_END:
        block += b"\n"
    text = bytearray(block)
    characters = np.frombuffer(text, dtype=np.uint8)
    n_before, n_after = len(table.before), len(table.after)
    n_columns = n_before + len(table.numbers) + n_after
    ends = find_cells(characters, ord(table.delimiter), n_columns)
    starts, stops = np.empty_like(ends[:, -1]), np.ascontiguousarray(ends[:, -1])
    starts[0], starts[1:] = 0, stops[:-1] + 1
    before = ends[:, n_before - 1] + 1 - starts if n_before else np.zeros_like(starts)
    after = stops - ends[:, -1 - n_after]
    is_first = blank_out(characters, starts, 1, before - 1)
    is_first |= blank_out(characters, stops - 1, -1, after - 1)
    if n_before and n_after:  # what separates rows now is the delimiter before the numbers
        characters[stops - after] = BLANK
    characters[starts[0] + before[0] - 1 if n_before else stops[-1] - after[-1]] = BLANK
    parsed = parse_json([text], table.delimiter)
    if parsed is None or len(parsed[1]) > 1:
        raise ValueError("something that is no number")
    numbers = parsed[0].reshape(len(ends), -1)
    values = as_float32(numbers[:, [table.numbers.index(name) for name in table.schema.series]])
    values += ZERO
    if np.isinf(values).any():
        raise ValueError("a number that is not finite in float32")
    firsts = np.flatnonzero(is_first)
    fronts = zip(starts[firsts].tolist(), before[firsts].tolist(), strict=True)
    backs = zip(stops[firsts].tolist(), after[firsts].tolist(), strict=True)
    return Instances(
        texts=[
            block[start : start + n_front] + block[stop - n_back + 1 : stop]
            for (start, n_front), (stop, n_back) in zip(fronts, backs, strict=True)
        ],
        lengths=np.diff(firsts, append=len(ends)),
        times=numbers[:, table.numbers.index(str(table.schema.time))].copy(),  # not a view of all
        values=values,
    )


def find_cells(characters: NDArray[np.uint8], delimiter: int, n_columns: int) -> NDArray[np.int64]:
    """(rows, columns) of where each cell ends.

    Raises:
        ValueError: rows of different width.
    """
    is_end = characters == LINE_END
    ends = np.flatnonzero(is_end | (characters == delimiter))
    if len(ends) != np.count_nonzero(is_end) * n_columns:
        raise ValueError("rows of different width")
    cells = ends.reshape(-1, n_columns)
    if not is_end[cells[:, -1]].all():
        raise ValueError("rows of different width")
    return cells


def blank_out(
    characters: NDArray[np.uint8],
    edges: NDArray[np.int64],
    step: int,
    lengths: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Overwrite each row's text with blanks; whether it differed from that of the row before.

    Args:
        characters: the rows.
        edges: (rows,), where the outermost character of each text stands.
        step: 1 towards the end of the row, -1 towards its start.
        lengths: (rows,) of the texts.
    """
    n_steps = int(lengths.max())
    if n_steps > LONGEST:
        raise ValueError("long text beside the numbers")
    differs = np.empty(len(lengths), dtype=np.bool_)
    differs[0], differs[1:] = True, lengths[1:] != lengths[:-1]
    is_even = not differs[1:].any()
    for offset in range(n_steps):
        places = edges + step * (offset if is_even else np.minimum(offset, lengths - 1))
        found = characters[places]
        differs[1:] |= found[1:] != found[:-1]
        characters[places] = BLANK
    return differs


def join_instances(parts: Sequence[Instances]) -> Instances:
    """The instances of all parts in one, an instance that goes on from one to the next as one."""
    texts, lengths = list(parts[0].texts), parts[0].lengths.tolist()
    for part in parts[1:]:
        goes_on = part.texts[0] == texts[-1]
        lengths[-1] += int(part.lengths[0]) if goes_on else 0
        texts += part.texts[goes_on:]
        lengths += part.lengths[goes_on:].tolist()
    return Instances(
        texts=texts,
        lengths=np.array(lengths, dtype=np.int64),
        times=np.concatenate([part.times for part in parts]),
        values=np.concatenate([part.values for part in parts]),
    )


def as_dataset(table: PlainTable, found: Instances, seen: set[str]) -> TimeSeriesDataset:
    """The instances as a dataset.

    Raises:
        ValueError: rows that are not in order, or an id among those ``seen``, to which all go.
    """
    lengths, values = found.lengths, found.values
    starts = np.cumsum(lengths) - lengths
    is_later = found.times[1:] > found.times[:-1]
    is_later[starts[1:] - 1] = True
    if not is_later.all():
        raise ValueError("rows that are not in order of time")
    shape = (len(lengths), values.shape[1], int(lengths.max()))
    if (lengths == lengths[0]).all():
        X = np.ascontiguousarray(values.reshape(shape[0], shape[2], shape[1]).transpose(0, 2, 1))
    else:
        X = np.full(shape, np.nan, dtype=np.float32)
        codes = np.repeat(np.arange(len(lengths)), lengths)
        X[codes, :, np.arange(len(values)) - starts[codes]] = values
    dataset = TimeSeriesDataset(X=X, lengths=lengths, channels=table.schema.series)
    described = table.described(dataset, found.texts)
    ids = [] if described.ids is None else described.ids.tolist()
    expect_apart([*ids, *seen.intersection(ids)])
    seen.update(ids)
    return described
