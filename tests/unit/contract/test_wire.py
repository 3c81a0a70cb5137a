"""The format of HTTP messages, as a client decodes and as the service encodes it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contract.wire import (
    DocumentError,
    EnrichResponse,
    Event,
    Model,
    Oversight,
    PartialDocument,
    Prediction,
    Result,
)

MODEL = Model("turbine", "0123456789ab")


def response() -> EnrichResponse[PartialDocument]:
    prediction = Prediction(
        label="healthy", closest="healthy", family="fine", unknown=False, probability=0.9, top=["healthy 0.900"]
    )
    event = Event("event", ["network"], ["connection"], 0, 0.0)
    return EnrichResponse(
        MODEL,
        [
            Result("1", fields=PartialDocument(event, Oversight(prediction, MODEL))),
            Result("2", error=DocumentError("missing_feature", "field 'a' is missing", "a")),
        ],
    )


def test_a_response_is_decoded_as_it_was_encoded() -> None:
    """Every field has the type that the service means."""
    assert msgspec.json.decode(msgspec.json.encode(response()), type=EnrichResponse[PartialDocument]) == response()


def test_an_absent_field_is_not_in_the_response() -> None:
    """Neither null nor empty, because a client merges every field that it gets."""
    first, second = msgspec.to_builtins(response())["results"]
    assert set(first) == {"id", "fields"}
    assert set(second) == {"id", "error"}
    assert set(first["fields"]) == {"event", "oversight"}
    assert "reasons" not in first["fields"]["oversight"]["prediction"]


def test_a_client_reads_a_newer_response() -> None:
    """Unknown fields are kept in partial documents, and ignored elsewhere."""
    newer = msgspec.to_builtins(response())
    newer["took_ms"] = 3
    newer["results"][0]["fields"]["oversight"]["prediction"]["calibrated"] = 0.8
    found = msgspec.json.decode(msgspec.json.encode(newer), type=EnrichResponse[dict[str, Any]])
    fields: Any = found.results[0].fields
    assert fields["oversight"]["prediction"]["calibrated"] == 0.8
    assert found.results[1].fields is msgspec.UNSET


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"results": []}',
        b'{"model": {"id": "a", "version": ""}, "results": []}',
        b'{"model": {"id": "a", "version": 5}, "results": []}',
        b'{"model": {"id": "a", "version": "0123456789ab"}, "results": [{"fields": {}}]}',
        b'{"model": {"id": "a", "version": "0123456789ab"}, "results": [{"id": "1", "fields": []}]}',
        b'{"model": {"id": "a", "version": "0123456789ab"}, "results": [{"id": "1", "error": {"type": '
        b'"missing_feature"}}]}',
    ],
)
def test_a_client_refuses_another_envelope(body: bytes) -> None:
    """For any partial documents."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=EnrichResponse[dict[str, Any]])
