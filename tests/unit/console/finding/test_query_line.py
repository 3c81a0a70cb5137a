"""Lines as people write them, and what they become."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from console.finding.errors import QueryLineError
from console.finding.fields import Fields
from console.finding.query_line import parse
from console.panels.scope import asked, scope_of
from contract.errors import InputError
from kibana.panels.conditions import Is, kql
from kibana.panels.declarations import EVENTS, WATCHERS
from tests.unit.console.panel_samples import NOW_MS, contract, shown

FIELDS = Fields(contract())
DAY_MS = 86_400_000


def read(line: str) -> Any:
    return parse(line, FIELDS, now_ms=NOW_MS)


def test_an_empty_line_has_no_query() -> None:
    assert read("") is None
    assert read("  \t") is None


@pytest.mark.parametrize(
    ("line", "query"),
    [
        ("user: alpha", {"term": {"user.id": "alpha"}}),
        ('user.id: "a and (b)"', {"term": {"user.id": "a and (b)"}}),
        ('user.id: "a\\tb\\\\n\\n"', {"term": {"user.id": "a\tb\\n\n"}}),
        ("user:al*", {"wildcard": {"user.id": {"value": "al*"}}}),
        ("user: a\\*b?", {"term": {"user.id": "a*b?"}}),
        ("user: \\?*", {"wildcard": {"user.id": {"value": "\\?*"}}}),
        ("user: *", {"exists": {"field": "user.id"}}),
        ("kdd99.count >= 3", {"range": {"kdd99.count": {"gte": 3.0}}}),
        ("source.port: 80", {"term": {"source.port": 80}}),
        ("severity: high", {"range": {"event.severity": {"gte": 73, "lt": 99}}}),
        ("severity > medium", {"range": {"event.severity": {"gte": 73}}}),
        ("severity < low", {"range": {"event.severity": {"lt": 1}}}),
        ("source: 10.0.*", {"term": {"source.ip": "10.0.0.0/16"}}),
        ("source: fe80::1", {"term": {"source.ip": "fe80::1"}}),
        ("oversight.prediction.unknown: true", {"term": {"oversight.prediction.unknown": True}}),
        ("happened > now-1d", {"range": {"@timestamp": {"gte": NOW_MS - DAY_MS + 1, "format": "epoch_millis"}}}),
        (
            "happened: 2026-01-31",
            {"range": {"@timestamp": {"gte": 1769817600000, "lt": 1769817600000 + DAY_MS, "format": "epoch_millis"}}},
        ),
        (
            "user: (a or not b)",
            {
                "bool": {
                    "should": [{"term": {"user.id": "a"}}, {"bool": {"must_not": [{"term": {"user.id": "b"}}]}}],
                    "minimum_should_match": 1,
                }
            },
        ),
        (
            "user: a AND NOT (label: x OR label: y)",
            {
                "bool": {
                    "filter": [
                        {"term": {"user.id": "a"}},
                        {
                            "bool": {
                                "must_not": [
                                    {
                                        "bool": {
                                            "should": [
                                                {"term": {"oversight.prediction.label": "x"}},
                                                {"term": {"oversight.prediction.label": "y"}},
                                            ],
                                            "minimum_should_match": 1,
                                        }
                                    }
                                ]
                            }
                        },
                    ]
                }
            },
        ),
    ],
)
def test_a_line_becomes_a_query(line: str, query: dict[str, Any]) -> None:
    assert read(line) == query


@given(st.text(max_size=200))
def test_a_condition_of_any_text_is_read_back(text: str) -> None:
    """A link to the page of events has conditions as KQL."""
    assert read(kql(Is("user.id", text))) == {"term": {"user.id": text}}


def test_a_bare_word_looks_in_the_usual_fields_and_an_address_in_the_addresses_too() -> None:
    fields = {name for one in read("neptune")["bool"]["should"] for name in one["wildcard"]}
    assert fields == {
        "oversight.prediction.label",
        "oversight.prediction.labels",
        "oversight.prediction.family",
        "oversight.prediction.reasons",
        "user.id",
        "host.name",
        "network.protocol",
    }
    assert {"term": {"source.ip": "fe80::1"}} in read("fe80::1")["bool"]["should"]
    assert {"term": {"destination.ip": "10.0.0.0/8"}} in read("10.0.0.0/8")["bool"]["should"]


def test_bare_words_in_a_row_must_all_match() -> None:
    assert read("neptune alpha") == read("neptune and alpha")
    assert read("neptune user: x") == read("neptune and user: x")


@pytest.mark.parametrize(
    ("line", "position", "words"),
    [
        ("lable: x", 0, "there is no field 'lable'; did you mean label"),
        ("user: a x_y: 1", 8, "expected `and` or `or`"),
        ("user: a b", 8, "put a value with blanks in quotes"),
        ("user:", 5, "the line ends"),
        ("user: and", 6, "put it in quotes"),
        ("user > a", 7, "holds words"),
        ("risk: x", 6, "expected a number"),
        ("source.port > 99999999999999999999", 14, "at most"),
        ("source: 10.0.0.300", 8, "an address"),
        ("source > 10.0.0.0/8", 9, "one address"),
        ("happened: yesterday", 10, "a date such as"),
        ("happened: 2026-13-31", 10, "a date such as"),
        ("oversight.prediction.unknown > true", 31, "true"),
        ("event.original: x", 0, "not searched"),
        ("oversight.rejected: x", 0, "not searched"),
        ("(user: a", 0, "never closed"),
        ('user: "a', 6, "never closed"),
        ("user: a)", 7, "not expected"),
        ("a or", 4, "the line ends"),
        ("user: a\\", 7, "backslash"),
        ('""', 0, "cannot be empty"),
        ("user: \ud800", 6, "half of a character"),
    ],
)
def test_an_error_points_at_the_character(line: str, position: int, words: str) -> None:
    with pytest.raises(QueryLineError) as raised:
        read(line)
    assert raised.value.position == position
    assert words in str(raised.value)
    assert f"character {position + 1}:" in str(raised.value)


def test_every_suggested_field_can_be_searched() -> None:
    for field in FIELDS.listed():
        assert read(f"{field['name']}: *") is not None


def test_the_line_and_the_filters_apply_to_events_and_not_to_heartbeats() -> None:
    page = shown().page("events")
    assert page is not None
    arguments = MultiDict([("q", "user: alpha"), ("severity", "high"), ("severity", "low"), ("kind", "no alert")])
    scope = scope_of(asked(arguments, page, FIELDS), now_ms=NOW_MS)
    severities = [{"range": {"event.severity": {"gte": low, "lt": high}}} for low, high in ((73, 99), (1, 47))]
    no_alert = {"bool": {"must_not": [{"term": {"event.kind": "alert"}}]}}
    assert scope.filters(EVENTS)[1:] == [
        {"bool": {"should": [no_alert], "minimum_should_match": 1}},
        {"bool": {"should": severities, "minimum_should_match": 1}},
        {"term": {"user.id": "alpha"}},
    ]
    assert len(scope.filters(WATCHERS)) == 1


def test_an_unknown_value_of_a_filter_names_the_values() -> None:
    page = shown().page("events")
    assert page is not None
    with pytest.raises(InputError, match="expected one of critical, high, medium, low, none"):
        asked(MultiDict([("severity", "73")]), page, FIELDS)
