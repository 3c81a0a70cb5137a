"""Creates every Elasticsearch client, and converts its errors to lines that say what to do."""

from __future__ import annotations

import re
import ssl
from typing import Any

from elastic_transport import ApiError as TransportApiError
from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from common.elastic.faults import cause, credentials, privilege
from common.elastic.response_limit import BoundedNode
from common.settings.addresses import refuse_plain_http
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import OversightSettings
from contract.errors import EngineUnavailableError, InputError, OversightError, SettingsError
from oversight.client.fast_json import SERIALIZERS
from oversight.client.product_check import WatchfulTransport
from oversight.config.settings import load


def client(settings: ElasticsearchSettings | None = None) -> Elasticsearch:
    """Return a client that has sent nothing yet. It retries little, because long-running commands retry by themselves.

    Raises:
        SettingsError: a secret would be sent over plain HTTP, or the certificate authority's file cannot be read.
    """
    settings = settings or load(ElasticsearchSettings)
    allowed = load(OversightSettings).allow_plain_http
    refuse_plain_http(settings.url, secret=settings.has_secret, allowed=allowed)
    options: dict[str, Any] = {}
    if settings.ca_certs is not None:
        try:
            ssl.create_default_context(cafile=str(settings.ca_certs))
        except OSError as error:
            raise SettingsError(
                f"ELASTICSEARCH_CA_CERTS={settings.ca_certs} cannot be read as certificates ({error}); name a PEM "
                f"file with the CA certificate"
            ) from None
        options["ca_certs"] = str(settings.ca_certs)
    if settings.api_key is not None:
        options["api_key"] = settings.api_key.get_secret_value()
    elif settings.username is not None and settings.password is not None:
        options["basic_auth"] = (settings.username, settings.password.get_secret_value())
    return Elasticsearch(
        settings.url,
        request_timeout=settings.timeout_s,
        max_retries=2,
        retry_on_timeout=True,
        serializers=SERIALIZERS,
        transport_class=WatchfulTransport,
        node_class=BoundedNode,
        **options,
    )


def connect(settings: ElasticsearchSettings | None = None) -> Elasticsearch:
    """Return a client of a server that has responded and is Elasticsearch.

    Raises:
        EngineUnavailableError: the server does not respond.
        SettingsError: the server refuses us, or it is not Elasticsearch.
    """
    settings = settings or load(ElasticsearchSettings)
    es = client(settings)
    try:
        es.info()
    except (ApiError, TransportError, UnsupportedProductError) as error:
        es.close()
        raise explain(error, settings.url) from None
    return es


def explain(error: Exception, url: str) -> OversightError:
    """Convert an error of the client to one line that says what to do."""
    if isinstance(error, UnsupportedProductError):
        return SettingsError(
            f"the server at {url} is not Elasticsearch; set ELASTICSEARCH_URL to the address of Elasticsearch 8.15 or "
            f"newer"
        )
    if isinstance(error, ApiError | TransportApiError):
        return _explain_answer(error, url)
    if isinstance(error, TlsError):
        return SettingsError(_explain_tls(_first_line(error), url))
    if isinstance(error, ConnectionTimeout):
        return EngineUnavailableError(
            f"Elasticsearch at {url} did not respond in time; check its load, or raise ELASTICSEARCH_TIMEOUT_S"
        )
    if isinstance(error, TransportConnectionError) and HUNG_UP.search(_first_line(error)) and url.startswith("http:"):
        return EngineUnavailableError(
            f"the server at {url} closed the connection without a response; if it uses TLS, set "
            f"ELASTICSEARCH_URL={url.replace('http:', 'https:', 1)}"
        )
    if isinstance(error, TransportConnectionError):
        return EngineUnavailableError(
            f"cannot reach Elasticsearch at {url} ({_cause(error)}); check that it runs there, or set ELASTICSEARCH_URL"
        )
    return EngineUnavailableError(f"Elasticsearch at {url} failed: {_first_line(error)}")


HUNG_UP = re.compile(r"without response|RemoteDisconnected|Connection reset|Connection aborted")
"""A server that expects TLS closes the connection after a plain request."""


def _explain_tls(reason: str, url: str) -> str:
    """Explain a failed handshake, from OpenSSL's reason. It names no certificate if OpenSSL saw none."""
    if re.search(
        r"WRONG_VERSION_NUMBER|wrong version number|HTTP_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER_FAILURE", reason
    ):
        return (
            f"the server at {url} does not use TLS; set ELASTICSEARCH_URL={url.replace('https:', 'http:', 1)} if "
            f"plain HTTP is intended"
        )
    if "certificate has expired" in reason:
        return f"the certificate of {url} has expired; renew it on the cluster, or correct this machine's clock"
    if re.search(r"[Hh]ostname mismatch|IP address mismatch|doesn't match", reason):
        return (
            f"the certificate of {url} is for another host name ({reason}); use a name in the certificate in "
            f"ELASTICSEARCH_URL"
        )
    return (
        f"the certificate of {url} is not trusted ({reason}); set ELASTICSEARCH_CA_CERTS to the cluster's CA "
        f"certificate"
    )


def _explain_answer(error: ApiError | TransportApiError, url: str) -> OversightError:
    status = error.meta.status
    if status == 401:
        return SettingsError(f"Elasticsearch at {url} {credentials(error.body)}")
    if status == 403:
        return SettingsError(f"Elasticsearch at {url} {privilege(error.body)}")
    if status == 404 and not error.meta.headers.get("x-elastic-product"):
        return SettingsError(f"the server at {url} responds with 404 and is not Elasticsearch; check ELASTICSEARCH_URL")
    if status in (429, 502, 503, 504):
        return EngineUnavailableError(
            f"Elasticsearch at {url} is not ready or is overloaded ({status}); try again later"
        )
    return InputError(f"Elasticsearch at {url} responded with {status}: {cause(error.body) or _first_line(error)}")


def _cause(error: Exception) -> str:
    """Return the operating system's reason, which is at the end of the wrapped message."""
    return _first_line(error).rsplit(": ", 1)[-1].rstrip(")")


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error).splitlines()
    return text[0][:300] if text else type(error).__name__
