"""Converts errors of the Elasticsearch client to server errors, each with one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from elastic_transport import SerializationError, TransportError
from elasticsearch import ApiError, BadRequestError, Elasticsearch, UnsupportedProductError

from common.backoff import retry_after_s
from common.elastic.faults import cause, credentials, privilege
from common.elastic.indices import closed_index, closed_message
from common.elastic.response_limit import ResponseTooLargeError
from contract import hints
from contract.errors import EngineUnavailableError, InputError


class IndexMissingError(EngineUnavailableError):
    """The watched index does not exist yet."""


class IndexClosedError(EngineUnavailableError):
    """A watched index is closed."""


class LargeResponseError(EngineUnavailableError):
    """A response is above the byte limit; `hits` had arrived completely."""

    def __init__(self, message: str, *, hits: int) -> None:
        super().__init__(message)
        self.hits = hits


class EngineRefusesError(EngineUnavailableError):
    """Elasticsearch refuses the credentials, or they lack a privilege: a person has to act."""


class EngineBusyError(EngineUnavailableError):
    """Elasticsearch is overloaded or not ready (429, 503)."""


class PointInTimeLostError(EngineUnavailableError):
    """The point in time expired, or its node is gone. A new one must be opened."""


class PageTooLargeError(EngineUnavailableError):
    """An index allows only `limit` documents in a page."""

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


@lru_cache(maxsize=8)
def without_retries(es: Elasticsearch, *, within_s: float | None = None) -> Elasticsearch:
    """Return the same client without retries.

    It is cached: each `options()` creates 43 clients that refer to each other, which Python frees late.
    """
    return es.options(max_retries=0) if within_s is None else es.options(max_retries=0, request_timeout=within_s)


def index_missing(index: str) -> IndexMissingError:
    """Return the error for a name or pattern without an index."""
    return IndexMissingError(
        f"there is no {index!r} in Elasticsearch yet; run {hints.run('provision')}, "
        f"or name the right one in OVERSIGHT_INDEX or OVERSIGHT_NAMESPACE"
    )


def query_not_understood(error: BadRequestError) -> InputError:
    """Return the error for a query that Elasticsearch refuses."""
    return InputError(
        f"Elasticsearch does not understand the query ({cause(error.body) or error.message}); "
        f"expected a query string such as 'user.id:alice AND oversight.prediction.family:probe'"
    )


@contextmanager
def engine_faults(doing: str, *, index: str) -> Iterator[None]:
    """Convert what the client raises to a server error.

    Raises:
        EngineUnavailableError: or one of its kinds above; no document changed.
    """
    try:
        yield
    except ApiError as error:
        raise _answered(error, doing, index) from None
    except UnsupportedProductError:
        raise EngineUnavailableError(
            f"the server answers while {doing}, but it is not Elasticsearch; set ELASTICSEARCH_URL to the "
            "address of an Elasticsearch"
        ) from None
    except ResponseTooLargeError as error:
        raise LargeResponseError(f"{error} in {index!r} ({doing})", hits=error.hits) from None
    except (TransportError, SerializationError) as error:
        raise EngineUnavailableError(
            f"Elasticsearch does not answer while {doing} ({_first_line(error)}); nothing is lost, "
            f"check that it runs, and check ELASTICSEARCH_URL"
        ) from None


def _answered(error: ApiError, doing: str, index: str) -> EngineUnavailableError:
    status, line = error.meta.status, _first_line(error)
    closed = closed_index(error)
    if closed is not None:
        return IndexClosedError(closed_message([closed]))
    if status == 404 and "search_context_missing" in str(error.body):
        return PointInTimeLostError(f"the point in time was lost while {doing}; reading again")
    if status == 404:
        return index_missing(index)
    if status == 401:
        return EngineRefusesError(f"while {doing} in {index!r}, Elasticsearch {credentials(error.body)}")
    if status == 403:
        return EngineRefusesError(
            f"while {doing} in {index!r}, Elasticsearch {privilege(error.body)}; a watcher needs `read` and "
            f"`index` on it, as a key of {hints.run('provision --keys FOLDER')} has"
        )
    if status in (429, 503):
        return EngineBusyError(
            f"Elasticsearch is overloaded or not ready ({status} while {doing}: {line}); nothing is lost, trying again",
            retry_after_s=retry_after_s(error.meta.headers),
        )
    return EngineUnavailableError(
        f"Elasticsearch answers {status} while {doing} ({line}); nothing is lost, look at its log"
    )


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error).splitlines()
    line = text[0][:200] if text else type(error).__name__
    reason = cause(error.body) if isinstance(error, ApiError) else ""
    return f"{line}: {reason}" if reason and reason not in line else line
