"""The client of the enrich service: one request, one checked response, and everything that can go wrong.

    documents ──▶ POST /v1/enrich ──▶ 200: Enriched           one result per document
                                  ├─▶ 400, 413, 422: Refused  the request as a whole; the caller makes it smaller
                                  └─▶ anything else: raised, a server error

It never retries. The loop does, with the documents as they are then.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from common.backoff import retry_after_s
from common.json_bytes import dump
from common.settings.addresses import refuse_plain_http
from common.settings.base import revealed
from common.settings.shared import OversightSettings
from contract.errors import EndpointUnavailableError, ProtocolError
from contract.wire import ErrorResponse
from watcher.enrich.interruptible import StopGrace
from watcher.enrich.responses import Enriched, Model, parse_enriched, parse_model

CONNECT_TIMEOUT_S = 5.0
STOP_GRACE_S = 8.0
"""Docker ends a container with SIGKILL 10 s after its SIGTERM."""
MODEL_BYTES = 16 * 1024 * 1024
"""Most bytes of the response to `GET /v1/model`: a vocabulary can be long."""
RESPONSE_BYTES, RESULT_BYTES = 1024 * 1024, 16 * 1024
"""Most bytes of a response, and most bytes more per document (about 1 KB is usual)."""
REFUSALS = (400, 413, 422)
BROKE_OFF = (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ProtocolError)
"""Errors after the request was sent."""


class RequestFailedError(EndpointUnavailableError):
    """The enrich service got a request and then failed: too slow, broken off, 5xx. The request may be the cause."""


class TooManyRequestsError(EndpointUnavailableError):
    """The enrich service is overloaded (429): try later, and fewer documents at a time."""


class TokenRefusedError(EndpointUnavailableError):
    """The enrich service rejects our token: a person has to act."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The service refused a request as a whole, with its own error."""

    status: int
    type: str
    message: str


class EnrichClient:
    """One enrich service.

    Args:
        url: its address, without a trailing slash.
        token: bearer token, sent with every request.
        ca_certs: file of the authority that signed the service's certificate; None: the system's authorities.
        client_cert: our certificate and its key, if the service requires one.
        timeout_s: longest time for one request.
        stop: once it is set, requests get at most `STOP_GRACE_S`.
        connections: requests at the same time, each on its own kept connection.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca_certs: Path | None = None,
        client_cert: tuple[Path, Path] | None = None,
        timeout_s: float = 30.0,
        stop: threading.Event | None = None,
        connections: int = 1,
    ) -> None:
        self.url, self.timeout_s = url, timeout_s
        self._stop_grace = StopGrace(stop or threading.Event(), STOP_GRACE_S)
        self._headers = {"accept": "application/json", "user-agent": "oversight-watcher"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        cert, key = (None, None) if client_cert is None else map(str, client_cert)
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            retries=False,
            ca_certs=None if ca_certs is None else str(ca_certs),
            cert_file=cert,
            key_file=key,
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def model(self) -> Model:
        """Ask which model the service uses, and which fields it needs.

        Raises:
            EndpointUnavailableError: no response, or the service is not ready.
            ProtocolError: the response does not describe a model.
        """
        status, headers, body = self._request("GET", "/v1/model", limit_bytes=MODEL_BYTES)
        if status != 200:
            raise _fault(status, headers, self.url, with_token="authorization" in self._headers)
        return parse_model(body)

    def enrich(self, ids: Sequence[str], sources: Sequence[Mapping[str, Any]]) -> Enriched | Refused:
        """Ask for the predictions of documents.

        Raises:
            EndpointUnavailableError: no response, not ready, or overloaded.
            ProtocolError: the response breaks the contract.
        """
        documents = [{"id": doc_id, "source": source} for doc_id, source in zip(ids, sources, strict=True)]
        limit = RESPONSE_BYTES + RESULT_BYTES * len(ids)
        status, headers, body = self._request("POST", "/v1/enrich", dump({"documents": documents}), limit_bytes=limit)
        if status == 200:
            return parse_enriched(body, ids)
        refused = _refused(status, body) if status in REFUSALS else None
        if refused is None:
            raise _fault(status, headers, self.url, with_token="authorization" in self._headers)
        return refused

    def _request(
        self, method: str, path: str, body: bytes | None = None, *, limit_bytes: int
    ) -> tuple[int, Mapping[str, str], bytearray]:
        response = self._stop_grace.wait_for(lambda: self._send(method, path, body, limit_bytes=limit_bytes))
        if response is None:
            raise EndpointUnavailableError(
                f"the enrich service at {self.url} did not answer within {STOP_GRACE_S:.0f} s after the watcher was "
                "told to stop; nothing was written, the documents stay pending"
            )
        return response

    def _send(
        self, method: str, path: str, body: bytes | None = None, *, limit_bytes: int
    ) -> tuple[int, Mapping[str, str], bytearray]:
        headers = {**self._headers, "x-request-id": secrets.token_hex(16)}
        if body is not None:
            headers["content-type"] = "application/json"
        deadline = time.monotonic() + self.timeout_s
        timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, self.timeout_s), read=self.timeout_s)
        try:
            response = self._pool.request(
                method,
                f"{self.url}{path}",
                body=body,
                headers=headers,
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            try:
                return response.status, response.headers, _read(response, limit_bytes, deadline)
            except BaseException:
                response.close()  # unread bytes are still in the connection, so it cannot be reused
                raise
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, BROKE_OFF):
                raise RequestFailedError(
                    f"the enrich service at {self.url} took a request and did not answer it ({_reason(error)}); "
                    f"nothing is lost, trying again; look at its log, and at OVERSIGHT_WATCH_REQUEST_TIMEOUT_S"
                ) from None
            raise EndpointUnavailableError(
                f"the enrich service at {self.url} does not answer ({_reason(error)}); "
                f"start it with `oversight serve`, or set OVERSIGHT_ENRICH_URL"
            ) from None


def _reason(error: Exception) -> str:
    """Return why a request failed, without the connection object that urllib3 writes before it."""
    return str(error).rsplit("): ", 1)[-1][:160] or type(error).__name__


def _read(response: urllib3.BaseHTTPResponse, limit_bytes: int, deadline: float) -> bytearray:
    """Read the body, up to the limit and the deadline."""
    body = bytearray()
    while part := response.read1(64 * 1024):
        body += part
        if len(body) > limit_bytes:
            raise ProtocolError(
                f"the enrich service sends more than {limit_bytes} bytes for one request; nothing was written, "
                f"check OVERSIGHT_ENRICH_URL"
            )
        if time.monotonic() > deadline:
            slow = "the response arrives too slowly"
            raise urllib3.exceptions.ReadTimeoutError(None, None, slow)  # type: ignore[arg-type]
    return body


def _refused(status: int, body: bytearray) -> Refused | None:
    """Return the service's own error; None for an error page of a proxy between the service and us."""
    try:
        error = msgspec.json.decode(body, type=ErrorResponse).error
    except (msgspec.DecodeError, RecursionError):
        return None
    return Refused(status, error.type, error.message)


def _fault(
    status: int, headers: Mapping[str, str], url: str, *, with_token: bool
) -> EndpointUnavailableError | ProtocolError:
    if status in (401, 403):
        what = "refuses the token" if with_token else "asks for a token, and none is set"
        return TokenRefusedError(
            f"the enrich service at {url} {what} ({status}); set OVERSIGHT_ENRICH_TOKEN to the token "
            f"that the service was started with; documents stay pending until then"
        )
    if status == 408:
        return EndpointUnavailableError(
            f"the enrich service at {url} had not read the request in time (408); nothing is lost, trying again; "
            "look at the network and the load of both machines"
        )
    if status in (429, 503):
        kind = TooManyRequestsError if status == 429 else EndpointUnavailableError
        return kind(
            f"the enrich service at {url} is not ready or overloaded ({status}); nothing is lost, trying again",
            retry_after_s=retry_after_s(headers),
        )
    if status >= 500:
        return RequestFailedError(
            f"the enrich service at {url} fails ({status}); nothing is lost, trying again; look at its log",
            retry_after_s=retry_after_s(headers),
        )
    return ProtocolError(
        f"{url} answers {status}, which an enrich service of Oversight never answers here; check OVERSIGHT_ENRICH_URL"
    )


def client_of(
    shared: OversightSettings, *, timeout_s: float, stop: threading.Event | None = None, connections: int = 1
) -> EnrichClient:
    """Return the client of the enrich service in the settings.

    Raises:
        SettingsError: the token would go over plain HTTP to another machine.
    """
    token = revealed(shared.enrich_token)
    refuse_plain_http(shared.enrich_url, secret=token is not None, allowed=shared.allow_plain_http)
    return EnrichClient(
        shared.enrich_url,
        token=token,
        ca_certs=shared.enrich_ca_certs,
        client_cert=shared.client_cert,
        timeout_s=timeout_s,
        stop=stop,
        connections=connections,
    )
