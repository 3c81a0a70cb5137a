"""Sends the console's searches to Elasticsearch: many in one request, each with its own response or error.

[(index, body), ...] ──▶ one _msearch ──┬─▶ one response per search
                                        └─▶ EngineUnavailableError: one line, shown on the page
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

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
