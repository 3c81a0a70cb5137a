"""Whole rows of a table become the same numbers and words as each value through `contract.values`."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.tables import delimited
from common.tables.batch import Batch
from common.tables.features import read_features, require_columns
from contract.artifact.contract import Feature, Label, ModelContract
from contract.errors import DocumentError, InputError
from contract.values import feature_value

FEATURES = (
    Feature("depth", "river.depth", "float"),
    Feature("gap", "river.gap", "float", missing="value", missing_value=7.0),
    Feature("flag", "river.flag", "float", missing="flag", missing_value=0.0),
    Feature("open", "river.open", "float", reads="boolean", missing="value", missing_value=0.0),
    Feature("hour", "river.at", "float", reads="hour", missing="value", missing_value=12.0),
    Feature("colour", "river.colour", "string", ("red", "blue")),
    Feature("code", "river.code", "string", ("1", "22"), missing="value", missing_value="none"),
)
RIVERS = ModelContract("rivers", FEATURES, (Label("calm", "calm", 0), Label("flood", "wet", 50)), ("calm", "wet"))
TEXTS = ["1", "-2.5", "+3", " 4 ", ".5", "6.", "007", "1e5", "1e999", "1_000", "٣", "nan", "inf", "", "  ", "x", "1,5"]
TEXTS += ["0" * 70, "1 2", "true", "[1]", "null", "2026-03-04T05:06:07Z", "red", "a" * 1100, "0x1f"]
VALUES = [None, 1, 2.5, True, False, math.nan, math.inf, 10**400, [3], [], {"a": 1}, *TEXTS]


def by_the_rule(columns: dict[str, list[Any]], place: int) -> list[float | str] | str:
    """The values of a row, or its first error: floats come first, as in the graph."""
    try:
        return [
            feature_value(feature, columns[feature.name][place], model_id="rivers")
            for feature in (*RIVERS.numeric, *RIVERS.categorical)
        ]
    except DocumentError as error:
        return str(error)


def found_in(batch: Batch) -> list[list[float | str] | str]:
    found = read_features(batch, RIVERS)
    assert sorted([*found.good.tolist(), *found.errors]) == list(range(batch.size))
    return [
        str(found.errors[place]) if place in found.errors else [*found.numeric[place].tolist(), *found.words[place]]
        for place in range(batch.size)
    ]


@given(st.lists(st.tuples(*[st.sampled_from(VALUES)] * len(FEATURES)), min_size=1, max_size=8))
def test_values_of_any_type_are_read_by_the_rule(rows: list[tuple[Any, ...]]) -> None:
    columns = {feature.name: [row[i] for row in rows] for i, feature in enumerate(FEATURES)}
    expected = [by_the_rule(columns, place) for place in range(len(rows))]
    np.testing.assert_equal(found_in(Batch(1, len(rows), columns)), expected)


NUMBERS = st.floats(-1e6, 1e6).map(repr) | st.integers(-(10**20), 10**20).map(str)


@given(
    st.lists(
        st.tuples(*[NUMBERS | st.just("") | st.sampled_from(TEXTS)] * 3, *[st.sampled_from(TEXTS)] * 4),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.integers(1, 6),
)
@example([("1_000", "1_000", "  ", "1", "1", "1", "1")], ",", False, 1)  # the only column of numbers has one blank cell
def test_a_file_of_text_is_read_by_the_rule(
    rows: list[tuple[str, ...]], delimiter: str, quotes: bool, size: int
) -> None:
    """Whole columns of plain numbers at once, or cell by cell: both give the same."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL if quotes else csv.QUOTE_MINIMAL)
    writer.writerows([[feature.name for feature in FEATURES], *rows])
    batches = list(delimited.batches(io.BytesIO(text.getvalue().encode()), Path("x.csv"), size))
    columns = {feature.name: [row[i] for row in rows] for i, feature in enumerate(FEATURES)}
    expected = [by_the_rule(columns, place) for place in range(len(rows))]
    np.testing.assert_equal([row for batch in batches for row in found_in(batch)], expected)


def test_plain_numbers_are_read_at_once_and_other_columns_are_not() -> None:
    content = b"depth;name;gap;flag\n1;r\xc3\xb6d;;1e3\n-2.5;x;4;.5\n"
    (batch,) = delimited.batches(io.BytesIO(content), Path("x.csv"), 10)
    found = batch.numbers(["depth", "name", "gap"])
    np.testing.assert_equal(
        {name: values.tolist() for name, values in found.items()}, {"depth": [1, -2.5], "gap": [math.nan, 4]}
    )
    assert batch.numbers(["flag"]) == {}  # JSON has no `.5`
    assert batch.column("name") == ["röd", "x"]


ROWS = st.lists(st.text(st.sampled_from('ab ,;"\r\n\x0b\u2028é'), max_size=12), max_size=12)


@given(ROWS, st.integers(1, 5))
def test_any_text_is_split_like_pythons_csv_module(lines: list[str], size: int) -> None:
    """Quotes, line ends of each kind, blank lines, and rows of another width, in batches of any size."""
    text = "one,two\n" + "\n".join(lines)
    read = delimited.batches(io.BytesIO(text.encode()), Path("x.csv"), size)
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row][1:]
    except csv.Error:  # an open quote would include the following rows
        with pytest.raises(InputError, match="look for a quote that is not closed"):
            list(read)
        return
    batches = list(read)
    found = [
        (batch.columns["one"][place], batch.columns["two"][place]) if place not in batch.broken else batch.broken[place]
        for batch in batches
        for place in range(batch.size)
    ]
    assert found == [
        tuple(row) if len(row) == 2 else f"the row has {len(row)} columns, the header 2" for row in expected
    ]
    firsts = [batch.first for batch in batches]
    assert firsts == [1 + sum(batch.size for batch in batches[:place]) for place in range(len(batches))]


def test_a_column_that_is_missing_is_named_once() -> None:
    with pytest.raises(InputError, match="no column depth, colour; expected a column for each of the 7 features"):
        require_columns(Batch(1, 1, {"gap": ["1"]}), RIVERS)
    require_columns(Batch(1, 1, {}, {0: "the line is not a JSON object"}), RIVERS)


def test_no_feature_reads_the_column_of_another() -> None:
    """A similar name does not match if the column belongs to another field, or could belong to two."""
    features = (
        Feature("ab", "x.ab", "float", missing="value", missing_value=7.0),
        Feature("a_b", "x.a_b", "float"),
        Feature("from", "source.port", "float", missing="value", missing_value=1.0),
        Feature("to", "destination.port", "float", missing="value", missing_value=2.0),
    )
    contract = replace(RIVERS, features=features)
    found = read_features(Batch(1, 1, {"a_b": ["3"], "port": ["80"]}), contract)
    assert found.numeric.tolist() == [[7.0, 3.0, 1.0, 2.0]]
    assert read_features(Batch(1, 1, {"A-B": ["3"], "source.port": ["80"]}), contract).numeric[0, 2:].tolist() == [
        80,
        2,
    ]
