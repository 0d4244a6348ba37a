"""Which column of a table means what: from its header and first rows, or from a stored schema.

The rules, in order, where the schema does not say (names are compared without case):

- label: a column named label; else the one named class, target or class_label; else the only column
  that is not numeric; else one named y.
- id: a column named id, instance, case, case_id and the like; a first column without a name.
- long layout: there is an id column whose values repeat and a time column (time, timestamp, date,
  step, index ...). Ids that never repeat count as well if every time is 0: series of one point.
  But columns numbered like times (t0, t1 ...) are a series in a row; and where ten or more are
  numbered otherwise (x0, x1 ...), and not as channels, --layout is asked for. It is so too where no
  column has an id's name, but the values of one repeat with times each, as ids would.
- series: the numeric columns that are left. If most of them are numbered (t0, t1 ...), those alone;
  if they are so in several ways, as many each (x0, x1 ... y0, y1 ...), each way is a channel.
"""

import itertools
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tsconv.data.format import Schema
from tsconv.data.numbering import by_prefix, numbered_among, running_prefix, split_number
from tsconv.errors import FormatError, LabelError
from tsconv.registry import did_you_mean

logger = logging.getLogger(__name__)

Kind = Literal["number", "text", "list"]

LABEL_NAMES = ("class", "target", "class_label")
ID_NAMES = (
    "id",
    "instance",
    "case",
    "case_id",
    "instance_id",
    "series_id",
    "sample_id",
    "instances",
)
TIME_NAMES = (
    "time",
    "timestamp",
    "timepoint",
    "timepoints",
    "time_point",
    "t",
    "step",
    "date",
    "datetime",
    "index",
)
CHANNEL_NAMES = ("channel", "ch", "dim", "dimension", "sensor")
"""Numbered, what many long tables call their channels, ours among them."""
MOST_CHANNELS = 9
"""More columns numbered by another name may as well be the time points of a row."""
MEANINGFUL = frozenset(("label", *LABEL_NAMES, "x", "y", *ID_NAMES, *TIME_NAMES))
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)?")
NO_LABEL = ""
"""``Schema(label="")`` says that a table has no label column, as one to predict may."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What a table's header and first rows show.

    Attributes:
        path: the file, for messages.
        kinds: what each column holds, in the order of the file.
        sample: gives the first rows' cells of a column; of one of lists it may give none.
        has_header: false where columns are named by their position.
    """

    path: Path
    kinds: Mapping[str, Kind]
    sample: Callable[[str], Sequence[object]]
    has_header: bool = True

    @cached_property
    def meaningful(self) -> list[tuple[str, str]]:
        """The columns whose names may tell what they are: that name in lower case, and itself."""
        pairs = zip(map(str.lower, self.kinds), self.kinds, strict=True)
        return [(folded, name) for folded, name in pairs if folded in MEANINGFUL]

    @cached_property
    def unnamed(self) -> list[str]:
        """The columns without a name, of which pandas makes Unnamed: 0 and so on."""
        candidates = (name for name in self.kinds if not name or name[0] == "U")
        return [name for name in candidates if not name or UNNAMED.fullmatch(name)]

    def of_kind(self, kind: Kind, without: Iterable[str | None] = ()) -> list[str]:
        """The columns of one kind in the order of the file."""
        if kind not in self.kinds.values():
            return []
        left_out = set(without)
        return [name for name, each in self.kinds.items() if each == kind and name not in left_out]


def resolve_columns(columns: Columns, schema: Schema) -> Schema:
    """``schema`` with every column found: detected if it names no series, else matched by name.

    Raises:
        FormatError: a column that the schema names is not there, or its part cannot be guessed.
    """
    if schema.series:
        return _match(columns, schema)
    _expect(columns, [schema.label or None, schema.id, schema.time])
    layout = schema.layout or _detect_layout(columns, schema)
    id_column, time = schema.id or _find_id(columns, layout), schema.time
    if layout == "long":
        time = time or _find_name(columns, TIME_NAMES)
        _expect_long(columns, id_column, time)
    label = (
        schema.label if schema.label is not None else _find_label(columns, layout, id_column, time)
    )
    series = _find_series(columns, layout, (label, id_column, time, *columns.unnamed))
    logger.info(
        "%s: %s table, label column %r, id column %r", columns.path, layout, label, id_column
    )
    return Schema(layout=layout, label=label, id=id_column, time=time, series=tuple(series))


def _match(columns: Columns, schema: Schema) -> Schema:
    """A stored schema against a table that may lack its labels or have further columns."""
    layout = schema.layout or "wide"
    label: str | None = schema.label if schema.label in columns.kinds else None
    if not columns.has_header and len(columns.kinds) == len(schema.series):
        label = None  # as many columns as series had: the label column is what is left out
    id_column = schema.id if schema.id in columns.kinds else None
    if layout == "long":
        _expect(columns, [schema.id, schema.time])
    elif id_column is None and (found := _find_id(columns, layout)) not in schema.series:
        id_column = found
    series = _match_series(columns, schema, (label, id_column))
    return replace(schema, layout=layout, label=label, id=id_column, series=tuple(series))


def _match_series(
    columns: Columns, schema: Schema, others: tuple[str | None, ...]
) -> Sequence[str]:
    """The columns that hold the schema's series: by name, or by position if names only count."""
    prefix = running_prefix(schema.series)
    if schema.layout != "long" and prefix is not None:
        numbers = columns.of_kind("number", without=others)
        alike = [name for name in numbers if split_number(name)[0] == prefix]
        for candidates in (alike, numbers):
            if running_prefix(candidates) is not None:
                return candidates
        lists = columns.of_kind("list", without=others)
        if not numbers and len(lists) == 1:
            return lists
    missing = [name for name in schema.series if name not in columns.kinds]
    if missing:
        found = [name for name in columns.kinds if name not in others]
        raise FormatError(
            f"{columns.path}: expected the series columns of the training table, missing "
            f"{_shorten(missing)}; found {_shorten(found)}; rename the columns, or name them "
            "by one prefix and a running number (t0, t1 ...) to have them taken by position"
        )
    return schema.series


def _detect_layout(columns: Columns, schema: Schema) -> Literal["wide", "long"]:
    if schema.time is not None:
        return "long"
    id_column = schema.id or _find_id(columns, "long")
    time = _find_name(columns, TIME_NAMES, without=(id_column, schema.label))
    if id_column is None and time is not None:
        _refuse_id_by_other_name(columns, schema, time)
    if id_column is None or time is None or columns.kinds[id_column] == "list":
        return "wide"
    ids = columns.sample(id_column)
    is_at_start = all(str(cell).strip() in ("0", "0.0") for cell in columns.sample(time))
    if len(set(ids)) == len(ids) and not is_at_start:
        return "wide"
    numbered = numbered_among(
        columns.of_kind("number", without=(id_column, time, *columns.unnamed))
    )
    layout = _layout_by_numbers(numbered)
    if layout is not None:
        return layout
    raise FormatError(
        f"{columns.path}: found columns numbered {_shorten(numbered)} beside a column "
        f"{id_column!r} that repeats and a column {time!r}; is a row an instance or a time point? "
        "say --layout wide or --layout long"
    )


def _layout_by_numbers(numbered: Sequence[str]) -> Literal["wide", "long"] | None:
    """What numbered columns are beside an id and a time: times, channels, or None for either."""
    groups = by_prefix(numbered)
    kinds = {prefix.strip("_-. ").lower() for prefix in groups}
    if groups and kinds <= {*TIME_NAMES}:
        return "wide"
    if kinds <= {*CHANNEL_NAMES} or len(numbered) <= MOST_CHANNELS * len(groups):
        return "long"
    return None


def _refuse_id_by_other_name(columns: Columns, schema: Schema, time: str) -> None:
    """Raise FormatError for a column whose values have times each, as the ids of a long table."""
    numbers, texts = columns.of_kind("number", without=(time,)), columns.of_kind("text")
    is_wide = _layout_by_numbers(numbered_among(numbers)) != "long"
    if is_wide or columns.kinds[time] == "list":
        return
    labels = {schema.label or (texts[0] if len(texts) == 1 else None), "", *columns.unnamed}
    labels |= {
        name for folded, name in columns.meaningful if folded in ("y", "label", *LABEL_NAMES)
    }
    is_counted = columns.kinds[time] == "number"
    times = [_as_number(cell) if is_counted else str(cell) for cell in columns.sample(time)]
    if None in times:
        return
    for name in [each for each in (*texts, *numbers) if each not in {*labels, time}]:
        cells = [str(cell).strip() for cell in columns.sample(name)]
        in_any_order = name in texts
        if not in_any_order and not all(map(str.isdecimal, cells)):
            continue  # numbers that are not whole name nothing
        if _are_ids(cells, times, in_any_order=in_any_order, is_row_number=time.lower() == "index"):
            raise FormatError(
                f"{columns.path}: found {name!r} to repeat, and each time of {time!r} once within "
                "each of its values; is a row an instance or a time point? name the instances with "
                f"--id {name}, or say --layout wide"
            )


def _are_ids(
    cells: Sequence[str], times: Sequence[Any], *, in_any_order: bool, is_row_number: bool
) -> bool:
    """Whether cells repeat with other times each: in one run of rows in order, or the same times.

    Args:
        cells: that may be ids.
        times: of the same rows.
        in_any_order: whether rows of one id may stand apart, if ids share times; numbers would too
            often do so by chance.
        is_row_number: whether times that never start again say nothing.
    """
    rows = [*zip(cells, times, strict=True)]
    if 2 * len({*cells}) > len(cells) or len({*rows}) < len(rows):
        return False
    if in_any_order and 2 * len({*times}) <= len(times):
        return True
    pairs = [*itertools.pairwise(rows)]
    are_in_order = all(before[1] < after[1] for before, after in pairs if before[0] == after[0])
    n_runs = 1 + sum(before[0] != after[0] for before, after in pairs)
    starts_again = any(before[1] >= after[1] for before, after in pairs)
    return are_in_order and n_runs == len({*cells}) and (starts_again or not is_row_number)


def _find_id(columns: Columns, layout: str) -> str | None:
    if layout == "long":
        return _find_name(columns, ID_NAMES)
    first = next(iter(columns.kinds))
    found = _find_name(columns, (*ID_NAMES, "index"))
    return first if found is None and first in columns.unnamed else found


def _find_name(
    columns: Columns, names: Iterable[str], without: Iterable[str | None] = ()
) -> str | None:
    """The first of ``names`` that the table has, as the table spells it."""
    left_out = set(without)
    folded = {folded: name for folded, name in columns.meaningful if name not in left_out}
    return next((folded[name] for name in names if name in folded), None)


def _find_label(columns: Columns, layout: str, id: str | None, time: str | None) -> str:
    texts = columns.of_kind("text", without=(id, time, *columns.unnamed))
    folded = {
        folded: name
        for kind in ("number", "text")  # of two names that differ in case the text's counts
        for folded, name in columns.meaningful
        if columns.kinds[name] == kind and name not in (id, time)
    }
    if "label" in folded:
        return folded["label"]
    named = [folded[name] for name in LABEL_NAMES if name in folded]
    if len(named) == 1:
        return named[0]
    if not named and len(texts) == 1:
        return texts[0]
    if not named and not texts and "y" in folded and "x" not in folded:
        return folded["y"]
    others = columns.of_kind("number", without=(id, time, *columns.unnamed))
    raise LabelError(f"{columns.path}: {_label_question(columns, named or texts, others)}")


def _label_question(columns: Columns, texts: list[str], numbers: list[str]) -> str:
    if texts:
        return (
            f"expected one column of class labels, found {len(texts)} that could be: "
            f"{_shorten(texts)}; name it with --label COLUMN"
        )
    if not columns.has_header:
        return (
            "found no header and numbers only, so any column could hold the class labels; name it "
            f"by its position with --label COLUMN: 0 is the first, {len(numbers) - 1} the last"
        )
    return (
        "expected a column of class labels (one named label or class, or one that is not numeric), "
        f"found only {_shorten(numbers)}; name it with --label COLUMN"
    )


def _find_series(columns: Columns, layout: str, others: tuple[str | None, ...]) -> list[str]:
    lists = columns.of_kind("list", without=others) if layout == "wide" else []
    numbers = columns.of_kind("number", without=others)
    if not (lists or numbers):
        raise FormatError(
            f"{columns.path}: expected at least one numeric column of series values, found none "
            f"among {_shorten(list(columns.kinds))}; is the first line a title above the header?"
        )
    if lists or layout == "long":
        return lists or numbers
    numbered = numbered_among(numbers)
    groups = by_prefix(numbered or numbers)
    for prefix in groups:
        _refuse_text_among(columns, prefix, others)
    if not numbered and len(groups) > 1 and 2 * sum(map(len, groups.values())) > len(numbers):
        found = ", ".join(f"{len(group)} {prefix}" for prefix, group in groups.items())
        raise FormatError(
            f"{columns.path}: found columns numbered in several ways ({found}); expected as many "
            "of each channel, with even numbers, or a long table: a row a time point, a column a "
            "channel"
        )
    if numbered and (left := sorted({*numbers} - {*numbered}, key=numbers.index)):
        logger.info("%s: not part of the series: %s", columns.path, _shorten(left))
    return numbered or numbers


def _refuse_text_among(columns: Columns, prefix: str, others: tuple[str | None, ...]) -> None:
    """Raise FormatError for a column of text that is numbered as the series' columns are."""
    for name in columns.of_kind("text", without=others):
        if split_number(name)[0] == prefix and split_number(name)[1] is not None:
            found = next((cell for cell in columns.sample(name) if not _is_number(cell)), None)
            raise FormatError(
                f"{columns.path}: column {name!r}: expected numbers as in the columns numbered "
                f"like it, found text such as {found!r}; write missing values as empty cells"
            )


def _is_number(cell: object) -> bool:
    return _as_number(cell) is not None


def _as_number(cell: object) -> float | None:
    """The number that a cell holds, NaN for an empty one; None for text."""
    try:
        return float("nan" if cell is None or cell == "" else str(cell))
    except ValueError:
        return None


def _expect(columns: Columns, names: Iterable[str | None]) -> None:
    for name in names:
        if name is not None and name not in columns.kinds:
            hint = did_you_mean(name, columns.kinds)
            raise FormatError(
                f"{columns.path}: expected a column {name!r}{hint}; "
                f"found {_shorten(list(columns.kinds))}"
            )


def _expect_long(columns: Columns, id: str | None, time: str | None) -> None:
    for part, name, names in (("id", id, ID_NAMES), ("time", time, TIME_NAMES)):
        if name is None:
            raise FormatError(
                f"{columns.path}: expected the {part} column of a long table (one named "
                f"{', '.join(names[:4])} ...), found {_shorten(list(columns.kinds))}; "
                f"name it with --{part} COLUMN"
            )


def _shorten(names: Sequence[str]) -> str:
    """The names in one line, the middle of a long list left out."""
    if len(names) <= 8:
        return ", ".join(names)
    return f"{', '.join(names[:4])} ... {', '.join(names[-2:])} ({len(names)} in all)"
