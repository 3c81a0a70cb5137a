"""Sends the console's searches to Elasticsearch: many in one request, each with its own response or error.

[(index, body), ...] ──▶ one _msearch ──┬─▶ one response per search
                                        └─▶ EngineUnavailableError: one line, shown on the page
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError, UnsupportedProductError

from common.elastic.datasets import read_datasets
from common.elastic.response_limit import MIB, ResponseTooLargeError, within
from contract.errors import EngineUnavailableError, OversightError
from contract.model_summary import ModelSummary

Search = tuple[str, dict[str, Any]]
SearchResponse = Mapping[str, Any]

FAULTS = (ApiError, TransportError, UnsupportedProductError)
PAGE_BYTES = 16 * MIB
"""Largest response of Elasticsearch for one page."""
TOO_LARGE = "response_too_large"
POINT_LASTS = "5m"
"""How long Elasticsearch keeps a point in time after its last search."""
SOURCE_WITHOUT_RAW_LINE = {"excludes": ["event.original"]}


class PointLapsedError(EngineUnavailableError):
    """A point in time is gone: nobody used it for a while, or the node that held it stopped."""

    code = "point_lapsed"


class Engine:
    """A client of Elasticsearch. The threads of one process share it.

    Args:
        connect: creates the client.
        explain: returns one line for an error of the client.
        timeout_s: longest time for one page.
    """

    def __init__(
        self, connect: Callable[[], Elasticsearch], explain: Callable[[Exception], str], *, timeout_s: float
    ) -> None:
        self._connect, self._explain, self._timeout_s = connect, explain, timeout_s
        self._client: Elasticsearch | None = None
        self._lock = threading.Lock()
        self.percentiles = True
        """Whether the engine has this aggregation. True until it refuses one."""

    def msearch(self, searches: Sequence[Search]) -> list[SearchResponse]:
        """Return the responses, in the order of the searches. A missing index gives an empty response.

        Raises:
            EngineUnavailableError: Elasticsearch does not respond, or refuses the whole request.
        """
        lines: list[dict[str, Any]] = []
        for index, body in searches:
            lines += [{"index": index, "ignore_unavailable": True, "allow_no_indices": True}, body]
        try:
            with within(PAGE_BYTES):
                response = self.client().msearch(searches=lines)
        except ResponseTooLargeError as error:
            return self._in_parts(searches, error)
        except FAULTS as error:
            raise EngineUnavailableError(self._explain(error)) from None
        except OversightError as error:
            raise EngineUnavailableError(str(error)) from None
        answers: list[SearchResponse] = response["responses"]
        return answers

    def _in_parts(self, searches: Sequence[Search], error: ResponseTooLargeError) -> list[SearchResponse]:
        """Search again in smaller parts: each search alone, and a list of documents with half as many of them."""
        if len(searches) > 1:
            return [answer for search in searches for answer in self.msearch([search])]
        index, body = searches[0]
        size = int(body.get("size", 0))
        if size <= 1:
            return [{"status": 413, "error": {"type": TOO_LARGE, "reason": str(error)}}]
        return self.msearch([(index, {**body, "size": size // 2})])

    def open_point(self, index: str) -> str | None:
        """Open a point in time, which keeps the documents as they are now; None if there is no such index.

        Raises:
            EngineUnavailableError: Elasticsearch does not respond, or refuses.
        """
        try:
            return str(self.client().open_point_in_time(index=index, keep_alive=POINT_LASTS)["id"])
        except NotFoundError:
            return None
        except FAULTS as error:
            raise EngineUnavailableError(self._explain(error)) from None

    def close_point(self, point: str) -> None:
        """Close a point in time. If that fails, Elasticsearch closes it later by itself."""
        with contextlib.suppress(*FAULTS, OversightError):
            self.client().close_point_in_time(id=point)

    def search_point(self, point: str, body: dict[str, Any], *, limit_bytes: int) -> tuple[SearchResponse, int]:
        """Search a point in time. Return the response and its size, which is smaller than wanted if it is too large.

        Raises:
            PointLapsedError: the point in time is gone.
            EngineUnavailableError: Elasticsearch does not respond, or some shards do not.
        """
        size = int(body["size"])
        try:
            with within(limit_bytes):
                found = self.client().search(**body, pit={"id": point, "keep_alive": POINT_LASTS})
        except NotFoundError:
            raise PointLapsedError("the list has lapsed, because nobody turned its pages for a while") from None
        except ResponseTooLargeError:
            return self.search_point(point, _smaller(body, size), limit_bytes=limit_bytes)
        except FAULTS as error:
            raise EngineUnavailableError(self._explain(error)) from None
        if found["_shards"].get("failed"):
            raise EngineUnavailableError(
                f"{found['_shards']['failed']} of {found['_shards']['total']} shards did not respond, so events would "
                "be missing; look at the cluster's health"
            )
        return found.body, size

    def missing(self, index: str, fields: Iterable[str]) -> frozenset[str]:
        """Return the fields that no mapping of an index has; empty if that cannot be read."""
        wanted = frozenset(fields)
        roots = sorted({field.split(".")[0] for field in wanted})
        asked = [name for root in roots for name in (root, f"{root}.*")]  # short: some engines take it only in the URL
        try:
            response = self.client().field_caps(index=index, fields=asked, ignore_unavailable=True)
        except (*FAULTS, OversightError):
            return frozenset()
        return wanted - set(response["fields"]) if response.get("indices") else frozenset()

    def datasets(self, namespace: str) -> list[ModelSummary]:
        """Return the provisioned datasets of a namespace; empty if they cannot be read."""
        try:
            return read_datasets(self.client(), namespace)
        except (*FAULTS, OversightError):
            return []

    def client(self) -> Elasticsearch:
        """Return the client. It is created late: each process needs its own, and the page can show a wrong setting."""
        with self._lock:
            if self._client is None:
                # once more after a broken connection only: after a timeout, the page has waited long enough
                self._client = self._connect().options(
                    request_timeout=self._timeout_s, max_retries=1, retry_on_status=(), retry_on_timeout=False
                )
            return self._client


def _smaller(body: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the search with half as many documents; of a single document, with less of it."""
    if size > 1:
        return {**body, "size": size // 2}
    return {**body, "source": SOURCE_WITHOUT_RAW_LINE if body.get("source") != SOURCE_WITHOUT_RAW_LINE else False}


def lacks_percentiles(answer: SearchResponse) -> bool:
    """Whether a search failed because the engine has no percentiles."""
    reason = str((answer.get("error") or {}).get("reason", "")) if isinstance(answer.get("error"), Mapping) else ""
    return answer.get("status") == 400 and "percentiles" in reason


def is_too_large(answer: SearchResponse) -> bool:
    """Whether a single document was too large to read."""
    error = answer.get("error")
    return isinstance(error, Mapping) and error.get("type") == TOO_LARGE


def problem_of(answer: SearchResponse) -> str | None:
    """Return why one search failed, in one line; None if it did not fail."""
    error = answer.get("error")
    if error is not None and is_too_large(answer):
        return f"The newest document is too large to show here: {error['reason']}"
    if error is not None:
        causes = error.get("root_cause") or [error] if isinstance(error, Mapping) else [{"reason": str(error)}]
        reason = str(causes[0].get("reason") or causes[0].get("type") or "no reason given")
        return f"Elasticsearch refused this search ({answer.get('status', '?')}): {reason.splitlines()[0][:300]}"
    shards = answer.get("_shards") or {}
    if shards.get("failed"):
        return f"{shards['failed']} of {shards.get('total', '?')} shards did not respond, so the figures are too low"
    return "The search timed out in Elasticsearch, so the figures are too low" if answer.get("timed_out") else None
