"""Elasticsearch's errors as a watcher sees them: a fault of the server, and one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from elastic_transport import SerializationError, TransportError
from elasticsearch import ApiError, UnsupportedProductError

from contract.errors import EngineUnavailableError


class IndexMissingError(EngineUnavailableError):
    """There is no index yet of the name that is watched."""


class EngineRefusesError(EngineUnavailableError):
    """Elasticsearch refuses the credentials or lacks a privilege for them: a person has to act."""


class PointInTimeLostError(EngineUnavailableError):
    """The point in time has expired or its node is gone; a new one is opened."""


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
            f"the server answers while {doing}, but it is not Elasticsearch; point ELASTICSEARCH_URL at an Elasticsearch"
        ) from None
    except (TransportError, SerializationError) as error:
        raise EngineUnavailableError(
            f"Elasticsearch does not answer while {doing} ({_first_line(error)}); nothing is lost, "
            f"look whether it runs, and at ELASTICSEARCH_URL"
        ) from None


def _answered(error: ApiError, doing: str, index: str) -> EngineUnavailableError:
    status, line = error.meta.status, _first_line(error)
    if status == 404 and "search_context_missing" in str(error.body):
        return PointInTimeLostError(f"the point in time was lost while {doing}; reading anew")
    if status == 404:
        return IndexMissingError(
            f"there is no {index!r} in Elasticsearch yet (404 while {doing}); run `oversight provision`, "
            f"or name the right one in OVERSIGHT_INDEX or OVERSIGHT_NAMESPACE"
        )
    if status in (401, 403):
        return EngineRefusesError(
            f"Elasticsearch refuses {doing} in {index!r} ({status}: {line}); check the credentials and their privileges"
        )
    return EngineUnavailableError(
        f"Elasticsearch answers {status} while {doing} ({line}); nothing is lost, look at its log"
    )


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error).splitlines()
    return text[0][:200] if text else type(error).__name__
