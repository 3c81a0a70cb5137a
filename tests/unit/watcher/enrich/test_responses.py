"""Responses of the enrich service: the watcher refuses the whole response if it breaks the contract, with
the reason.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.errors import ProtocolError
from contract.wire import DocumentError
from watcher.enrich.responses import Model, parse_enriched, parse_model

HEAD = b'{"model": {"id": "m", "version": "1"}, "results": '
GOOD: dict[str, Any] = {"oversight": {"prediction": {"label": "healthy"}}}


def refusal(body: bytes, ids: list[str]) -> str:
    """The reason why a response is refused."""
    with pytest.raises(ProtocolError) as refused:
        parse_enriched(body, ids)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def of(results: object) -> bytes:
    return HEAD + json.dumps(results).encode() + b"}"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"NaN", "no JSON"),
        (b"Infinity", "no JSON"),
        (b"1e999", "out of range"),
        (b'"\\ud800"', "no JSON"),
        (b'"\xff"', "no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_json_that_no_engine_accepts_is_refused(value: bytes, says: str) -> None:
    """In a field of a result, and in a key beside the results that no code reads."""
    in_a_field = HEAD + b'[{"id": "a", "fields": {"rule": {"name": ' + value + b"}}}]}"
    assert says in refusal(in_a_field, ["a"])
    assert refusal(HEAD + b'[], "more": ' + value + b"}", ["a"])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>", "no JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"results": []}', "missing required field `model`"),
        (b'{"model": {"id": "", "version": "1"}, "results": []}', "`$.model.id`"),
        (of(None), "`$.results`"),
        (of([]), "0 results for 1 documents"),
        (of([{"id": "b", "fields": GOOD}]), "does not belong to document 'a', which comes next"),
        (of([{"id": "a"}]), "both or neither of `fields` and `error` for document 'a'"),
        (of([{"id": "a", "fields": GOOD, "error": {"type": "x", "message": "y"}}]), "both or neither"),
        (of([{"id": "a", "error": {"type": "", "message": "y"}}]), "`$.results[0].error.type`"),
        (of([{"id": "a", "error": {"type": "x", "message": "y", "field": 1}}]), "`$.results[0].error.field`"),
        (of([{"id": "a", "fields": []}]), "`$.results[0].fields`"),
        (of([{"id": "a", "fields": {"event": {"kind": "alert"}}}]), "no oversight.prediction.label for document 'a'"),
        (of([{"id": "a", "fields": {"oversight": {"prediction": {"label": 1}}}}]), "no oversight.prediction.label"),
    ],
)
def test_a_response_of_another_shape_is_refused(body: bytes, says: str) -> None:
    assert says in refusal(body, ["a"])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"user": {"id": "root"}}, "field 'user', which is not one of event.kind, "),
        ({"event.original": "x"}, "field 'event.original', which is not one of"),
        ({"oversight": {"status": "enriched"}}, "field 'oversight.status', which is not one of"),
        ({"rule": {"": 1}}, "field 'rule.', which is not a valid field name"),
        ({"rule..name": 1}, "field 'rule.', which is not a valid field name"),
        ({"threat": "x"}, "a value in 'threat', which is an object of other fields"),
        ({"threat": {}}, "a value in 'threat', which is an object of other fields"),
        ({"rule.name": {"a": 1}}, "field 'rule.name.a' below 'rule.name', which is a value"),
        ({"rule.name.a": 1}, "field 'rule.name.a' below 'rule.name', which is a value"),
        ({"oversight.prediction.top.a": 1}, "below 'oversight.prediction.top', which is a value"),
        ({"rule": {"name": "x"}, "rule.name": "y"}, "field 'rule.name' twice in one result"),
        ({"rule.name": "y", "rule": {"name": "x"}}, "field 'rule.name' twice in one result"),
        ({"rule": {"x": "y"}, "rule.x.z": 1}, "below 'rule.x', which is a value"),
        ({"rule": {"x": {}}, "rule.x.z": 1}, "below 'rule.x', which is a value"),
        ({"rule.x.z": 1, "rule": {"x": "y"}}, "field 'rule.x' twice in one result"),
        ({"rule": {"name": [["x"]]}}, "an object or a list within a list in 'rule.name', which holds keyword values"),
        ({"oversight.prediction.unknown": "yes"}, "'yes' in 'oversight.prediction.unknown', which is a boolean"),
        ({"oversight.prediction.unknown": [True, None]}, "which is a boolean"),
    ],
)
def test_a_field_that_may_not_be_written_is_named(fields: dict[str, Any], says: str) -> None:
    """Beside a label, so nothing else in the response is wrong."""
    label = {"oversight.prediction.label": "healthy"}
    assert says in refusal(of([{"id": "a", "fields": {**fields, **label}}]), ["a"])


def test_keys_that_a_newer_service_adds_are_ignored() -> None:
    body = of([{"id": "a", "fields": GOOD, "took_ms": 3}, {"id": "b", "error": {"type": "x", "message": "y", "n": 1}}])
    assert parse_enriched(body, ["a", "b"]).results == (GOOD, DocumentError("x", "y"))


def test_the_model_is_read_from_its_page() -> None:
    page = {"model": {"id": "m", "version": "1"}, "fields": ["kdd99.count"], "heldout": {}}
    assert parse_model(json.dumps(page).encode()) == Model("m", "1", ("kdd99.count",))
    named = {**page, "contract": {"format": 2, "dataset": "river"}}
    assert parse_model(json.dumps(named).encode()).dataset == "river"
    assert parse_model(json.dumps({**page, "contract": {"format": 1}}).encode()).dataset == "connection"
    for fields in ([], [1], [""], "kdd99.count", None):
        with pytest.raises(ProtocolError, match=r"`\$\.fields"):
            parse_model(json.dumps({**page, "fields": fields}).encode())
