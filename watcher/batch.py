"""One batch: from hits that were read to outcomes that are counted.

hits ──▶ enrich ──▶ Answer ──▶ actions ──▶ bulk ──▶ outcomes
             ├────▶ Refused ──▶ two halves, each a batch; a single document that is refused alone is `failed`
             └────▶ failure, again and again ──▶ two halves; a single document that fails alone is parked, and pending
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from contract.errors import EndpointUnavailableError, ProtocolError, ServerError
from watcher.actions import action, in_the_way
from watcher.answers import Model, Refusal, Result
from watcher.backoff import Backoff
from watcher.blame import CONTROL_ID, Blame, name_some
from watcher.config import Outcome, Totals, WatchConfig
from watcher.enrich_client import EnrichClient, Refused, RequestFailedError
from watcher.memory import Memory
from watcher.pace import Pace
from watcher.poll import Hit
from watcher.update import Report, Written, send

log = logging.getLogger(__name__)


class ModelChangedError(ServerError):
    """Another model answers, which reads other fields than were fetched: nothing was written, the page is read anew."""


class Batches:
    """Enriches and writes batches; knows the model that answers and how many documents go into one request."""

    def __init__(
        self, es: Elasticsearch, client: EnrichClient, config: WatchConfig, *, memory: Memory, totals: Totals,
        stop: threading.Event, rng: random.Random | None = None,
    ) -> None:  # fmt: skip
        self._es, self._client, self._config = es, client, config
        self._memory, self._totals, self._stop, self._rng = memory, totals, stop, rng
        self.model: Model | None = None
        self.pace = Pace(config.page_size)
        self._blame = Blame(client, memory, self.pace, stop=stop, backoff=self._backoff)

    def prepare(self) -> Model:
        """The model whose fields a page must hold; asks the service when it is not known."""
        if self.model is None:
            self.model = self._client.model()
        return self.model

    def run(self, hits: Sequence[Hit]) -> None:
        """Enrich and write some documents; each is counted under one outcome.

        Raises:
            ServerError: a server's fault. What is not written by then stays pending and is counted as deferred.
        """
        counted = self._totals.documents
        writable = self._spare(hits)
        alone = [hit for hit in writable if self._memory.unanswered(hit)]
        together = [hit for hit in writable if not self._memory.unanswered(hit)]
        self.pace.new_page()
        try:
            self._run_in_parts(together)
            for hit in alone:
                if not self._stop.is_set():
                    self._run_one([hit])
        finally:
            left = len(hits) - (self._totals.documents - counted)
            self._totals.add([Outcome.DEFERRED] * left)

    def _spare(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Park the documents that a prediction would damage; returns the others."""
        found = [(hit, in_the_way(hit)) for hit in hits]
        harmed = [(hit, Written(Outcome.REJECTED, reason=path)) for hit, path in found if path is not None]
        if not harmed:
            return hits
        self._totals.add([Outcome.REJECTED] * len(harmed))
        now_s = time.monotonic()
        new = [(hit, written) for hit, written in harmed if self._memory.park(hit, now_s)]
        _report_parked(
            new, "a prediction would replace a list or a value with an object of ours in",
            "rename that field, or index them through the pipeline of `oversight provision`",
        )  # fmt: skip
        return [hit for hit, path in found if path is None]

    def _run_in_parts(self, hits: Sequence[Hit]) -> None:
        start = 0
        while start < len(hits) and not (start and self._stop.is_set()):
            size = self.pace.size
            self._run_one(hits[start : start + size])
            start += size

    def _run_one(self, hits: Sequence[Hit]) -> None:
        started_s = time.monotonic()
        results = self._ask(hits)
        if results is None:
            self._run_halves(hits)
            return
        now = datetime.now(UTC)
        actions = [action(hit, result, now=now) for hit, result in zip(hits, results, strict=True)]
        report = send(self._es, actions, backoff=self._backoff(), stop=self._stop)
        self._account(hits, results, report, time.monotonic() - started_s)
        if report.fault is not None:
            raise report.fault

    def _run_halves(self, hits: Sequence[Hit]) -> None:
        if len(hits) == 1:  # parked
            self._totals.add([Outcome.DEFERRED])
            return
        half = len(hits) // 2
        for part in (hits[:half], hits[half:]):
            if not self._stop.is_set():
                self._run_one(part)

    def _ask(self, hits: Sequence[Hit]) -> Sequence[Result] | None:
        """A result for each document; None: ask for less at once, or for nothing where one document was asked for."""
        model = self.prepare()
        roots = {field.split(".")[0] for field in model.fields}
        try:
            answer = self._client.enrich([hit.id for hit in hits], [_features(hit.source, roots) for hit in hits])
        except RequestFailedError as fault:
            self._blame.failed(hits, fault)
            return None
        self._blame.answered()
        if not isinstance(answer, Refused):
            self.pace.worked(len(hits))
            self._follow(model, answer.model)
            return answer.results
        if len(hits) > 1:
            if answer.status == 413:
                self.pace.refused(len(hits))
            return None
        self._blame_the_document(answer)
        return [Refusal(answer.type, answer.message, None)]

    def _follow(self, asked: Model, answered: Model) -> None:
        """Keep up with a service that was started with another model."""
        if (asked.id, asked.version) == (answered.id, answered.version):
            return
        self.model = self._client.model()
        log.info(
            "the model is now %s %s", self.model.id, self.model.version,
            extra={"event.action": "follow-model", "oversight.model.id": self.model.id, "oversight.model.version": self.model.version},
        )  # fmt: skip
        if set(self.model.fields) != set(asked.fields):
            raise ModelChangedError(
                f"model {answered.id} {answered.version} reads other fields than {asked.id} {asked.version}; reading the page anew"
            )

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

    def _account(self, hits: Sequence[Hit], results: Sequence[Result], report: Report, took_s: float) -> None:
        """Remember, count and log what became of a batch."""
        self._remember(hits, report.written)
        outcomes = [written.outcome for written in report.written]
        self._totals.add(outcomes)
        self._totals.batches += 1
        self._log(Counter(outcomes), results, took_s)

    def _remember(self, hits: Sequence[Hit], ends: Sequence[Written]) -> None:
        now_s = time.monotonic()
        refused: list[tuple[Hit, Written]] = []
        denied: list[tuple[Hit, Written]] = []
        for hit, written in zip(hits, ends, strict=True):
            if written.seq_no is not None:
                self._memory.wrote(hit, written.seq_no, now_s)
            elif written.outcome is Outcome.REJECTED:
                refused += [(hit, written)] if self._memory.park(hit, now_s) else []
            elif written.outcome in (Outcome.CONFLICT, Outcome.GONE) and self._memory.lost(hit, now_s):
                denied += [(hit, written)] if self._memory.park(hit, now_s) else []
        _report_parked(
            refused, "Elasticsearch refuses to update", "compare its mapping with the one of `oversight provision`"
        )
        _report_parked(
            denied, "Elasticsearch shows and yet denies to have", "look at their routing and at the health of the index"
        )

    def _log(self, counts: Mapping[Outcome, int], results: Sequence[Result], took_s: float) -> None:
        model = self.prepare()
        refusals = Counter(result.type for result in results if isinstance(result, Refusal))
        whole = counts.get(Outcome.DEFERRED, 0) + counts.get(Outcome.REJECTED, 0) == 0
        fields: dict[str, Any] = {
            "event.action": "enrich-batch",
            "event.outcome": "success" if whole else "failure",
            "event.duration": round(took_s * 1e9),
            "oversight.model.id": model.id,
            "oversight.model.version": model.version,
            "watcher.batch.size": len(results),
            **{f"watcher.batch.{outcome}": count for outcome, count in counts.items()},
            **{f"watcher.batch.refusals.{kind}": count for kind, count in refusals.items()},
        }
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        log.info("batch of %d: %s in %.0f ms", len(results), said, took_s * 1000, extra=fields)

    def _backoff(self) -> Backoff:
        return Backoff(self._config.backoff_s, self._config.max_backoff_s, rng=self._rng)


def retry_after_s(fault: ServerError) -> float | None:
    """Seconds that the server at fault asked us to wait."""
    return fault.retry_after_s if isinstance(fault, EndpointUnavailableError) else None


def _features(source: Mapping[str, Any], roots: set[str]) -> dict[str, Any]:
    """What the service needs of a document: nothing under roots that no feature stands under."""
    return {key: value for key, value in source.items() if key.split(".", 1)[0] in roots}


def _report_parked(parked: Sequence[tuple[Hit, Written]], what: str, advice: str) -> None:
    """One line, by ids: what is in the documents stays out of the log."""
    if not parked:
        return
    reasons = ", ".join(sorted({written.reason for _, written in parked}))
    log.error(
        "%s %d documents (%s): %s; they stay pending and are tried again later, %s",
        what, len(parked), reasons, name_some([hit for hit, _ in parked]), advice,
        extra={"event.action": "park", "event.outcome": "failure", "watcher.parked": len(parked)},
    )  # fmt: skip
