"""What the fields of a model's documents mean, for the lists of fields in Kibana.

FIELDS ──▶ without those of other tasks ──▶ with the contract's own event words, dataset and unit
"""

from __future__ import annotations

from collections.abc import Mapping

from contract.artifact.contract import EventWords, ModelContract
from contract.documents.datasets import event_dataset
from contract.documents.fields import FIELDS
from kibana.panels.words import is_about_network

TASKS = {"value": "regression", "score": "anomaly"}
"""The task of the fields `oversight.prediction.NAME` and `oversight.shadow.NAME`."""
LABELS = "oversight.prediction.labels"
OUTSIDE_OF_NETWORKS = {
    "@timestamp": "when it happened; the arrival time if the shipper sent none",
    "event.duration": "how long it took, in nanoseconds",
    "event.severity": "0 for a harmless verdict, else up to 100",
    "observer.name": "sensor that saw it",
    "user.id": "whom the event is about; the file's stem if `ship` sent it",
}
"""Meanings in place of those that speak of connections."""


def meanings_of(contract: ModelContract) -> Mapping[str, str]:
    """The meaning of each field that is not one of the model's inputs, by name; objects are left out."""
    found = {field.name: field.meaning for field in FIELDS if field.kind != "object" and _has(contract, field.name)}
    dataset = event_dataset(contract.dataset)
    found |= {"event.dataset": dataset, "data_stream.dataset": dataset, **_event_words(contract.event)}
    if not is_about_network(contract):
        found |= OUTSIDE_OF_NETWORKS
    if contract.value is not None and contract.value.unit:
        found["oversight.prediction.value"] = f"what the model predicts, in {contract.value.unit}"
    return found


def _has(contract: ModelContract, name: str) -> bool:
    """Whether the documents of this model can have the field."""
    if name == LABELS:
        return contract.several_labels
    root, _, leaf = name.rpartition(".")
    if root in ("oversight.prediction", "oversight.shadow") and leaf in TASKS:
        return contract.task == TASKS[leaf]
    return True


def _event_words(event: EventWords) -> Mapping[str, str]:
    words = {
        "event.category": (event.category, event.alert_category),
        "event.type": (event.type, event.alert_type),
    }
    return {name: _words(usual, of_alert) for name, (usual, of_alert) in words.items()}


def _words(usual: tuple[str, ...], of_alert: tuple[str, ...]) -> str:
    """Such as `network; an alert adds intrusion_detection`."""
    if set(usual) <= set(of_alert):
        more = [word for word in of_alert if word not in usual]
        added = f"an alert adds {', '.join(more)}" if more else ""
    else:
        added = f"of an alert {', '.join(of_alert) or 'none'}"
    return "; ".join(filter(None, [", ".join(usual), added])) or "none"
