"""From documents to arrays: what counts as a value, and which error a document gets."""

from __future__ import annotations

import json
import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from contract.artifact.contract import Feature, ModelContract
from contract.errors import AmbiguousFieldError, DocumentError, InvalidFeatureError, MissingFeatureError, NotFiniteError
from contract.values import MAX_WORD
from enrich_service.predict.features import FOLLOWED, ORDERS, PART, FeatureReader, FeatureRows
from tests.artifacts import HEALTHY, TURBINE

READER = FeatureReader(TURBINE)


def read(*sources: dict[str, Any]) -> FeatureRows:
    """The rows of a page; they are the same when each document is read field by field."""
    rows = READER.read([json.dumps(source).encode() for source in sources])
    by_field = [read_field_by_field(source) for source in sources]
    values = [one for one in by_field if not isinstance(one, str)]
    assert rows.index.tolist() == [place for place, one in enumerate(by_field) if not isinstance(one, str)]
    assert rows.numeric.tolist() == [np.array(numbers, np.float32).tolist() for numbers, _ in values]
    assert rows.categorical.tolist() == [words for _, words in values]
    assert [str(rows.errors[place]) for place in sorted(rows.errors)] == [
        one for one in by_field if isinstance(one, str)
    ]
    return rows


def read_field_by_field(source: dict[str, Any]) -> tuple[list[float], list[str]] | str:
    """Numbers and words of a document, or its error."""
    try:
        return READER._field_by_field(source)
    except DocumentError as error:
        return str(error)


def document(temperature_c: Any = 61.5, vibration_mm_s: Any = 1.2, mode: Any = "steady") -> dict[str, Any]:
    return {"turbine": {"temperature_c": temperature_c, "vibration_mm_s": vibration_mm_s, "state": {"mode": mode}}}


def only_error(source: dict[str, Any]) -> DocumentError:
    rows = read(source)
    assert len(rows.index) == 0
    return rows.errors[0]


def test_the_order_of_the_fields_does_not_matter() -> None:
    """A page has the order of a hash table, single documents have another, and there are more orders than types."""
    names = [f"part_{place}" for place in range(5)]
    features = [Feature(name, f"more.{name}", "string" if name == "part_2" else "float") for name in names]
    contract = ModelContract("orders", tuple(features), TURBINE.labels, TURBINE.families)
    values = dict(zip(names, [1.0, 2.0, "word", 4.0, 5.0], strict=True))
    orders = list(permutations(names))
    assert len(orders) > ORDERS
    reader = FeatureReader(contract)
    for place, order in enumerate(orders):
        another = orders[place - 1]
        page = [{"more": {name: values[name] for name in order}}] * FOLLOWED + [
            {"more": {name: values[name] for name in another}},
            {f"more.{name}": values[name] for name in another},
            {"more": {name: values[name] for name in order[1:]}},
        ]
        rows = reader.read([json.dumps(source).encode() for source in page])
        assert rows.numeric.tolist() == [[1.0, 2.0, 4.0, 5.0]] * (FOLLOWED + 2)
        assert rows.categorical.tolist() == [["word"]] * (FOLLOWED + 2)
        assert [error.field for error in rows.errors.values()] == [f"more.{order[0]}"]
    assert len(reader._types) == ORDERS


def test_a_page_in_the_order_of_a_hash_table_is_read_with_a_type_of_that_order() -> None:
    """A type in another order compares each name with many others, which is slow for a wide model."""
    reader = FeatureReader(TURBINE)
    page = [{"turbine": {name: HEALTHY["turbine"][name] for name in ("vibration_mm_s", "state", "temperature_c")}}]
    data = [json.dumps(source).encode() for source in page * FOLLOWED]
    reader.read(data[1:])
    assert reader._type.order == TURBINE.fields  # a small page changes nothing
    reader.read(data)
    assert reader._type.order == ("turbine.vibration_mm_s", "turbine.state.mode", "turbine.temperature_c")
    gap = {"turbine": {"vibration_mm_s": 1.0, "temperature_c": 60.0}}
    reader.read([json.dumps(gap).encode()] * FOLLOWED)
    assert len(reader._types) == 2  # a document with a gap has the same order


def test_numbers_and_words_are_in_the_contracts_order() -> None:
    """Floats and strings are separated, each in the order of the features."""
    rows = read(HEALTHY)
    assert rows.numeric.dtype == np.float32
    assert rows.numeric.tolist() == [[61.5, np.float32(1.2)]]
    assert rows.categorical.tolist() == [["steady"]]


@pytest.mark.parametrize(
    "source",
    [
        {"turbine.temperature_c": 61.5, "turbine.vibration_mm_s": 1.2, "turbine.state.mode": "steady"},
        {"turbine": {"temperature_c": 61.5, "vibration_mm_s": 1.2, "state.mode": "steady"}},
        {"turbine": {"temperature_c": 61.5}, "turbine.vibration_mm_s": 1.2, "turbine.state": {"mode": "steady"}},
        {"turbine": {"temperature_c": [61.5], "vibration_mm_s": ["1.2"], "state": {"mode": ["steady"]}}},
        {**HEALTHY, "kdd99.src_bytes": 5, "other": {"a.b": 1}},
    ],
)
def test_every_spelling_gives_the_same_row(source: dict[str, Any]) -> None:
    """Nested, dotted, both in one, and the lists of the search API's `fields`."""
    rows, expected = read(source), read(HEALTHY)
    assert rows.errors == {}
    assert rows.numeric.tolist() == expected.numeric.tolist()
    assert rows.categorical.tolist() == expected.categorical.tolist()


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_page_may_mix_spellings_whatever_its_first_document_has(first: int) -> None:
    """The page's type fits its first document; the others get the same rows and errors as alone."""
    dotted: dict[str, Any] = {
        "turbine.temperature_c": 62.5,
        "turbine.vibration_mm_s": 1.5,
        "turbine.state.mode": "idle",
    }
    twice = {**document(), "turbine.temperature_c": 1.0}
    kinds = [document(), dotted, {**document(mode="idle"), "other": {"a": 1}}, twice, document(mode=None)]
    rows = read(*(kinds[first:] + kinds[:first]) * FOLLOWED)
    assert len(rows.index) == 3 * FOLLOWED
    assert len(rows.errors) == 2 * FOLLOWED


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7.0),
        (0, 0.0),
        (-3.5, -3.5),
        ("12", 12.0),
        (" 0.5 ", 0.5),
        ("1e3", 1000.0),
        ("+.5", 0.5),
        ("5.", 5.0),
        (3e38, 3e38),
        (1e-60, 0.0),
        (2**80, 2.0**80),
    ],
)
def test_a_number_is_read(value: Any, number: float) -> None:
    """JSON numbers, and text that Elasticsearch's mapping would accept as a number."""
    rows = read(document(temperature_c=value))
    assert rows.numeric[0, 0] == np.float32(number)


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        "warm",
        "NaN",
        "Infinity",
        "-inf",
        "1,5",
        "0x10",
        "1_000",
        "١٢",
        "1e400",
        "9" * 100,
        {},
        {"a": 1},
        [1, 2],
        [[1]],
        [True],
        1e39,
        -1e39,
        10**400,
        math.nan,
        math.inf,
    ],
)
def test_a_value_that_is_no_number_is_an_error(value: Any) -> None:
    """The message names the field and what was expected."""
    error = only_error(document(temperature_c=value))
    assert isinstance(error, InvalidFeatureError)
    assert error.field == "turbine.temperature_c"
    assert "expected a number" in str(error)


@pytest.mark.parametrize("digits", [400, 5_000, 100_000])
def test_a_number_of_any_length_is_an_error_of_its_document(digits: int) -> None:
    """Python's own parser refuses integers of more than 4,300 digits."""
    source = json.dumps(document(temperature_c=0)).replace('"temperature_c": 0', f'"temperature_c": {"9" * digits}')
    rows = READER.read([source.encode(), json.dumps(HEALTHY).encode()])
    assert rows.index.tolist() == [1]
    assert isinstance(rows.errors[0], NotFiniteError)


@pytest.mark.parametrize("value", [6, 6.0, True, {}, ["tcp", "udp"], [6], "x" * (MAX_WORD + 1), "\ud800"])
def test_a_value_that_is_no_word_is_an_error(value: Any) -> None:
    """A number is no word: a mistake upstream must not silently become an unseen category."""
    error = only_error(document(mode=value))
    assert isinstance(error, InvalidFeatureError)
    assert error.field == "turbine.state.mode"


def test_blanks_around_a_word_are_removed() -> None:
    """The pipelines remove them too; a document with blanks does not change how the others are read."""
    rows = read(document(mode=" steady\t"), HEALTHY, document(mode=["\x00steady "]))
    assert rows.errors == {}
    assert rows.categorical.tolist() == [["steady"]] * 3


@pytest.mark.parametrize("value", [None, [], [None], "", " ", [""], "\t\r\n"])
def test_null_the_empty_list_and_blanks_are_a_missing_field(value: Any) -> None:
    """The pipelines treat them the same way."""
    assert isinstance(only_error(document(vibration_mm_s=value)), MissingFeatureError)
    assert isinstance(only_error(document(mode=value)), MissingFeatureError)


@pytest.mark.parametrize(
    "source", [{}, {"turbine": None}, {"turbine": 5}, {"turbine": []}, {"turbine": {"state": "x"}}]
)
def test_a_missing_field_names_itself_and_the_model(source: dict[str, Any]) -> None:
    """The first one in the order of the features, so the message is the same at every try."""
    error = only_error(source)
    assert isinstance(error, MissingFeatureError)
    assert error.field == "turbine.temperature_c"
    assert "'turbine'" in str(error)


def test_two_spellings_of_one_field_are_ambiguous() -> None:
    """Which value counts is unclear, so both being equal does not help."""
    error = only_error({**HEALTHY, "turbine.state.mode": "steady"})
    assert isinstance(error, AmbiguousFieldError)
    assert error.field == "turbine.state.mode"


def test_a_bad_document_does_not_change_its_neighbours() -> None:
    """Rows keep the positions of their documents."""
    rows = read({}, HEALTHY, document(mode=5), HEALTHY)
    assert rows.index.tolist() == [1, 3]
    assert sorted(rows.errors) == [0, 2]
    assert rows.numeric.shape == (2, 2)


def test_a_long_page_keeps_the_positions_of_its_documents() -> None:
    """A page is read in parts; bad documents are the last of a part, the first of the next one, and the last of all."""
    page = [document(temperature_c=float(place)) for place in range(2 * PART + 7)]
    bad = [PART - 1, PART, len(page) - 1]
    for place in bad:
        page[place] = document(mode=place)
    rows = read(*page)
    assert sorted(rows.errors) == bad
    assert rows.numeric[:, 0].tolist() == rows.index.tolist() == [n for n in range(len(page)) if n not in bad]


def test_no_documents_give_no_rows() -> None:
    """An empty page keeps its two axes."""
    rows = read()
    assert rows.numeric.shape == (0, 2)
    assert rows.categorical.shape == (0, 1)


def test_a_value_deeper_than_python_can_print_gets_a_message() -> None:
    """`repr` of a thousand nested lists would raise an internal error."""
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert "a list of 1" in str(read_field_by_field(document(temperature_c=deep)))
    assert "an object" in str(read_field_by_field(document(mode={"deep": deep})))
