"""Names that end in a running number: t0, t1 ... t63 are the time points of one channel.

Numbers run when they are even: 0, 1, 2, or 0.0, 0.5, 1.0, and not 0, 1, 3.
"""

import itertools
import sys
from collections.abc import Sequence
from functools import lru_cache

DIGITS = "0123456789"
LEAST = 3
"""Names that run; two may do so by chance."""


def running_prefix(names: Sequence[str]) -> str | None:
    """The common prefix of names that differ by an evenly running number only, else None.

    '' for plain numbers such as 0, 1, 2.
    """
    if not names:
        return None
    prefix, number = split_number(names[0])
    is_whole = number is not None and number < sys.maxsize
    if is_whole and list(names) == counted_names(prefix, int(number or 0), len(names)):
        return prefix  # most headers
    parts = [split_number(name) for name in names]
    if any(number is None or prefix != parts[0][0] for prefix, number in parts):
        return None
    numbers = [number for _, number in parts if number is not None]
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    is_even = all(step > 0 and abs(step - steps[0]) <= 1e-3 * steps[0] for step in steps)
    return parts[0][0] if is_even else None


@lru_cache(maxsize=8)
def counted_names(prefix: str, start: int, count: int) -> list[str]:
    """``count`` names that differ by a running number; those of one set's files are the same."""
    return [f"{prefix}{k}" for k in range(start, start + count)]


@lru_cache(maxsize=1 << 14)
def split_number(name: str) -> tuple[str, float | None]:
    """A name's prefix and the number at its end."""
    prefix = name.rstrip(DIGITS)
    if prefix == name:
        return name, None
    if prefix.endswith(".") and (whole := prefix[:-1].rstrip(DIGITS)) != prefix[:-1]:
        prefix = whole
    return prefix, float(name[len(prefix) :])


def by_prefix(names: Sequence[str]) -> dict[str, list[str]]:
    """The numbered names by their prefix, at least three each."""
    if len(names) >= LEAST and (prefix := running_prefix(names)) is not None:
        return {prefix: list(names)}  # most headers
    groups: dict[str, list[str]] = {}
    for name in names:
        prefix, number = split_number(name)
        if number is not None:
            groups.setdefault(prefix, []).append(name)
    return {prefix: group for prefix, group in groups.items() if len(group) >= LEAST}


def numbered_among(names: Sequence[str]) -> list[str]:
    """The running names that are more than half of all, prefix by prefix; [] if there are none.

    Those of one prefix, or of several that number as many each: the channels of one table.
    """
    groups = list(by_prefix(names).values())
    most = [group for group in groups if 2 * len(group) > len(names)] or groups
    numbered = list(itertools.chain.from_iterable(most))
    is_even = len({len(group) for group in most}) == 1
    is_even = is_even and all(running_prefix(group) is not None for group in most)
    return numbered if is_even and 2 * len(numbered) > len(names) else []


def channels_of(series: Sequence[str]) -> tuple[str, ...]:
    """What the channels are called whose columns stand one after the other, () for one channel."""
    groups = by_prefix(series)
    if len(groups) < 2 or numbered_among(series) != list(series):
        return ()
    return tuple(prefix.rstrip("_-. ") or prefix for prefix in groups)
