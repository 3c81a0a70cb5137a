"""One batch: from hits that were read to results for the writer.

hits ──▶ above the byte limit? ──▶ `failed`, without a request
hits ──▶ enrich ──▶ Enriched ──▶ Writer, which writes while the next hits are enriched
             ├────▶ Refused ──▶ two halves, each a batch; a single refused document is `failed`
             └────▶ error, again and again ──▶ two halves; a single document that causes it is quarantined, and pending
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from common.elastic.response_limit import megabytes
from contract import hints
from contract.errors import ProtocolError
from contract.wire import DocumentError
from watcher.enrich.active_model import ActiveModel
from watcher.enrich.batch_size import BatchSize
from watcher.enrich.bisect import CONTROL_ID, Bisection
from watcher.enrich.client import EnrichClient, Refused, RequestFailedError, TooManyRequestsError
from watcher.enrich.responses import Model, Result
from watcher.read.features import features
from watcher.read.hit import Hit
from watcher.totals import DocumentOutcome
from watcher.write.actions import in_the_way
from watcher.write.writer import Batch, Shared, Writer, report_quarantined

TOO_LARGE = "document_too_large"
"""`error.type` of a document above the byte limit."""


class Batches:
    """Enriches the pages of one lane, and knows how many documents go into one request.

    Args:
        client: the enrich service.
        models: the active model.
        shared: what all lanes share.
    """

    def __init__(self, client: EnrichClient, models: ActiveModel, shared: Shared) -> None:
        self._client, self._models, self._shared = client, models, shared
        self._memory, self._totals, self._stop = shared.memory, shared.totals, shared.stop
        self._batch_size = BatchSize(shared.watch.settings.page_size)
        """The size after refusals and failures."""
        self.throttle = BatchSize(shared.watch.settings.page_size)
        """The size after overload, of either server."""
        self._bisection = Bisection(client, shared.memory, self._batch_size, stop=shared.stop, backoff=shared.backoff)
        self._model: Model | None = None
        self._handled = 0

    @property
    def size(self) -> int:
        """Documents in the next request."""
        return min(self._batch_size.size, self.throttle.size)

    def new_round(self, model: Model) -> None:
        """Pages with the fields of this model follow."""
        self._model = model
        self._batch_size.new_round()

    def run(self, hits: Sequence[Hit], writer: Writer) -> None:
        """Enrich documents and pass them to the writer. Documents that are not passed on are counted here.

        Raises:
            ServerError: a server failed. Documents that were not passed on stay pending and count as deferred.
        """
        self._handled = 0
        readable = self._fail_large(hits, writer)
        writable = self._quarantine_unsafe(readable)
        alone = [hit for hit in writable if self._memory.unanswered(hit)]
        together = [hit for hit in writable if not self._memory.unanswered(hit)] if alone else writable
        self._batch_size.new_page()
        try:
            self._run_in_parts(together, writer)
            for hit in alone:
                if not self._stop.is_set():
                    self._run_one([hit], writer)
        finally:
            self._totals.add({DocumentOutcome.DEFERRED: len(hits) - self._handled})

    def _fail_large(self, hits: Sequence[Hit], writer: Writer) -> Sequence[Hit]:
        """Fail the documents above the byte limit without a request. Return the others."""
        large = [hit for hit in hits if hit.too_large]
        if not large:
            return hits
        limit = megabytes(self._shared.watch.settings.page_bytes)
        error = DocumentError(
            TOO_LARGE,
            f"the fields that the model reads are larger than {limit}, so they were not read; send only what the model "
            f"needs or raise OVERSIGHT_WATCH_PAGE_BYTES and run {hints.run('retry')}",
        )
        safe = self._quarantine_unsafe(large)
        if safe:
            self._submit(writer, safe, [error] * len(safe), time.monotonic())
        return [hit for hit in hits if not hit.too_large]

    def _quarantine_unsafe(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Quarantine the documents that a prediction would damage. Return the others."""
        paths = [in_the_way(hit) for hit in hits]
        unsafe = [(hit, path) for hit, path in zip(hits, paths, strict=True) if path is not None]
        if not unsafe:
            return hits
        self._totals.add({DocumentOutcome.REJECTED: len(unsafe)})
        self._handled += len(unsafe)
        now_s = time.monotonic()
        report_quarantined(
            [
                (hit, path)
                for hit, path in unsafe
                if self._memory.quarantine(hit, now_s, reason=f"{path} is a list or a value, expected an object")
            ],
            "a prediction would replace a list or a value with an object in",
            f"rename that field, or index them through the pipeline of {hints.run('provision')}",
        )
        return [hit for hit, path in zip(hits, paths, strict=True) if path is None]

    def _run_in_parts(self, hits: Sequence[Hit], writer: Writer) -> None:
        start = 0
        while start < len(hits) and not (start and self._stop.is_set()):
            size = self.size
            self._run_one(hits[start : start + size], writer)
            start += size

    def _run_one(self, hits: Sequence[Hit], writer: Writer) -> None:
        began_s = time.monotonic()
        results = self._ask(hits)
        if results is not None:
            self._submit(writer, hits, results, began_s)
        elif len(hits) > 1:
            half = len(hits) // 2
            for part in (hits[:half], hits[half:]):
                if not self._stop.is_set():
                    self._run_one(part, writer)

    def _submit(self, writer: Writer, hits: Sequence[Hit], results: Sequence[Result], began_s: float) -> None:
        writer.submit(Batch(hits, results, self._current(), began_s))
        self._handled += len(hits)

    def _ask(self, hits: Sequence[Hit]) -> Sequence[Result] | None:
        """Return a result per document. None: try fewer now; a single document was quarantined and stays pending."""
        model = self._current()
        try:
            response = self._client.enrich(
                [hit.id for hit in hits], features([hit.source for hit in hits], model.fields)
            )
        except RequestFailedError as error:
            self._bisection.failed(hits, error)
            return None
        except TooManyRequestsError:
            self.throttle.failed(len(hits))
            raise
        self._bisection.answered()
        if not isinstance(response, Refused):
            self._batch_size.worked(len(hits))
            self._shared.facts.breaker.answered()
            self._shared.facts.page_size = self.size
            self._shared.facts.model = self._model = self._models.follow(model, response.model)
            return response.results
        if len(hits) > 1:
            if response.status == 413:
                self._batch_size.refused(len(hits))
            return None
        self._require_control(response)
        return [DocumentError(response.type, response.message)]

    def _current(self) -> Model:
        return self._model or self._models.prepare()

    def _require_control(self, refused: Refused) -> None:
        """Check that the service accepts an empty document. Only then the refused document is the cause.

        Raises:
            ProtocolError: the service refuses every document.
        """
        if isinstance(self._client.enrich([CONTROL_ID], [{}]), Refused):
            raise ProtocolError(
                f"the enrich service at {self._client.url} refuses every request ({refused.status} {refused.type}); "
                f"nothing was written, check its version and OVERSIGHT_ENRICH_URL"
            )
