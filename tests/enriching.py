"""Documents as a client sends them, and the results of an enricher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from enrich_service import request_body
from enrich_service.predict.page import Page

MAX_DOCUMENTS = 10_000
Source = Mapping[str, Any]


class Enriching(Protocol):
    """An `Enricher` or a `Serving`."""

    def enrich(self, page: Page) -> list[Any]:
        """Return one result per document."""


def page_of(*sources: Source) -> Page:
    """Return documents with these fields, parsed by the service from a request body. Their ids are `0`, `1`, ..."""
    documents = [{"id": str(number), "source": source} for number, source in enumerate(sources)]
    return request_body.documents(json.dumps({"documents": documents}).encode(), max_documents=MAX_DOCUMENTS)


def enriched(by: Enriching, *sources: Source) -> list[dict[str, Any]]:
    """Return the results for documents with these fields, as a client decodes them."""
    results: list[dict[str, Any]] = msgspec.to_builtins(by.enrich(page_of(*sources)))
    return results
