"""From bytes to documents: every wrong request has its status, and the message says where it is wrong."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
from typing import Any

import pytest

from enrich_service.http.weight import TEXT_BYTES, check, keys_of
from enrich_service.request_body import (
    PATIENT_BYTES,
    RequestError,
    documents,
    dump_json,
    inflate,
    parse_json,
)

DOCUMENT = {"id": "a", "source": {}}


def bodies(data: Any) -> list[bytes]:
    """As JSON, and as JSON that only Python's own parser accepts."""
    return [
        json.dumps(one).encode() for one in (data, *([{**data, "half": "\ud800"}] if isinstance(data, dict) else []))
    ]


def refusal(data: Any, max_documents: int = 10) -> RequestError:
    """The reason why a body is refused, the same from both parsers."""
    caught = []
    for body in bodies(data):
        with pytest.raises(RequestError) as one:
            documents(body, max_documents=max_documents)
        caught.append(one.value)
    assert len({str(error) for error in caught}) == 1
    return caught[0]


def found(data: Any, max_documents: int) -> list[tuple[str, Any]]:
    """Id and fields of each document, the same from both parsers."""
    pages = [documents(body, max_documents=max_documents) for body in bodies(data)]
    first, *others = (list(zip(page.ids, map(json.loads, page.sources), strict=True)) for page in pages)
    assert all(other == first for other in others)
    return first


def test_documents_keep_their_order_and_ids() -> None:
    """Two documents with the same id stay two documents."""
    items = [{"id": "b", "source": {"x": 1}}, {"id": "a", "source": {}}, {"id": "b", "source": {}}]
    assert found({"documents": items, "more": 1}, max_documents=3) == [("b", {"x": 1}), ("a", {}), ("b", {})]


def test_an_item_may_have_other_keys_and_may_have_fields() -> None:
    """The search API's `fields` may replace `source`; other keys of a hit are ignored."""
    items = [{"id": "a", "source": {"x": 1}, "sort": [1]}, {"id": "b", "fields": {"x": [1]}}]
    assert found({"documents": items}, max_documents=2) == [("a", {"x": 1}), ("b", {"x": [1]})]


@pytest.mark.parametrize("depth", [900, 960, 985, 1000, 1020, 1500])
def test_deep_nesting_is_accepted_or_refused_with_a_message(depth: int) -> None:
    """Up to the depth that each of the parsers supports."""
    body = b'{"documents": [{"id": "a", "source": {"x": %b, "y": "\\ud800"}}]}' % (b"[" * depth + b"]" * depth)
    for one in (body, body.replace(b"\\ud800", b"")):
        with contextlib.suppress(RequestError):
            assert documents(one, max_documents=1).ids == ["a"]


def test_text_that_is_not_utf_8_is_no_json_in_any_field() -> None:
    """Also in a field that the model does not read and the decoder skips."""
    with pytest.raises(RequestError) as caught:
        documents(b'{"documents": [{"id": "a", "source": {"x": "\xff"}}]}', max_documents=1)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (5, "the body is 5, expected an object"),
        ([], "the body is a list of 0, expected an object"),
        ({}, "documents is missing"),
        ({"documents": {}}, "documents is an object, expected a list"),
        ({"documents": None}, "documents is None, expected a list"),
        ({"documents": [DOCUMENT, 7]}, r"documents\[1\] is 7, expected an object"),
        ({"documents": [{"source": {}}]}, r"documents\[0\]\.id is missing"),
        ({"documents": [{"id": "a"}]}, r"documents\[0\]\.source is missing"),
        ({"documents": [{"id": 5, "source": {}}]}, r"documents\[0\]\.id is 5, expected text"),
        ({"documents": [{"id": None, "source": {}}]}, r"documents\[0\]\.id is None, expected text"),
        (
            {"documents": [*[DOCUMENT] * 3, {"id": "a", "source": 5}]},
            r"documents\[3\]\.source is 5, expected an object",
        ),
        ({"documents": [{"id": "a", "fields": 5}]}, r"documents\[0\]\.fields is 5, expected an object"),
        (
            {"documents": [{"id": "a", "fields": {}, "source": {}}]},
            r"documents\[0\] has source and fields, expected one",
        ),
        ({"documents": ["id", "source"]}, r"documents\[0\] is 'id', expected an object"),
        ({"documents": [{"id": "a", "source": []}]}, r"documents\[0\]\.source is a list of 0, expected an object"),
    ],
)
def test_a_wrong_shape_names_its_path(data: Any, said: str) -> None:
    """422, so a client can tell it from text that is no JSON."""
    error = refusal(data)
    assert (error.status, error.code) == (422, "wrong_shape")
    assert re.search(said, str(error))


def test_too_many_documents_name_the_limit() -> None:
    """413, with the variable that raises the limit."""
    error = refusal({"documents": [DOCUMENT] * 11})
    assert (error.status, error.code) == (413, "too_many_documents")
    assert "11 documents, at most 10" in str(error)
    assert "OVERSIGHT_SERVE_MAX_DOCUMENTS" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"nul",
        b"NaN",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"'a'",
        b"{}{}",
        b"\x00",
        b'"a\nb"',
        b"9" * 5000,
    ],
)
def test_invalid_json_is_refused_with_its_position(body: bytes) -> None:
    """400, with the line and column."""
    with pytest.raises(RequestError, match=r"the body is not JSON: .*(line \d+ column \d+|zero-length)") as caught:
        parse_json(body)
    assert caught.value.status == 400


def test_half_a_surrogate_pair_is_an_error_of_one_document() -> None:
    """The page is read, and the text that is not UTF-8 is returned escaped, as it was sent."""
    assert parse_json(b'["\\ud800", 1]') == ["\ud800", 1]
    assert dump_json({"id": "\ud800"}) == b'{"id": "\\ud800"}'


def test_a_number_beyond_float64_is_an_error_of_one_document() -> None:
    """The page is read, and the feature is refused later."""
    assert parse_json(b'{"a": 1e999}') == {"a": float("inf")}


def test_gzip_is_decompressed() -> None:
    """A page is mostly field names, so it compresses to a tenth."""
    assert inflate(gzip.compress(b"[1]"), "gzip", max_bytes=100) == b"[1]"
    assert inflate(b"[1]", "", max_bytes=100) == b"[1]"
    assert inflate(b"[1]", "identity", max_bytes=100) == b"[1]"


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"[1]", "gzip", 400),
        (b"", "gzip", 400),
        (gzip.compress(b"[1]", mtime=0)[:-3], "gzip", 400),
        (gzip.compress(b"[1]", mtime=0) + b"more", "gzip", 400),
        (gzip.compress(bytes(10_000), mtime=0), "gzip", 413),
        (b"[1]", "br", 415),
        (b"[1]", "gzip, gzip", 415),
    ],
)
def test_invalid_compression_is_refused(body: bytes, encoding: str, status: int) -> None:
    """A few bytes that decompress to gigabytes are stopped at the limit."""
    with pytest.raises(RequestError) as caught:
        inflate(body, encoding, max_bytes=1000)
    assert caught.value.status == status


def test_a_large_body_with_half_a_surrogate_pair_is_refused_before_python_reads_it() -> None:
    """Python's own parser would need 400 MB for 31 MB of it."""
    small, large = (b'{"a": "\\ud800' + b"x" * size + b'"}' for size in (10, PATIENT_BYTES))
    assert parse_json(small)["a"].startswith("\ud800")
    with pytest.raises(RequestError) as caught:
        parse_json(large)
    assert caught.value.status == 400


def test_the_time_to_measure_escaped_quotes_is_linear_in_the_body() -> None:
    """In a quadratic search 64 KB took 42 s, and this body would take a day."""
    body = b'{"ids":["' + b'\\"' * 1_500_000 + b":" * 1_700_000 + b"x" * 2_600_000 + b'"]}'
    with contextlib.suppress(RequestError):
        check(body, max_body_bytes=32 * 1024 * 1024)
    assert keys_of(b'{"a\\"b": 1, "a": 2, "a": 3}') == (2 * TEXT_BYTES + 3, 4)
