"""Bytes of a request -> documents, or the reason why they are none; and back. Pure: nothing here knows Flask.

body ──▶ inflate ──▶ JSON ──▶ {"documents": [{"id", "source" or "fields"}, ...]} ──▶ Page
           415, 413    400       422 (wrong shape), 413 (too many)
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from contract.errors import shorten
from enrich_service.predict.encode import dump_json as dump_json
from enrich_service.predict.enrich import Page
from enrich_service.predict.features import printable

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""Tells zlib to expect gzip's header."""


class RequestError(Exception):
    """A request that cannot be answered as it is; becomes `{"error": {"type", "message"}}` with its status."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        self.status, self.code, self.retry_after_s = status, code, retry_after_s
        super().__init__(message)


def too_large(limit_bytes: int) -> RequestError:
    """413 of a body, packed or unpacked, over the limit."""
    return RequestError(
        413,
        "request_too_large",
        f"the request is larger than {limit_bytes} bytes; send fewer documents at once, or raise "
        "OVERSIGHT_SERVE_MAX_BODY_BYTES",
    )


def inflate(body: bytes, encoding: str, *, max_bytes: int) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        RequestError: 415 another encoding than gzip, 400 damaged, 413 larger than `max_bytes` when unpacked.
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
"""Longest body that Python's own parser reads: it takes up to eight bytes for each of the body, orjson much less."""


def parse_json(body: bytes) -> Any:
    """The body's JSON. Half a surrogate pair or a number beyond float64 is taken here: it is one document's fault.

    Raises:
        RequestError: 400, saying where it goes wrong.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if len(body) <= PATIENT_BYTES:
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(str(body, "utf-8"), parse_constant=_no_constant)
        raise RequestError(400, "invalid_json", f"the body is not JSON: {error}; expected JSON in UTF-8") from None


def _no_constant(name: str) -> Any:
    """Python's own parser would take NaN and Infinity, which are no JSON."""
    raise ValueError(name)


def documents(data: Any, *, max_documents: int) -> Page:
    """The documents of `{"documents": [{"id": "...", "source": {...}}, ...]}`; other keys are ignored.

    In place of `source` an item may have `fields`, as the search API gives them: each value in a list.

    Raises:
        RequestError: 422 names the path that has the wrong shape, 413 too many documents.
    """
    if not isinstance(data, dict):
        raise _shape("the body", data, 'an object {"documents": [...]}')
    if "documents" not in data:
        raise RequestError(422, "wrong_shape", 'documents is missing; expected {"documents": [{"id", "source"}, ...]}')
    items = data["documents"]
    if not isinstance(items, list):
        raise _shape("documents", items, "a list")
    if len(items) > max_documents:
        raise RequestError(
            413,
            "too_many_documents",
            f"the request has {len(items)} documents, at most {max_documents} go in one; "
            f"send them in parts, or raise OVERSIGHT_SERVE_MAX_DOCUMENTS",
        )
    return _plain(items) or _page(items)


def dump_answer(model: Mapping[str, str], results: Sequence[bytes]) -> bytes:
    """`{"model": {...}, "results": [...]}` of results that are JSON already."""
    return b'{"model":%b,"results":[%b]}' % (dump_json(model), b",".join(results))


def _plain(items: list[Any]) -> Page | None:
    """The documents where every item is an id and a source and nothing else; found in a few calls for all of them."""
    try:
        if not {*map(len, items)} <= {2}:
            return None
        ids, sources = list(map(itemgetter("id"), items)), list(map(itemgetter("source"), items))
    except (KeyError, TypeError):
        return None
    return Page(ids, sources) if {*map(type, ids)} <= {str} and {*map(type, sources)} <= {dict} else None


def _page(items: list[Any]) -> Page:
    """The documents one by one."""
    ids: list[str] = []
    sources: list[dict[str, Any]] = []
    for position, item in enumerate(items):
        path = f"documents[{position}]"
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
        ids.append(item["id"])
        sources.append(item[holder])
    return Page(ids, sources)


def _shape(path: str, value: Any, expected: str) -> RequestError:
    return RequestError(422, "wrong_shape", f"{path} is {shorten(printable(value))}, expected {expected}")
