"""Numbers in text, many at once.

simdjson parses arrays of JSON in half the time that Arrow takes for strings. What JSON does not
know, such as NaN, +1 and .5, Arrow reads. Both round correctly, to float64 first as Python does.
"""

import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import simdjson
from numpy.typing import NDArray

COMMA, TAB = b",", b"\t"
(BRACKET,) = b"["

ZERO = np.float32(0)
"""Added to numbers, it takes the sign of zeros away: of -0 JSON knows none, of -0.0 it does."""

Text = bytes | bytearray | memoryview

Lists = tuple[NDArray[np.float64], NDArray[np.int64]]
"""The values of all lists, one after the other, and how many each list has."""


class Thread(threading.local):
    """A parser a thread, kept since its memory is: new pages cost as much as parsing does."""

    def __init__(self) -> None:
        self.parser = simdjson.Parser()


THREAD = Thread()


def parse_lists(
    lines: Sequence[Text], separator: bytes = COMMA
) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    """The numbers of lists that stand one or more a line, apart by ``:``; None if one is none.

    Zeros have no sign. Missing ones are written ``?`` or NaN. Spaces may stand around each.

    Args:
        lines: the lists.
        separator: what numbers are apart by, COMMA or TAB.

    Returns:
        The values of all lists, one after the other, and how many each list has.
    """
    parsed = parse_json(lines, separator) or parse_words(lines, separator)
    if parsed is None:
        return None
    values, lengths = parsed
    with np.errstate(over="ignore"):  # too large a number becomes inf
        single = values.astype(np.float32)
    single += ZERO
    return None if np.isinf(single).any() else (single, lengths)


def parse_json(lines: Sequence[Text], separator: bytes) -> Lists | None:
    """The lists if all their values are numbers of JSON, else None."""
    # An empty list comes before the first and after the last.
    array = b" ],[".join([b"[[", *lines, b"]]"])
    characters = np.frombuffer(array, dtype=np.uint8)
    if b"\r" in array or np.count_nonzero(characters == BRACKET) > len(lines) + 3:
        return None  # JSON would take a line end for a blank, and more than numbers
    if b":" in array:
        array = array.replace(b":", b" ],[")
        characters = np.frombuffer(array, dtype=np.uint8)
    if separator == TAB:
        commas = (characters == ord(TAB)).view(np.uint8)
        commas *= np.uint8(ord(COMMA) - ord(TAB))
        characters = np.add(characters, commas, out=commas)
    try:
        document: Any = THREAD.parser.parse(characters.data)
        values = np.frombuffer(document.as_buffer(of_type="d"), dtype=np.float64)
    except (ValueError, TypeError, RuntimeError):
        return None
    lengths = np.array([len(each) for each in document][1:-1])
    return (values, lengths) if _fits(values, lengths) else None


def parse_words(lines: Sequence[Text], separator: bytes) -> Lists | None:
    """The lists if all their values are numbers or missing, else None.

    Arrow's strings are the text itself, nothing copied: numbers and the commas between them in
    turn, the latter marked null.
    """
    lists = b":".join(lines).split(b":")
    lengths = np.array([each.count(separator) + 1 for each in lists])
    words = b",".join(lists).replace(separator, b",").replace(b"?", b"NaN")
    if b" " in words or b"\t" in words:
        words = re.sub(rb"[ \t]*,[ \t]*", b",", words.strip(b" \t"))
    ends = np.flatnonzero(np.frombuffer(words, dtype=np.uint8) == ord(COMMA))
    offsets = np.zeros(2 * len(ends) + 2, dtype=np.int64)
    offsets[1:-1:2], offsets[-1] = ends, len(words)
    offsets[2::2] = ends + 1
    n_strings = len(offsets) - 1
    alternating = pa.py_buffer(b"\x55" * (n_strings // 8 + 1))  # bits 1, 0, 1, 0, ...
    strings = pa.LargeStringArray.from_buffers(
        n_strings, pa.py_buffer(offsets), pa.py_buffer(words), alternating
    )
    try:
        buffer = strings.cast(pa.float64()).buffers()[1]
    except pa.ArrowInvalid:
        return None
    values = np.frombuffer(buffer, np.float64, n_strings)[::2]
    return (values, lengths) if _fits(values, lengths) else None


def _fits(values: NDArray[np.float64], lengths: NDArray[np.int64]) -> bool:
    """Whether each list has values and all have as many as there are."""
    return bool(lengths.all()) and int(lengths.sum()) == len(values)


def is_number(token: bytes) -> bool:
    """Whether a token is one number, or stands for a missing one."""
    return not (COMMA in token or b":" in token) and parse_lists([token]) is not None
