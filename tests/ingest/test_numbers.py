"""Numbers as different countries and programs write them; and that one that could be two is none."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.ingest import numbers


def number(text):
    return pl.DataFrame({"t": [text]}, schema={"t": pl.String}).select(numbers.number(pl.col("t"))).item()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("4", 4), ("4.5", 4.5), (" 4.50 ", 4.5), ("-1e3", -1000), (".5", 0.5), ("1.234", 1.234), ("+4.5", 4.5)],
        *[("4,5", 4.5), ("-0,25", -0.25), (",5", 0.5), ("0,125", 0.125), ("1234,567", 1234.567), ("+4,5", 4.5)],
        *[("1.234,5", 1234.5), ("1 234,50", 1234.5), ("1\u202f234,5", 1234.5), ("1'234'567,8", 1234567.8)],
        *[("1,234.5", 1234.5), ("1,234,567.89", 1234567.89), ("1'234.5", 1234.5)],
    ],
)
def test_a_comma_or_a_point_in_front_of_the_fraction(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    "text", ["1,234", "-12,345", "999,999", "1,2,3", "1.2.3", "12,34.5", "1,23,4", ",", "", None, "a", "4,5 €"]
)
def test_what_is_no_number_or_could_be_two_is_none(text):
    assert number(text) is None


@given(st.floats(allow_nan=False))
def test_a_number_written_with_a_point_is_what_it_was(value):
    assert number(repr(value)) == value
