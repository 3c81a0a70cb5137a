"""The real Elasticsearch client with faults in its bulk requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import orjson
from elastic_transport import ObjectApiResponse
from elasticsearch import Elasticsearch

from tests.waiting import WAIT_S


class Wrapped:
    """State that a wrapped client shares with the copies that `options` creates."""

    def __init__(self) -> None:
        self.bulks = 0
        self.sent: list[int] = []
        """The items of each bulk request that was sent."""


class FailingBulk(Elasticsearch):
    """Answers some items of the n-th bulk request with `status` and sends the others.

    Args:
        url: the real engine.
        fail_at: numbers of the bulk requests in which items fail, from 0.
        status: the status of their response.
        every: every n-th item fails, starting with the first.
    """

    def __init__(self, url: str, *, fail_at: set[int], status: int = 429, every: int = 3) -> None:
        super().__init__(url, request_timeout=WAIT_S)
        self.fail_at, self.status, self.every, self.state = fail_at, status, every, Wrapped()

    def __enter__(self) -> Self:
        return self

    def options(self, **kwargs: Any) -> Self:
        return self

    def bulk(self, *, operations: bytes, **kwargs: Any) -> ObjectApiResponse[Any]:  # type: ignore[override]
        lines = [orjson.loads(line) for line in operations.splitlines()]
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        number, self.state.bulks = self.state.bulks, self.state.bulks + 1
        failing = {place for place in range(len(pairs)) if number in self.fail_at and place % self.every == 0}
        going = [pair for place, pair in enumerate(pairs) if place not in failing]
        self.state.sent.append(len(going))
        answer = super().bulk(operations=[line for pair in going for line in pair], **kwargs) if going else None
        items = iter(answer["items"] if answer is not None else ())
        error = {"type": "es_rejected_execution_exception", "reason": "made by the test"}
        merged = [
            {"update": {**pair[0]["update"], "status": self.status, "error": error}}
            if place in failing
            else next(items)
            for place, pair in enumerate(pairs)
        ]
        meta = answer.meta if answer is not None else self.info().meta
        return ObjectApiResponse({"took": 1, "errors": bool(failing), "items": merged}, meta)


class Interfering(Elasticsearch):
    """Lets another writer change a document between the watcher's read and its write, once for each bulk request."""

    def __init__(self, url: str, between: Callable[[int], None]) -> None:
        super().__init__(url, request_timeout=WAIT_S)
        self.between, self.state = between, Wrapped()

    def __enter__(self) -> Self:
        return self

    def options(self, **kwargs: Any) -> Self:
        return self

    def bulk(self, **kwargs: Any) -> ObjectApiResponse[Any]:
        number, self.state.bulks = self.state.bulks, self.state.bulks + 1
        self.between(number)
        return super().bulk(**kwargs)
