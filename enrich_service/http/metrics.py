"""The metrics of the service: counters of all workers together, and how far the input has drifted.

    request ends ──────▶ requests, duration, refusals ┐
    page enriched ─────▶ documents, failures ...      ├─▶ a file for each worker ──▶ GET /metrics: their sum
    page predicted ────▶ predictions, warnings, drift ┘      in one folder            (any worker responds)

prometheus_client chooses between memory and files when it is imported, by the variable PROMETHEUS_MULTIPROC_DIR. The
server sets it before a worker imports this module. The labels of every metric come from a bounded set: declared routes,
error types, the contract. docs/metrics.md describes every metric, and a test compares the two.
"""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import UNKNOWN_LABEL
from enrich_service.predict.cache import Known
from enrich_service.predict.drift import Drift

PREFIX = "oversight_enrich"
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCHES = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
OTHER = "other"
"""The route of every unknown path: a client could invent any number of labels."""


class Metrics(Collector):
    """The metrics of one worker, and the page with the sum of all workers.

    Args:
        folder: folder that the workers of a service share; None: there is only this process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        r = self._page = CollectorRegistry()
        if folder is not None:  # the page then comes from the files of all workers
            r = CollectorRegistry()
            MultiProcessCollector(self._page, str(folder))  # type: ignore[no-untyped-call]  # it has no types
        self._page.register(self)
        self.requests = Counter("requests", "Requests answered.", ("route", "status"), PREFIX, registry=r)
        self.duration = Histogram(
            "request_duration_seconds",
            "Time from the head of a request to its answer.",
            ("route",),
            PREFIX,
            registry=r,
            buckets=SECONDS,
        )
        self.refusals = Counter(
            "refusals", "Requests answered with an error, by its type.", ("error_type",), PREFIX, registry=r
        )
        self.in_flight = Gauge(
            "requests_in_flight", "Requests being worked on.", (), PREFIX, registry=r, multiprocess_mode="livesum"
        )
        self.waiting = Gauge(
            "requests_waiting",
            "Connections whose request waits for a thread.",
            (),
            PREFIX,
            registry=r,
            multiprocess_mode="livesum",
        )
        self.documents = Counter("documents", "Documents answered, failed ones included.", (), PREFIX, registry=r)
        self.failures = Counter(
            "document_failures", "Documents that got an error, by its type.", ("error_type",), PREFIX, registry=r
        )
        self.batch = Histogram("batch_documents", "Documents in one request.", (), PREFIX, registry=r, buckets=BATCHES)
        self.predictions = Counter("predictions", "Verdicts, by label.", ("label",), PREFIX, registry=r)
        self.novel = Counter(
            "novel_documents", "Documents whose novelty is above the threshold.", (), PREFIX, registry=r
        )
        self.again = Counter(
            "cached_documents", "Documents answered from the cache of equal rows.", (), PREFIX, registry=r
        )
        self.warnings = Counter("warnings", "Warnings of predictions.", ("warning",), PREFIX, registry=r)
        self.shadow = Counter(
            "shadow_comparisons",
            "Verdicts of the active model and of its shadow.",
            ("label", "shadow_label"),
            PREFIX,
            registry=r,
        )
        self.restarts = Counter("worker_restarts", "Workers started to replace another one.", (), PREFIX, registry=r)
        self._model: ModelCounts | None = None
        # `labels` takes longer than counting
        self._requests_of, self._duration_of = cache(self.requests.labels), cache(self.duration.labels)

    def serves(self, contract: ModelContract, version: str) -> ModelCounts:
        """Return the counters of a model that is served from now on; drift is measured against this contract."""
        self._model = ModelCounts(self, contract, version)
        return self._model

    def request_began(self) -> None:
        """Count a request in flight."""
        self.in_flight.inc()

    def request_ended(self, route: str, status: int, duration_s: float, error_type: str | None) -> None:
        """Count a request that has its response; `error_type` if it was refused as a whole."""
        self.in_flight.dec()
        if error_type is not None:
            self.refusals.labels(error_type).inc()
        self._requests_of(route, str(status)).inc()
        self._duration_of(route).observe(duration_s)

    def page_ended(self, documents: int, failures: Mapping[str, int]) -> None:
        """Count a page that was enriched; `failures` by error type."""
        self.documents.inc(documents)
        self.batch.observe(documents)
        for error_type, count in failures.items():
            self.failures.labels(error_type).inc(count)

    def compared(self, pairs: Mapping[tuple[str, str], int]) -> None:
        """Count the verdicts of a page together with those of the shadow; `model_info` has the versions."""
        for (label, shadow_label), count in pairs.items():
            self.shadow.labels(label, shadow_label).inc(count)

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._page)

    def collect(self) -> Iterable[Metric]:
        """Compute the model, the drift and the processes when Prometheus asks."""
        if self._model is not None:
            yield from self._model.families()
        yield from processes()


class ModelCounts:
    """Counts the predictions of one model; a request in flight keeps its model's counters after a switch."""

    def __init__(self, metrics: Metrics, contract: ModelContract, version: str) -> None:
        self._metrics, self._name, self._version = metrics, contract.name, version
        names = [label.name for label in contract.labels]
        self._of_label = {name: metrics.predictions.labels(name) for name in (*names, UNKNOWN_LABEL)}
        self._has_harmless = any(label.severity == 0 for label in contract.labels)
        """Whether the drift is computed from harmless documents only; from all if no label is harmless."""
        self._drift = Drift(contract, version, metrics.folder, os.getpid())

    def __call__(self, documents: Sequence[Known], n_cached: int) -> None:
        """Count the verdicts of a page, and the values of its documents."""
        metrics = self._metrics
        for kind, count in Tally([known.kind for known in documents]).items():
            self._of_label[kind.label].inc(count)
            if kind.unknown:
                metrics.novel.inc(count)
        warnings = [known.fields.oversight.prediction.warnings for known in documents]
        for warning, count in Tally(text for texts in warnings if texts for text in texts).items():
            metrics.warnings.labels(warning).inc(count)
        if n_cached:
            metrics.again.inc(n_cached)
        self._drift.add([known.row for known in documents if known.kind.harmless or not self._has_harmless])

    def families(self) -> Iterable[Metric]:
        """The model, and the drift of its input."""
        yield InfoMetricFamily(f"{PREFIX}_model", "The model in use.", {"id": self._name, "version": self._version})
        documents, psi = self._drift.psi()
        yield GaugeMetricFamily(
            f"{PREFIX}_drift_documents", "Documents of the last 24 hours from which the drift is computed.", documents
        )
        drift = GaugeMetricFamily(
            f"{PREFIX}_input_drift_psi",
            "Population stability index of a feature against training, or against the site's profile.",
            labels=["feature"],
        )
        for field, value in psi.items():
            drift.add_metric([field], value)
        yield drift


def processes() -> Iterable[Metric]:
    """Memory and processor time of all workers, if the system has /proc."""
    memory = GaugeMetricFamily(f"{PREFIX}_resident_memory_bytes", "Resident memory of a worker.", labels=["worker"])
    cpu = CounterMetricFamily(f"{PREFIX}_cpu_seconds", "Processor time of a worker.", labels=["worker"])
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for worker in _workers():
        try:
            fields = Path(f"/proc/{worker}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            continue  # the worker has ended
        memory.add_metric([worker], int(fields[21]) * page)
        cpu.add_metric([worker], (int(fields[11]) + int(fields[12])) / ticks)
    return memory, cpu


def _workers() -> list[str]:
    """Process ids of the workers: the children of our parent."""
    parent = os.getppid()
    try:
        return Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()
    except OSError:
        return [str(os.getpid())]
