"""The first rows of a table of text: what separates its cells, its header, what its columns hold.

A column is numeric if at least half of its values in these rows are numbers. Rows in which nothing
is quoted are looked at as lines: cutting a thousand cells out of each would take longer than
reading all the numbers of a small table.
"""

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tsconv.data.columns import Kind
from tsconv.data.numbering import running_prefix
from tsconv.data.numbers import COMMA, TAB, parse_json, parse_lists
from tsconv.data.series_text import BOM
from tsconv.errors import FormatError

DELIMITERS = "\t;,"  # of as many of each, a comma is what stands before decimals
MISSING = ("", " ", "nan", "NaN", "NAN", "NA", "N/A", "<NA>", "null", "NULL", "None", "?")
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\s*[+-]?inf(inity)?\s*", re.I)
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
DECIMAL_POINT = re.compile(r"\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*")
THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")  # or a decimal comma: nobody knows
LETTERS = frozenset("abcdefghjklmnopqrstuvwxyzABCDEFGHJKLMNOPQRSTUVWXYZ")  # no number starts so
SAMPLE_CELLS = 1_000


class FirstRows(ABC):
    """Some rows from a table's start."""

    def __init__(self, delimiter: str, first: list[str]) -> None:
        self.delimiter = delimiter
        self.first = first
        self.has_header = is_header([with_point(cell) for cell in first])

    @property
    @abstractmethod
    def rows(self) -> list[list[str]]:
        """The cells of the rows below the header."""

    @cached_property
    def decimal(self) -> str:
        """What stands before decimals: a comma where cells say so, more than have a point."""
        with_comma = [cell for row in self.rows for cell in row if "," in cell]
        commas = [*filter(DECIMAL_COMMA.fullmatch, with_comma)]
        if all(map(THOUSANDS.fullmatch, commas)):
            return "."
        points = [cell for row in self.rows for cell in row if DECIMAL_POINT.fullmatch(cell)]
        return "," if len(commas) > len(points) else "."

    def names(self, path: Path) -> list[str]:
        """What the header calls the columns, or their positions where there is none."""
        if not self.has_header:
            return [*map(str, range(len(self.first)))]
        names = list(map(str.strip, self.first))
        if len(set(names)) < len(names):
            twice = next(name for k, name in enumerate(names) if name in names[:k])
            raise FormatError(f"{path}:1: found the column {twice!r} twice; expected it once")
        return names

    def column(self, position: int) -> list[str]:
        """The cells of one column below the header, decimals after a point."""
        cells = [row[position] for row in self.rows]
        return [*map(with_point, cells)] if self.decimal == "," else cells

    def kinds(self) -> list[Kind]:
        """What each column holds."""
        return [kind_of(self.column(k)) for k in range(len(self.first))]


class QuotedRows(FirstRows):
    """Rows whose cells are known."""

    def __init__(self, delimiter: str, rows: list[list[str]]) -> None:
        super().__init__(delimiter, rows[0])
        self.cells = rows[self.has_header :]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the rows below the header."""
        return self.cells


class PlainRows(FirstRows):
    """Rows whose cells are all that stands between delimiters."""

    def __init__(self, delimiter: str, lines: list[str]) -> None:
        super().__init__(delimiter, lines[0].split(delimiter))
        self.lines = lines[self.has_header :]

    @cached_property
    def rows(self) -> list[list[str]]:
        """The cells of the rows below the header."""
        return [line.split(self.delimiter) for line in self.lines]

    @cached_property
    def decimal(self) -> str:
        """What stands before decimals, found out where there are commas at all."""
        has_commas = self.delimiter != "," and any("," in line for line in self.lines)
        return super().decimal if has_commas else "."

    def kinds(self) -> list[Kind]:
        """What each column holds; those between the first and the last are mostly all numbers."""
        delimiter, n_inner = self.delimiter, len(self.first) - 2
        is_plain = delimiter.encode() in (COMMA, TAB) and self.decimal == "."
        if not self.lines or n_inner < 1 or not is_plain:
            return super().kinds()
        firsts, _, rests = zip(*(line.partition(delimiter) for line in self.lines), strict=True)
        inner, _, lasts = zip(*(rest.rpartition(delimiter) for rest in rests), strict=True)
        texts = [each.rstrip(delimiter).encode() for each in inner]
        if parse_json(texts, delimiter.encode()) is None:
            return super().kinds()
        numbers: list[Kind] = ["number"] * n_inner
        return [kind_of(firsts), *numbers, kind_of(lasts)]


def read_plain(path: Path) -> PlainRows | None:
    """A file's first rows if they are plain and have as many cells each, else None."""
    with path.open("rb") as file:
        lines = (line for line in file if line.strip(b"\r\n"))
        first = next(lines, b"").removeprefix(BOM)
        n_cells, delimiter = cells_of(first.decode("utf-8", errors="replace"))
        start = first + b"".join(itertools.islice(lines, n_sampled(n_cells)))
    start = start.replace(b"\r\n", b"\n")
    try:
        rows = list(filter(None, start.decode("utf-8").split("\n")))
    except UnicodeDecodeError:
        return None
    is_plain = not any(each in start for each in (b'"', b"\r", b"\0"))
    is_even = all(row.count(delimiter) == n_cells - 1 for row in rows)
    return PlainRows(delimiter, rows) if rows and is_plain and is_even else None


def cells_of(row: str) -> tuple[int, str]:
    """How many cells a row has, and the delimiter that makes them the most."""
    delimiter = max(DELIMITERS, key=row.count) if any(map(row.count, DELIMITERS)) else ","
    return row.count(delimiter) + 1, delimiter


def n_sampled(n_cells: int) -> int:
    """How many rows are looked at where each has so many cells."""
    return max(5, min(500, SAMPLE_CELLS // n_cells))


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names columns: few numbers, or evenly running ones (0, 1, 2 ...)."""
    candidates = [cell for cell in cells if cell[:1] not in LETTERS]
    numbers = [cell.strip() for cell in candidates if NUMBER.fullmatch(cell)]
    if 2 * len(numbers) < len(cells):
        return True
    return len(numbers) > 2 and running_prefix(numbers) is not None


def with_point(cell: str) -> str:
    """A number with a point before its decimals where it has a comma, all else as it is."""
    return cell.replace(",", ".") if "," in cell and DECIMAL_COMMA.fullmatch(cell) else cell


def kind_of(cells: Sequence[str]) -> Kind:
    """What a column holds that has these cells."""
    if are_numbers(cells):
        return "number"
    n_numbers = len(list(filter(NUMBER.fullmatch, cells)))
    if 2 * n_numbers >= len(cells):
        return "number"
    n_values = sum(cell.strip() not in MISSING for cell in cells)
    return "number" if 2 * n_numbers >= n_values else "text"


def are_numbers(cells: Iterable[str]) -> bool:
    """Whether all cells that are not empty are numbers for sure, found out at once."""
    known = list(filter(None, cells))
    text = ",".join(known)
    if not text.isascii() or any(each in text for each in "nN?"):
        return False  # words such as NaN
    parsed = parse_lists([text.encode()])
    return parsed is not None and len(parsed[0]) == len(known)
