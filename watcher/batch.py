"""One batch: from hits that were read to results that are handed to the writer.

hits ──▶ above the byte limit? ──▶ `failed`, without a request
hits ──▶ enrich ──▶ Enriched ──▶ Writer, which writes while the next are enriched
             ├────▶ Refused ──▶ two halves, each a batch; a single document that is refused alone is `failed`
             └────▶ failure, again and again ──▶ two halves; a single document that fails alone is parked, and pending
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
from watcher.enrich.bisect import CONTROL_ID, Blame
from watcher.enrich.client import EnrichClient, Refused, RequestFailedError, TooManyRequestsError
from watcher.enrich.responses import Model, Result
from watcher.read.features import features
from watcher.read.hit import Hit
from watcher.totals import DocumentOutcome
from watcher.write.actions import in_the_way
from watcher.write.bulk import Written
from watcher.write.writer import Batch, Shared, Writer, report_parked

TOO_LARGE = "document_too_large"
"""`error.type` of a document above the byte limit."""


class Batches:
    """Enriches the pages of one lane; knows how many documents go into one request.

    Args:
        client: the enrich service.
        models: which model answers.
        shared: what all lanes know together.
    """

    def __init__(self, client: EnrichClient, models: ActiveModel, shared: Shared) -> None:
        self._client, self._models, self._shared = client, models, shared
        self._memory, self._totals, self._stop = shared.memory, shared.totals, shared.stop
        self.pace = BatchSize(shared.config.settings.page_size)
        self.throttle = BatchSize(shared.config.settings.page_size)
        """What overload says of the size, of either server; `pace` is what refusals and failures say."""
        self._blame = Blame(client, shared.memory, self.pace, stop=shared.stop, backoff=shared.backoff)
        self._asked: Model | None = None
        self._handled = 0

    @property
    def size(self) -> int:
        """Documents in the next request."""
        return min(self.pace.size, self.throttle.size)

    def new_round(self, model: Model) -> None:
        """Pages with the fields of this model follow."""
        self._asked = model
        self.pace.new_round()

    def run(self, hits: Sequence[Hit], writer: Writer) -> None:
        """Enrich some documents and hand them to the writer; what is not handed on is counted here.

        Raises:
            ServerError: a server's fault. What is not handed on by then stays pending and is counted as deferred.
        """
        self._handled = 0
        readable = self._refuse_large(hits, writer)
        writable = self._spare(readable)
        alone = [hit for hit in writable if self._memory.unanswered(hit)]
        together = [hit for hit in writable if not self._memory.unanswered(hit)] if alone else writable
        self.pace.new_page()
        try:
            self._run_in_parts(together, writer)
            for hit in alone:
                if not self._stop.is_set():
                    self._run_one([hit], writer)
        finally:
            self._totals.add([DocumentOutcome.DEFERRED] * (len(hits) - self._handled))

    def _count(self, outcome: DocumentOutcome, count: int) -> None:
        self._totals.add([outcome] * count)
        self._handled += count

    def _refuse_large(self, hits: Sequence[Hit], writer: Writer) -> Sequence[Hit]:
        """Fail the documents that are above the byte limit; returns the others. The service is not asked about
        those.
        """
        large = [hit for hit in hits if hit.too_large]
        if not large:
            return hits
        limit = megabytes(self._shared.config.settings.page_bytes)
        refusal = DocumentError(
            TOO_LARGE,
            f"the fields that the model reads are larger than {limit}, so they were not read; send only what the model "
            f"needs or raise OVERSIGHT_WATCH_PAGE_BYTES and run {hints.run('retry')}",
        )
        spared = self._spare(large)
        if spared:
            writer.submit(Batch(spared, [refusal] * len(spared), self._model(), time.monotonic()))
            self._handled += len(spared)
        return [hit for hit in hits if not hit.too_large]

    def _spare(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Park the documents that a prediction would damage; returns the others."""
        found = [(hit, in_the_way(hit)) for hit in hits]
        harmed = [(hit, Written(DocumentOutcome.REJECTED, reason=path)) for hit, path in found if path is not None]
        if not harmed:
            return hits
        self._count(DocumentOutcome.REJECTED, len(harmed))
        now_s = time.monotonic()
        new = [
            (hit, written)
            for hit, written in harmed
            if self._memory.park(hit, now_s, reason=f"{written.reason} is a list or a value, expected an object")
        ]
        report_parked(
            new,
            "a prediction would replace a list or a value with an object in",
            f"rename that field, or index them through the pipeline of {hints.run('provision')}",
        )
        return [hit for hit, path in found if path is None]

    def _run_in_parts(self, hits: Sequence[Hit], writer: Writer) -> None:
        start = 0
        while start < len(hits) and not (start and self._stop.is_set()):
            size = self.size
            self._run_one(hits[start : start + size], writer)
            start += size

    def _run_one(self, hits: Sequence[Hit], writer: Writer) -> None:
        began_s = time.monotonic()
        results = self._ask(hits)
        if results is None:
            self._run_halves(hits, writer)
            return
        writer.submit(Batch(hits, results, self._model(), began_s))
        self._handled += len(hits)

    def _run_halves(self, hits: Sequence[Hit], writer: Writer) -> None:
        if len(hits) == 1:  # parked
            self._count(DocumentOutcome.DEFERRED, 1)
            return
        half = len(hits) // 2
        for part in (hits[:half], hits[half:]):
            if not self._stop.is_set():
                self._run_one(part, writer)

    def _ask(self, hits: Sequence[Hit]) -> Sequence[Result] | None:
        """A result for each document; None: ask for less at once, or for nothing where one document was asked for."""
        asked = self._model()
        try:
            answer = self._client.enrich([hit.id for hit in hits], features([hit.source for hit in hits], asked.fields))
        except RequestFailedError as fault:
            self._blame.failed(hits, fault)
            return None
        except TooManyRequestsError:
            self.throttle.failed(len(hits))
            raise
        self._blame.answered()
        if not isinstance(answer, Refused):
            self._worked(len(hits))
            self._asked = self._models.follow(asked, answer.model)
            self._shared.facts.model = self._asked
            return answer.results
        if len(hits) > 1:
            if answer.status == 413:
                self.pace.refused(len(hits))
            return None
        self._blame_the_document(answer)
        return [DocumentError(answer.type, answer.message)]

    def _model(self) -> Model:
        return self._asked or self._models.prepare()

    def _worked(self, count: int) -> None:
        self.pace.worked(count)
        self._shared.facts.breaker.answered()
        self._shared.facts.page_size = self.size

    def _blame_the_document(self, refused: Refused) -> None:
        """A refusal is the document's own fault only if the service takes another one.

        Raises:
            ProtocolError: it refuses an empty document just so, hence it would refuse any.
        """
        if isinstance(self._client.enrich([CONTROL_ID], [{}]), Refused):
            raise ProtocolError(
                f"the enrich service at {self._client.url} refuses every request ({refused.status} {refused.type}); "
                f"nothing was written, check its version and OVERSIGHT_ENRICH_URL"
            )
