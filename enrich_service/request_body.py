"""From the bytes of a request to documents, and from responses to bytes. Nothing here imports Flask.

body ──▶ inflate ──▶ documents() ──▶ Page: the id of each document, and its fields as JSON that is not decoded yet
          415, 413     400 (no JSON), 413 (too many), 422 (wrong shape)
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
from msgspec import UNSET

from contract.errors import shorten
from contract.values import printable
from contract.wire import Document, EnrichRequest
from enrich_service.predict.page import Page

_decode_request = msgspec.json.Decoder(EnrichRequest).decode
_encode = msgspec.json.Encoder().encode

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""Makes zlib expect the header of gzip."""
BRACE = ord("{")
"""The first byte of a JSON object."""


class RequestError(Exception):
    """A request that is refused as a whole; becomes `{"error": {"type", "message"}}` with its status."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        self.status, self.code, self.retry_after_s = status, code, retry_after_s
        super().__init__(message)


def too_large(limit_bytes: int) -> RequestError:
    """The error 413 for a body over the limit, packed or unpacked."""
    return RequestError(
        413,
        "request_too_large",
        f"the request is larger than {limit_bytes} bytes; send fewer documents at once, or raise "
        "OVERSIGHT_SERVE_MAX_BODY_BYTES",
    )


def inflate(body: bytes, encoding: str, *, max_bytes: int) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        RequestError: 415 another encoding than gzip, 400 damaged, 413 unpacked larger than `max_bytes`.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise RequestError(
            415, "unsupported_encoding", f"Content-Encoding is {shorten(encoding)}, expected gzip, or no such header"
        )
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        data = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RequestError(400, "invalid_gzip", f"the body is not gzip ({error}); send it whole, or unpacked") from None
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise RequestError(400, "invalid_gzip", "the gzip body is cut short, or something follows it; send it whole")
    return data


PATIENT_BYTES = 4 * 1024 * 1024
"""Longest body for Python's own parser, which takes up to eight bytes for each byte of the body; orjson far less."""


def parse_json(body: bytes) -> Any:
    """The body's JSON. It may have half a surrogate pair or a number beyond float64: only that document is wrong.

    Raises:
        RequestError: 400 with the place of the error.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if len(body) <= PATIENT_BYTES:
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(str(body, "utf-8"), parse_constant=_no_constant)
        raise RequestError(400, "invalid_json", f"the body is not JSON: {error}; expected JSON in UTF-8") from None


def _no_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python's own parser accepts and which are no JSON."""
    raise ValueError(name)


def documents(body: bytes, *, max_documents: int) -> Page:
    """The documents of `{"documents": [{"id": "...", "source": {...}}, ...]}`; other keys are ignored.

    Instead of `source` a document may have `fields`, as the search API returns them: each value in a list.

    Raises:
        RequestError: 400 the body is no JSON, 413 too many documents, 422 names the path with the wrong shape.
    """
    try:
        if not body.isascii():
            str(body, "utf-8")  # the decoder does not check texts that it skips
        found = _decode_request(body).documents
        _limit(len(found), max_documents)
        return Page([document.id for document in found], _sources_of(found))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _page(parse_json(body), max_documents)


def _sources_of(documents: Sequence[Document]) -> list[bytes]:
    """The JSON of each document's fields.

    Raises:
        ValidationError: a document has neither `source` nor `fields`, or both, or no object there.
    """
    if any((each.source is UNSET) == (each.fields is UNSET) for each in documents):
        raise msgspec.ValidationError
    given = [each.source if each.fields is UNSET else each.fields for each in documents]
    sources = [bytes(each) for each in given if each is not UNSET]
    if any(source[0] != BRACE for source in sources):
        raise msgspec.ValidationError
    return sources


def _limit(n: int, max_documents: int) -> None:
    if n > max_documents:
        raise RequestError(
            413,
            "too_many_documents",
            f"the request has {n} documents, at most {max_documents} go in one; "
            f"send them in parts, or raise OVERSIGHT_SERVE_MAX_DOCUMENTS",
        )


def _page(data: Any, max_documents: int) -> Page:
    """The page of a body that the decoder refuses; an error names the path with the wrong shape.

    A value that only Python's own parser accepts (half a surrogate pair, a number beyond float64) fails one document.
    """
    if not isinstance(data, dict):
        raise _shape("the body", data, 'an object {"documents": [...]}')
    if "documents" not in data:
        raise RequestError(422, "wrong_shape", 'documents is missing; expected {"documents": [{"id", "source"}, ...]}')
    items = data["documents"]
    if not isinstance(items, list):
        raise _shape("documents", items, "a list")
    _limit(len(items), max_documents)
    found = [_document(item, f"documents[{position}]") for position, item in enumerate(items)]
    try:
        return Page([doc_id for doc_id, _ in found], [json.dumps(source).encode() for _, source in found])
    except RecursionError:
        raise RequestError(400, "invalid_json", "the body has too many objects in each other; send flat ones") from None


def _document(item: Any, path: str) -> tuple[str, dict[str, Any]]:
    """Id and fields of one document."""
    if not isinstance(item, dict):
        raise _shape(path, item, 'an object {"id", "source"}')
    if "source" in item and "fields" in item:
        raise RequestError(422, "wrong_shape", f"{path} has source and fields, expected one of them; leave one out")
    holder = "fields" if "fields" in item else "source"
    for key in ("id", holder):
        if key not in item:
            raise RequestError(
                422, "wrong_shape", f"{path}.{key} is missing; expected {{'id': text, 'source': object}}"
            )
    if not isinstance(item["id"], str):
        raise _shape(f"{path}.id", item["id"], "text")
    if not isinstance(item[holder], dict):
        raise _shape(f"{path}.{holder}", item[holder], "an object")
    return item["id"], item[holder]


def dump_json(data: Any) -> bytes:
    """JSON of structs or plain values; half a surrogate pair in an id stays escaped."""
    try:
        return _encode(data)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(data)).encode("ascii")


def _shape(path: str, value: Any, expected: str) -> RequestError:
    return RequestError(422, "wrong_shape", f"{path} is {shorten(printable(value))}, expected {expected}")
