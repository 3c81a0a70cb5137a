"""Elasticsearch's errors as a watcher sees them: a fault of the server, and one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from elastic_transport import SerializationError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from common.backoff import retry_after_s
from common.elastic.faults import cause, credentials, privilege
from common.elastic.indices import closed_index, closed_says
from common.elastic.response_limit import ResponseTooLargeError
from contract import hints
from contract.errors import EngineUnavailableError


class IndexMissingError(EngineUnavailableError):
    """There is no index yet of the name that is watched."""


class IndexClosedError(EngineUnavailableError):
    """An index that is watched is closed."""


class LargeResponseError(EngineUnavailableError):
    """A response is above the limit of bytes; `hits` of a search had arrived by then."""

    def __init__(self, message: str, *, hits: int) -> None:
        super().__init__(message)
        self.hits = hits


class EngineRefusesError(EngineUnavailableError):
    """Elasticsearch refuses the credentials or lacks a privilege for them: a person has to act."""


class EngineBusyError(EngineUnavailableError):
    """Elasticsearch puts a request off (429, 503); `retry_after_s` if it said for how long."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PointInTimeLostError(EngineUnavailableError):
    """The point in time has expired or its node is gone; a new one is opened."""


class PageTooLargeError(EngineUnavailableError):
    """An index gives smaller pages only, of `limit` documents."""

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


@lru_cache(maxsize=8)
def without_retries(es: Elasticsearch, *, within_s: float | None = None) -> Elasticsearch:
    """The same client, which asks once. It is kept: each `options()` makes 43 clients that hold each other, and Python
    frees such a ring much later than it is left.
    """
    return es.options(max_retries=0) if within_s is None else es.options(max_retries=0, request_timeout=within_s)


def index_missing(index: str) -> IndexMissingError:
    """There is none of that name, or none that fits that pattern."""
    return IndexMissingError(
        f"there is no {index!r} in Elasticsearch yet; run {hints.run('provision')}, "
        f"or name the right one in OVERSIGHT_INDEX or OVERSIGHT_NAMESPACE"
    )


@contextmanager
def engine_faults(doing: str, *, index: str) -> Iterator[None]:
    """Turn what the client raises into a fault of the server.

    Raises:
        EngineUnavailableError: or one of its kinds above; the documents stay as they are.
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
        return IndexClosedError(closed_says([closed]))
    if status == 404 and "search_context_missing" in str(error.body):
        return PointInTimeLostError(f"the point in time was lost while {doing}; reading again")
    if status == 404:
        return index_missing(index)
    if status == 401:
        return EngineRefusesError(f"while {doing} in {index!r}, Elasticsearch {credentials(error.body)}")
    if status == 403:
        return EngineRefusesError(
            f"while {doing} in {index!r}, Elasticsearch {privilege(error.body)}; a watcher needs `read` and "
            "`index` on it, "
            f"as a key of {hints.run('provision --keys FOLDER')} has"
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
