"""Send one request to Kibana, and turn each kind of failure into an error that says what to do.

request ──▶ 2xx: the JSON body
        ├─▶ 401, 403: wrong credentials or missing privileges       SettingsError
        ├─▶ 404, 409 if the caller expects them: Response           no error
        ├─▶ 429, 502, 503, 504, no connection, no response in time  KibanaUnavailableError
        └─▶ anything else                                           KibanaRefusedError
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from common.settings.base import revealed
from contract.errors import InputError, ServerError, SettingsError, shorten
from kibana.settings import KibanaSettings

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
NOT_READY = (429, 502, 503, 504)


class KibanaUnavailableError(ServerError):
    """Kibana is down, not ready or overloaded."""

    code = "kibana_unavailable"


class KibanaRefusedError(InputError):
    """Kibana responds but does not do what was asked."""

    code = "kibana_refused"


@dataclass(frozen=True, slots=True)
class Response:
    """Kibana's response to one request."""

    status: int
    body: Any
    """Parsed JSON; None if the body is not JSON."""


class Http:
    """An HTTP client for one Kibana."""

    def __init__(self, settings: KibanaSettings) -> None:
        self.url, self._authorization = settings.url, authorization(settings)
        try:
            context = ssl.create_default_context(cafile=None if settings.ca_certs is None else str(settings.ca_certs))
        except OSError as error:
            raise SettingsError(
                f"KIBANA_CA_CERTS={settings.ca_certs} cannot be read as certificates ({error}); expected a PEM file"
            ) from None
        self._pool = urllib3.PoolManager(ssl_context=context, timeout=settings.timeout_s, retries=False)

    def __enter__(self) -> Http:
        """Open nothing: the first request opens the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._pool.clear()

    def ask(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: Any = None,
        file: bytes | None = None,
        expected: Collection[int] = (),
    ) -> Response:
        """Send one request.

        Args:
            method: the HTTP method.
            path: below Kibana's address.
            what: names the task in error messages, as in "importing the dashboards".
            body: JSON to send.
            file: NDJSON to upload as a file, instead of `body`.
            expected: statuses other than 2xx that the caller handles itself.
        Raises:
            KibanaUnavailableError: try again later.
            SettingsError: the address, the credentials or the certificate are wrong.
            KibanaRefusedError: Kibana does not do it.
        """
        response = self._send(method, path, body=body, file=file)
        if 200 <= response.status < 300 or response.status in expected:
            return response
        raise self.refusal(response, what)

    def refusal(self, response: Response, what: str) -> SettingsError | KibanaUnavailableError | KibanaRefusedError:
        """The error for a response that reports a failure."""
        url, reason = self.url, _reason_in(response.body)
        if response.status == 401 and not self._authorization:
            return SettingsError(
                f"Kibana at {url} asks for credentials, and none were sent (401); set KIBANA_API_KEY, or "
                "KIBANA_USERNAME and KIBANA_PASSWORD"
            )
        if response.status == 401:
            return SettingsError(
                f"Kibana at {url} refuses the credentials (401); check KIBANA_API_KEY, or KIBANA_USERNAME and "
                "KIBANA_PASSWORD"
            )
        if response.status == 403:
            return SettingsError(
                f"Kibana at {url} forbids {what} (403{reason}); the user or key needs `All` on Saved Objects "
                "Management in this space, and on Stack Rules and Actions and Connectors for the alert rules"
            )
        if response.status in NOT_READY:
            return KibanaUnavailableError(
                f"Kibana at {url} is not ready or overloaded ({response.status}) for {what}; try again later"
            )
        if response.status == 413:
            return KibanaRefusedError(
                f"Kibana at {url} accepts no file of this size (413); raise "
                "savedObjects.maxImportPayloadBytes in its kibana.yml"
            )
        return KibanaRefusedError(f"Kibana at {url} answered {response.status} to {what}{reason}; look at its log")

    def _send(self, method: str, path: str, *, body: Any, file: bytes | None) -> Response:
        headers = {"kbn-xsrf": "oversight", "Accept": "application/json", **self._authorization}
        more: dict[str, Any] = {}
        if file is not None:
            more["fields"] = {"file": ("oversight.ndjson", file, "application/ndjson")}
        elif body is not None:
            headers["Content-Type"] = "application/json"
            more["body"] = json.dumps(body).encode()
        try:
            response = self._pool.request(
                method, f"{self.url}{path}", headers=headers, redirect=False, preload_content=False, **more
            )
            with response:
                content = response.read(MAX_RESPONSE_BYTES)
        except SSLError as error:
            raise SettingsError(
                f"no trusted connection to {self.url} ({_line(error)}); set KIBANA_CA_CERTS to the certificate of "
                "Kibana's authority, or begin KIBANA_URL with http:// if Kibana has no TLS"
            ) from None
        except (HTTPError, OSError) as error:
            raise KibanaUnavailableError(
                f"cannot reach Kibana at {self.url} ({_line(error)}); is it running there? set KIBANA_URL"
            ) from None
        return Response(response.status, _parsed(content))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _reason_in(body: Any) -> str:
    """Kibana's error message, shortened to one line."""
    fields: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    return f": {shorten(fields['message'], 300)}" if isinstance(fields.get("message"), str) else ""


def _line(error: Exception) -> str:
    """The system's own reason, taken from the end of the messages that urllib3 wraps around it."""
    reason = getattr(error, "reason", None)
    text = str(reason if isinstance(reason, Exception) else error).splitlines() or [type(error).__name__]
    known = re.search(r"\[(?:SSL|Errno)[^\]]*\] ([^\[\]()]+)", text[0])
    return (known[1].strip() if known else text[0].rsplit(": ", 1)[-1])[:200]


def authorization(settings: KibanaSettings) -> dict[str, str]:
    """The `Authorization` header; empty without credentials."""
    key, password = revealed(settings.api_key), revealed(settings.password)
    if key is not None:
        return {"Authorization": f"ApiKey {key}"}
    if settings.username is None or password is None:
        return {}
    pair = base64.b64encode(f"{settings.username}:{password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {pair}"}
