"""A table's rows, some at a time: so many, or all those of so many instances."""

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsconv.data.cells import as_codes, as_text
from tsconv.data.columns import Columns
from tsconv.errors import FormatError

SMALL_BYTES = 1 << 25
"""Of text that may be held at once; at some eight a number as many numbers as a chunk has."""


class Table(Protocol):
    """A file of rows, read in pieces."""

    columns: Columns

    @property
    def is_small(self) -> bool:
        """Whether memory may hold all rows at once, so that they may stand in any order."""
        ...

    def pieces(self, numbers: Collection[str]) -> Iterator[pa.Table]:
        """The rows in order, some at a time; ``numbers`` are read as numbers."""
        ...

    def place(self, row: int) -> str:
        """Where a row stands, as "path:line"."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table, and the number of each in it."""

    cells: pa.Table
    numbers: NDArray[np.int64]

    def take(self, indices: NDArray[np.int64]) -> "Rows":
        """The rows at ``indices``, in that order."""
        return Rows(self.cells.take(indices), self.numbers[indices])

    def part(self, start: int, stop: int) -> "Rows":
        """The rows from ``start`` up to ``stop``."""
        return Rows(self.cells.slice(start, stop - start), self.numbers[start:stop])


def is_small(path: Path) -> bool:
    """Whether a file of text may be held at once."""
    return path.stat().st_size <= SMALL_BYTES


def numbered(cells: pa.Table, first: int) -> Rows:
    """Rows that follow each other in a table from number ``first`` on."""
    return Rows(cells, np.arange(first, first + len(cells)))


def rebatched(pieces: Iterable[pa.Table], chunk_size: int | None) -> Iterator[Rows]:
    """The rows ``chunk_size`` at a time, the last ones fewer; or all of them for None."""
    held: list[pa.Table] = []
    n_held = n_given = 0
    for piece in pieces:
        held.append(piece)
        n_held += len(piece)
        if chunk_size is None or n_held < chunk_size:
            continue
        cells = pa.concat_tables(held)
        whole = n_held - n_held % chunk_size
        for start in range(0, whole, chunk_size):
            yield numbered(cells.slice(start, chunk_size), n_given + start)
        held, n_held, n_given = [cells.slice(whole)], n_held - whole, n_given + whole
    if n_held:
        yield numbered(pa.concat_tables(held), n_given)


def whole_instances(
    table: Table, pieces: Iterable[pa.Table], id: str, chunk_size: int | None
) -> Iterator[Rows]:
    """All rows of ``chunk_size`` ids at a time, or all rows for None.

    Raises:
        FormatError: the table is not small, and an id comes again after others.
    """
    if chunk_size is None:
        yield from rebatched(pieces, None)
    elif table.is_small:
        for rows in rebatched(pieces, None):
            yield from _grouped(rows, id, chunk_size)
    else:
        yield from _unseen(table, _in_runs(pieces, id, chunk_size), id)


def _grouped(rows: Rows, id: str, chunk_size: int) -> Iterator[Rows]:
    """All rows of ``chunk_size`` ids at a time, ids in the order in which they first appear."""
    codes, ids = as_codes(rows.cells[id])
    if (codes[1:] < codes[:-1]).any():
        order = np.argsort(codes, kind="stable")
        rows, codes = rows.take(order), codes[order]
    firsts = np.arange(0, len(ids) + chunk_size, chunk_size)
    for start, stop in itertools.pairwise(np.searchsorted(codes, firsts).tolist()):
        yield rows.part(start, stop)


def _in_runs(
    pieces: Iterable[pa.Table], id: str, chunk_size: int
) -> Iterator[tuple[Rows, list[int]]]:
    """``chunk_size`` runs of one id at a time, and where each begins in these rows.

    The last, unfinished run of a piece waits for its rest.
    """
    held: list[pa.Table] = []
    n_given = 0
    for piece in pieces:
        rows = numbered(pa.concat_tables([*held, piece]), n_given)
        starts = _run_starts(rows, id)
        n_whole = (len(starts) - 1) // chunk_size * chunk_size
        for first in range(0, n_whole, chunk_size):
            yield _between(rows, starts[first : first + chunk_size + 1])
        held = [rows.cells.slice(starts[n_whole])]
        n_given += starts[n_whole]
    if held and len(held[0]):
        rows = numbered(held[0], n_given)
        ends = [*_run_starts(rows, id), len(held[0])]
        for first in range(0, len(ends) - 1, chunk_size):
            yield _between(rows, ends[first : first + chunk_size + 1])


def _run_starts(rows: Rows, id: str) -> list[int]:
    """The rows where the id changes, the first among them."""
    ids, _ = as_codes(rows.cells[id])
    return [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist()]


def _between(rows: Rows, bounds: list[int]) -> tuple[Rows, list[int]]:
    """The rows from the first bound up to the last, and where those between stand among them."""
    return rows.part(bounds[0], bounds[-1]), [each - bounds[0] for each in bounds[:-1]]


def _unseen(table: Table, runs: Iterable[tuple[Rows, list[int]]], id: str) -> Iterator[Rows]:
    """The rows, each run's id being new."""
    seen: set[str] = set()
    for rows, starts in runs:
        for start, name in zip(starts, as_text(rows.cells[id].take(starts)), strict=True):
            if name.strip() and name in seen:  # an id that is none is told of later
                raise FormatError(
                    f"{table.place(int(rows.numbers[start]))}: found id {name!r} again after "
                    "other ids, in a table too large to be held whole; sort the table by id to "
                    "read it in chunks"
                )
            seen.add(name)
        yield rows
