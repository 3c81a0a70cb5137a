"""The plain page, answered before Flask is asked: its matching, its contexts and its hooks take more than all else of
one document.

    request ─┬─ POST /v1/enrich, JSON of a stated length, a good token, room ──▶ documents ──▶ results ──▶ 200
             └─ anything else, and what turns out to have a fault ──▶ Flask, from the start: it knows every message

Requests take turns on the cores, large and small ones apart. What was read of a body goes on with the request, so Flask
finds it whole, or cut short where it was.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson

from common.server.admission import admission
from contract.errors import ArtifactError
from enrich_service.config import ENRICH_PATH
from enrich_service.http import access, weight, wire
from enrich_service.http.access import REQUEST_ID, Access
from enrich_service.http.guard import Guard
from enrich_service.http.metrics import Metrics
from enrich_service.http.respond import JSON
from enrich_service.http.wire import RequestError
from enrich_service.predict import memory
from enrich_service.predict.compute_slots import Turns
from enrich_service.predict.enrich import Page
from enrich_service.predict.serving import Models
from enrich_service.settings import ServeSettings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)


class Direct:
    """A WSGI application around another one, which answers the plain pages itself. To be followed by `access`.

    Args:
        other: answers everything else.
        models: what is served.
        config, metrics, guard, turns: as the other one has them.
        follows: is told of each answer.
    """

    def __init__(
        self,
        other: WSGIApplication,
        models: Models,
        config: ServeSettings,
        *,
        metrics: Metrics,
        guard: Guard,
        turns: Turns,
        follows: Access,
    ) -> None:
        self._other, self._models, self._config = other, models, config
        self._metrics, self._guard, self._follows = metrics, guard, follows
        self._turns = turns

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        body = self._answer(environ) if self._is_plain(environ) else None
        if body is None:
            return self._other(environ, start_response)
        name = self._follows.ended(environ, ENRICH_PATH, 200, len(body), None)
        start_response("200 OK", [("Content-Type", JSON), ("Content-Length", str(len(body))), (REQUEST_ID, name)])
        return [body]

    def _is_plain(self, environ: WSGIEnvironment) -> bool:
        """By its head alone, whether there is nothing about a request that Flask would have to see."""
        length = environ.get("CONTENT_LENGTH", "")
        return bool(
            environ["PATH_INFO"] == ENRICH_PATH
            and environ["REQUEST_METHOD"] == "POST"
            and environ.get("CONTENT_TYPE") == JSON
            and "HTTP_CONTENT_ENCODING" not in environ
            and "HTTP_TRANSFER_ENCODING" not in environ
            and not environ.get("SCRIPT_NAME")
            and length.isascii()
            and length.isdecimal()
            and len(length) < 19
            and int(length) <= self._config.max_body_bytes
            and admission.refusal is None
            and self._guard.allows(environ, ENRICH_PATH)
        )

    def _answer(self, environ: WSGIEnvironment) -> bytes | None:
        """The body of the answer; None where the request, or the service, has a fault."""
        body = _read(environ)
        if body is None:
            return None
        with self._turns.of(len(body)):
            return self._results(body)

    def _results(self, body: bytes) -> bytes | None:
        page = self._page(body)
        if page is None:
            return None
        serving = self._models.current
        try:
            found = serving.answer(page)
        except ArtifactError:
            return None
        except Exception:
            log.exception("internal error on the direct path; the ordinary path answers the request")
            return None
        self._metrics.page_ended(len(page), found.failures)
        access.page_ended(len(page), found.failures.total())
        answer = wire.dump_answer(serving.model, found.results)
        del page, found
        memory.after_request(len(body))
        return answer

    def _page(self, body: bytes) -> Page | None:
        try:
            weight.check(body, max_body_bytes=self._config.max_body_bytes)
            return wire.documents(orjson.loads(body), max_documents=self._config.max_documents)
        except (orjson.JSONDecodeError, RequestError):
            return None


def _read(environ: WSGIEnvironment) -> bytes | None:
    """The whole body, which stays to be read again; None where it ends early."""
    length, stream = int(environ["CONTENT_LENGTH"]), environ["wsgi.input"]
    body: bytes = stream.read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body if len(body) == length else None
