import math
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from tsconv.errors import ConfigError
from tsconv.hints import check, hints_of


@pytest.mark.parametrize(
    ("value", "hint", "taken"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (None, int | None, None),
        ("a", Literal["a", "b"] | None, "a"),
        ([3, 4], Sequence[int], [3, 4]),
        ((3, 4), Sequence[float], [3.0, 4.0]),
        ({"a": 1}, dict[str, Any], {"a": 1}),
        ("whatever", Any, "whatever"),
    ],
)
def test_a_value_of_the_type_is_taken(value, hint, taken):
    found = check("name", value, hint)

    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("value", "hint", "words"),
    [
        (True, int, "a whole number, found True"),
        ("3", float | None, "a number or none, found '3'"),
        (2.5, int, "a whole number, found 2.5"),
        ("c", Literal["a", "b"], "'a' or 'b', found 'c'"),
        ("34", Sequence[int], "a list, each a whole number, found '34'"),
        ([3, "4"], Sequence[int], "a whole number, found '4'"),
        (1, bool, "true or false, found 1"),
        (math.nan, float, "a number from -inf to inf, found nan"),
    ],
)
def test_any_other_is_told_in_plain_words(value, hint, words):
    with pytest.raises(ConfigError, match=f"^name: expected {words}$"):
        check("name", value, hint)


@pytest.mark.parametrize("value", [-1, 11])
def test_a_number_out_of_range_is_told_with_the_range(value):
    with pytest.raises(ConfigError, match=r"^name: expected a number from 0 to 10, found"):
        check("name", value, int | None, least=0, most=10)


def test_hints_that_only_a_checker_can_resolve_are_none():
    def known(width: int): ...
    def unknown(width: "NotImportedAtRunTime"): ...  # noqa: F821

    assert hints_of(known) == {"width": int}
    assert hints_of(unknown) == {}
