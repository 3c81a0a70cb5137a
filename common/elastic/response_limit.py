"""Limit the size of Elasticsearch's responses, so that no document can fill our memory.

    with within(limit): search ─▶ response, read in pieces ─┬─▶ below the limit: returned as usual
                                                            └─▶ above: connection closed, ResponseTooLargeError

A limit in bytes is not enough: 4 MB of `{},{},...` become more than a million objects. So the values of a large
response are counted before it is parsed. A request outside `within` has a limit too, which ordinary responses never
reach.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import urllib3
from elastic_transport import (
    ApiResponseMeta,
    ConnectionError,  # noqa: A004  the client's own
    ConnectionTimeout,
    HttpHeaders,
    TlsError,
    TransportError,
    Urllib3HttpNode,
)
from elastic_transport._node import NodeApiResponse
from elastic_transport.client_utils import DEFAULT

MIB = 1024 * 1024
LIMIT_BYTES = 64 * MIB
"""Largest response."""
BYTES_A_VALUE = 16
"""A response may have one JSON value per 16 bytes of its limit. A document of KDD99 columns has one per 20 bytes."""
COUNTED_FROM_BYTES = MIB
"""Responses above this size have their values counted. Below it, even a response of nothing but values stays small."""
PIECE_BYTES = 256 * 1024
HIT = b'"_index":'
"""Each hit of a search contains it once."""

_limit: ContextVar[int] = ContextVar("limit_bytes", default=LIMIT_BYTES)


class ResponseTooLargeError(TransportError):
    """A response is larger than the limit, so it was not read to its end.

    Attributes:
        limit_bytes: the limit.
        hits: approximate number of hits that had arrived completely.
    """

    def __init__(self, limit_bytes: int, hits: int) -> None:
        self.limit_bytes, self.hits = limit_bytes, hits
        super().__init__(
            f"a response from Elasticsearch is larger than {megabytes(limit_bytes)}, so it was not read; "
            f"look for documents of that size"
        )


@contextmanager
def within(limit_bytes: int) -> Iterator[None]:
    """Limit the responses of this thread to `limit_bytes`.

    Raises:
        ResponseTooLargeError: a response is larger.
    """
    token = _limit.set(limit_bytes)
    try:
        yield
    finally:
        _limit.reset(token)


def megabytes(count: int) -> str:
    """Format a size: `4 MB`, `0.5 MB`."""
    return f"{count / MIB:.3g} MB"


class BoundedNode(Urllib3HttpNode):
    """A node that reads a response only up to the limit."""

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = DEFAULT,
    ) -> NodeApiResponse:
        """Send one request, as `Urllib3HttpNode` does.

        Raises:
            ResponseTooLargeError: the response is larger than the limit of this thread.
            TransportError: no response arrived.
        """
        began_s = time.monotonic()
        sent = {**self._headers, **(headers or {})}
        timeout = {} if request_timeout is DEFAULT else {"timeout": request_timeout}
        try:
            response = self.pool.urlopen(
                method,
                f"{self.path_prefix}{target}",
                body=body or None,
                headers=sent,
                preload_content=False,
                retries=urllib3.Retry(False),
                **timeout,
            )
            data = _read(response, _limit.get())
        except urllib3.exceptions.HTTPError as error:
            raise _as_transport_error(error) from error
        meta = ApiResponseMeta(
            node=self.config,
            duration=time.monotonic() - began_s,
            http_version="1.1",
            status=response.status,
            headers=HttpHeaders(response.headers),
        )
        return NodeApiResponse(meta, data)  # type: ignore[arg-type]  # the client reads any buffer


def _read(response: urllib3.BaseHTTPResponse, limit_bytes: int) -> bytearray:
    """Read the body into one growing buffer. Pieces that are joined at the end would need the memory twice."""
    data = bytearray()
    try:
        while piece := response.read(PIECE_BYTES):
            data += piece
            if len(data) > limit_bytes:
                raise ResponseTooLargeError(limit_bytes, data.count(HIT))
    except BaseException:
        response.close()  # unread bytes are still in the connection, so it cannot be reused
        raise
    finally:
        response.release_conn()
    if len(data) > COUNTED_FROM_BYTES and sum(map(data.count, (b",", b"{", b"["))) > limit_bytes // BYTES_A_VALUE:
        raise ResponseTooLargeError(limit_bytes, data.count(HIT) // 2)
    return data


def _as_transport_error(error: urllib3.exceptions.HTTPError) -> TransportError:
    """Convert an error of urllib3 to the client's own error, as `Urllib3HttpNode` does."""
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return ConnectionError(str(error), errors=(error,))
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.ReadTimeoutError):
        return ConnectionTimeout("Connection timed out during request", errors=(error,))
    if isinstance(error, urllib3.exceptions.SSLError):
        return TlsError(str(error), errors=(error,))
    return ConnectionError(str(error), errors=(error,))
