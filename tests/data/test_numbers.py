import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsconv.data.numbers import COMMA, TAB, parse_json, parse_lists, parse_words

SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)
SPELLED = st.one_of(
    SINGLE.map(repr),
    SINGLE.map("{:.7e}".format),
    st.integers(-(10**25), 10**25).map(str),
    st.sampled_from(
        ["-0", "-0.0", "0", "1e-05", "-0e0", "+1", ".5", "1.", "007", " 2 ", "NaN", "?"]
    ),
)


def expected_bits(words: list[str]) -> list[bytes]:
    """Each as float() reads it, rounded to float32, as bytes; NaN and zero without their sign."""
    values = [float("nan") if word == "?" else float(word) for word in words]
    single = [struct.unpack("f", struct.pack("f", each))[0] for each in values]
    return [struct.pack("f", abs(each) if each != each or each == 0 else each) for each in single]


@given(st.lists(st.lists(SPELLED, min_size=1), min_size=1), st.sampled_from([COMMA, TAB]))
def test_numbers_are_those_of_python_bit_for_bit(lists, separator):
    lines = [separator.join(word.encode() for word in words) for words in lists]

    values, lengths = parse_lists(lines, separator)

    assert lengths.tolist() == [len(words) for words in lists]
    found = [struct.pack("f", abs(each) if np.isnan(each) else each) for each in values]
    assert found == [bits for words in lists for bits in expected_bits(words)]


@given(st.lists(SINGLE.map(repr), min_size=1))
def test_both_ways_of_parsing_agree(words):
    lines = [",".join(words).encode()] * 2

    by_json, by_words = parse_json(lines, COMMA), parse_words(lines, COMMA)

    assert by_json[0].tobytes() == by_words[0].tobytes()
    assert by_json[1].tolist() == by_words[1].tolist() == [len(words)] * 2


@pytest.mark.parametrize(
    "token",
    ["", "x", "true", "null", '"1"', "[1]", "1],[2", "{}", "1 2", "0x10", "1_000", "1e", "--1",
     "1\r", "inf", "-Infinity", "1e39", "1e999", "1e400000", "\0", "٣"],
)  # fmt: skip
@pytest.mark.parametrize("others", ["{}", "1,{}", "{},1", "?,{}", "1:{}"])
def test_what_is_no_finite_number_is_refused(token, others):
    assert parse_lists([others.format(token).encode(), b"1"]) is None


def test_lists_are_apart_by_lines_and_colons():
    values, lengths = parse_lists([b"1,2:3", b"4"])

    assert values.tolist() == [1, 2, 3, 4]
    assert lengths.tolist() == [2, 1, 1]


@pytest.mark.parametrize("zero", ["-0", "-0.0", "0", "-0e0", "-1e-60"])
@pytest.mark.parametrize("others", ["{},1", "{},+1"])  # JSON, and what JSON does not know
def test_zeros_have_no_sign(zero, others):
    values, _ = parse_lists([others.format(zero).encode()])

    assert not np.signbit(values).any()
