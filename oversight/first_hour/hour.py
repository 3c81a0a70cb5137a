"""Count what a model says about one hour of traffic, in constant memory.

flows, by their ends ──▶ batches ──▶ the service's own reader and predictor ──▶ counts
(until one hour after the first)                    └─ harmless ──▶ sample of rows
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import orjson
from numpy.typing import NDArray

from contract.errors import InputError
from contract.kdd99.columns import COLUMNS, ROOT
from enrich_service.model.artifact import Artifact
from enrich_service.predict.features import FeatureReader
from enrich_service.predict.predict import Predictions, Predictor
from oversight.first_hour.sample import Sample

if TYPE_CHECKING:
    from sensor.stream import Sensed

HOUR_S = 3600.0
BATCH = 2_000
"""Flows that are predicted together."""
MOST_SOURCES = 100_000
"""Pairs of label and source that are counted; a flood of forged addresses would fill the memory."""
_SERVICE = COLUMNS.index("service")


@dataclass(slots=True)
class Hour:
    """What a model says about an hour of traffic."""

    sample: Sample
    """Features of connections whose closest label is harmless, as for the service's drift."""
    is_whole: bool = False
    """There was traffic after this hour."""
    connections: int = 0
    predicted: int = 0
    approximate: int = 0
    """Connections with a feature that the source knows only approximately."""
    first_error: str = ""
    """Why the first connection without a prediction has none."""
    since_s: float = 0.0
    """End of the first connection, in seconds since 1970."""
    until_s: float = 0.0
    novel: int = 0
    """Connections whose novelty is above the threshold, whatever their label."""
    unknown: int = 0
    """Those of them whose closest label is harmless."""
    alerts: Counter[str] = field(default_factory=Counter)
    """By label."""
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Alerts by label and source address."""
    services: Counter[str] = field(default_factory=Counter)
    novel_services: Counter[str] = field(default_factory=Counter)


def first_hour(sensed: Iterable[Sensed], artifact: Artifact) -> Hour:
    """Predict the traffic until one hour after the end of the first connection; all of it if it is shorter.

    Raises:
        InputError: there is no connection, or none has the features that the model needs.
        ArtifactError: the model predicts nothing at all.
    """
    contract = artifact.contract
    reader, predictor = FeatureReader(contract), Predictor(artifact, warnings=False)
    hour = Hour(Sample(len(contract.numeric), len(contract.categorical)))
    labels = [label.name for label in contract.labels]
    arriving = _until_the_end(hour, sensed)
    while flows := list(islice(arriving, BATCH)):
        rows = reader.read([_features_of(each) for each in flows])
        predictions = predictor.predict(rows) if len(rows.index) else None
        errors = rows.errors if predictions is None else predictions.rows.errors
        if errors and not hour.first_error:
            hour.first_error = str(errors[min(errors)])
        _count(hour, flows, predictions, labels)
    if not hour.connections:
        raise InputError("there is no connection to report on; name a file, an index or an interface with some traffic")
    if not hour.predicted:
        raise InputError(f"the model {contract.name} could predict none of the connections: {hour.first_error}")
    return hour


def _until_the_end(hour: Hour, sensed: Iterable[Sensed]) -> Iterator[Sensed]:
    end_s: float | None = None
    for each in sensed:
        if end_s is None:
            end_s = each.flow.ended_s + HOUR_S
        elif each.flow.ended_s > end_s:
            hour.is_whole = True
            return
        yield each


def _features_of(sensed: Sensed) -> bytes:
    """The columns that the source knows, as a document has them."""
    columns = dict(zip(COLUMNS, sensed.columns, strict=True))
    for name in sensed.unavailable:
        del columns[name]
    return orjson.dumps({ROOT: columns})


def _count(hour: Hour, flows: Sequence[Sensed], predictions: Predictions | None, labels: Sequence[str]) -> None:
    ends = [each.flow.ended_s for each in flows]
    hour.since_s = min(ends) if not hour.connections else min(hour.since_s, *ends)
    hour.until_s = max(hour.until_s, *ends)
    hour.connections += len(flows)
    hour.approximate += sum(bool(each.approximate) for each in flows)
    if predictions is None:
        return
    predicted = [flows[place] for place in predictions.rows.index.tolist()]
    services = [str(each.columns[_SERVICE]) for each in predicted]
    hour.predicted += len(predicted)
    hour.services.update(services)
    hour.novel_services.update(services[row] for row in np.flatnonzero(predictions.novel).tolist())
    hour.novel += int(predictions.novel.sum())
    hour.unknown += int(predictions.unknown.sum())
    for row in np.flatnonzero(predictions.attack).tolist():
        label, source = labels[predictions.closest[row]], predicted[row].flow.source
        hour.alerts[label] += 1
        if (label, source) in hour.sources or len(hour.sources) < MOST_SOURCES:
            hour.sources[label, source] += 1
    harmless: NDArray[np.bool_] = ~predictions.attack
    hour.sample.add(predictions.rows.numeric[harmless], predictions.rows.categorical[harmless])
