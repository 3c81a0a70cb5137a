"""The document's fields. This is the only place with their names and types; mappings and checks are built from it.

A field of ECS has its ECS name and type; the others are below `oversight.*`. The model's inputs (`kdd99.*`) are not
here. They come from the artifact's contract (`contract.artifact.contract`), because another model has other inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from contract.documents.datasets import CONNECTION, event_dataset

Kind = Literal["keyword", "long", "float", "date", "ip", "boolean", "object"]
"""`object` is stored but not indexed (`enabled: false`)."""

PENDING, ENRICHED, FAILED = "pending", "enriched", "failed"
STATUS = "oversight.status"
TRUTH = "oversight.truth.label"
UNAVAILABLE, APPROXIMATE = "oversight.sensor.unavailable", "oversight.sensor.approximate"
PREDICTED_LABEL = "oversight.prediction.label"
MODEL_ID, MODEL_VERSION = "oversight.model.id", "oversight.model.version"

SUPPRESSED, SUPPRESSED_BY = "oversight.suppressed", "oversight.suppressed_by"

ECS_VERSION = "8.17.0"
"""Version of the Elastic Common Schema that each document states."""
IGNORE_ABOVE = 8191
"""Longest keyword that is indexed, in characters: 8191 x 4 bytes of UTF-8 stay below Lucene's limit of 32766 bytes."""

ENRICH_ROOTS = (
    "event.kind",
    "event.category",
    "event.type",
    "event.severity",
    "event.risk_score",
    "rule",
    "threat",
    "oversight.prediction",
    "oversight.model",
    "oversight.shadow",
)
"""The fields that the enrich service may write. A field of its response outside of them is refused."""

ALERT_ROOT = "oversight.alert"
"""In an index that is not ours, the watcher writes `event`, `rule` and `threat` below this root instead."""

GUARD_PIPELINE = "oversight-router-"
"""Start of the name of the pipeline that guards our fields, as a stream's final pipeline."""
DEFAULT_PIPELINE, FINAL_PIPELINE = "index.default_pipeline", "index.final_pipeline"
"""The index settings that name the pipelines which a write runs through."""
NO_PIPELINE = "_none"
"""The engine's name for no pipeline, in these settings and in a request."""
SHIPPED_FIELDS = ("rule", "threat", "error", "event.severity", "event.risk_score")
"""Fields that only Oversight writes. What a shipper sends in them is moved to `oversight.shipped.*`."""

RESERVED = frozenset(
    {
        "@timestamp",
        "message",
        "tags",
        "csv",
        "ecs",
        "data_stream",
        "error",
        "oversight",
        "rule",
        "threat",
        "event.original",
        "event.ingested",
        "event.created",
        "event.kind",
        "event.category",
        "event.type",
        "event.module",
        "event.dataset",
        "event.severity",
        "event.risk_score",
        "kdd99.difficulty",
    }
)
"""Fields that Oversight writes in every document. A feature's field cannot be one of these or below one."""

DERIVED_FROM_KDD = frozenset(
    {
        "event.duration",
        "network.transport",
        "network.protocol",
        "network.bytes",
        "source.bytes",
        "destination.bytes",
    }
)
"""Fields that the pipelines also write if a model reads columns of KDD Cup 99 and the line does not bring them."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the stored document."""

    name: str
    kind: Kind
    meaning: str
    indexed: bool = True
    """False for a field that is only shown (`event.original`): neither indexed nor in doc values."""


FIELDS: tuple[Field, ...] = (
    Field("@timestamp", "date", "when the connection happened; the arrival time if the shipper sent none"),
    Field("tags", "keyword", "the shipper's own tags"),
    Field("ecs.version", "keyword", "version of the Elastic Common Schema that the document follows"),
    Field("event.original", "keyword", "the raw line as it came", indexed=False),
    Field("event.ingested", "date", "arrival in Elasticsearch; the watcher's order"),
    Field("event.created", "date", "when the shipper read the event"),
    Field("event.kind", "keyword", "event, alert or pipeline_error"),
    Field("event.category", "keyword", "from the contract: network, and on an alert intrusion_detection too"),
    Field("event.type", "keyword", "from the contract: connection, and on an alert info too"),
    Field("event.module", "keyword", "oversight"),
    Field("event.dataset", "keyword", "oversight.connection"),
    Field("event.id", "keyword", "the source's own id of the record, such as Zeek's uid"),
    Field("event.start", "date", "first packet"),
    Field("event.end", "date", "last packet"),
    Field("event.duration", "long", "length of the connection in nanoseconds"),
    Field("event.severity", "long", "0 for a normal connection, else 21 low, 47 medium, 73 high, 99 critical"),
    Field("event.risk_score", "float", "0 to 100: the severity weighted by the probability"),
    Field("data_stream.type", "keyword", "logs"),
    Field("data_stream.dataset", "keyword", "oversight.connection"),
    Field("data_stream.namespace", "keyword", "the installation"),
    Field("host.name", "keyword", "machine that the shipper ran on"),
    Field("observer.name", "keyword", "sensor that saw the connection"),
    Field("user.id", "keyword", "whose traffic it is; the file's stem with `oversight ship`"),
    Field("user.name", "keyword", "name of that user, if the shipper knows it"),
    Field("source.ip", "ip", "address that opened the connection"),
    Field("source.port", "long", "its port"),
    Field("source.bytes", "long", "bytes from source to destination"),
    Field("source.packets", "long", "packets from source to destination"),
    Field("destination.ip", "ip", "address that was connected to"),
    Field("destination.port", "long", "its port"),
    Field("destination.bytes", "long", "bytes from destination to source"),
    Field("destination.packets", "long", "packets from destination to source"),
    Field("network.transport", "keyword", "tcp, udp or icmp"),
    Field(
        "network.protocol", "keyword", "application protocol as the sensor names it, else KDD's service: http, domain_u"
    ),
    Field("network.bytes", "long", "bytes in both directions"),
    Field("network.packets", "long", "packets in both directions"),
    Field("network.community_id", "keyword", "hash of addresses, ports and protocol; other tools give the same one"),
    Field("log.file.path", "keyword", "file that the line came from"),
    Field("log.offset", "long", "where in that file the line begins, in bytes"),
    Field(
        "csv.columns",
        "keyword",
        "names of the line's columns in order, if the shipper sends them",
        indexed=False,
    ),
    Field("csv.delimiter", "keyword", "delimiter of the line's columns, if the shipper sends it", indexed=False),
    Field("kdd99.difficulty", "float", "difficulty of the record in NSL-KDD, 0 to 21; never shown to the model"),
    Field("rule.name", "keyword", "on an alert: the label"),
    Field("rule.category", "keyword", "on an alert: the family"),
    Field("rule.ruleset", "keyword", "on an alert: oversight"),
    Field("threat.framework", "keyword", "MITRE ATT&CK, if the attack maps clearly"),
    Field("threat.tactic.id", "keyword", "ATT&CK tactic"),
    Field("threat.tactic.name", "keyword", "its name"),
    Field("threat.tactic.reference", "keyword", "its page"),
    Field("threat.technique.id", "keyword", "ATT&CK technique"),
    Field("threat.technique.name", "keyword", "its name"),
    Field("threat.technique.reference", "keyword", "its page"),
    Field("threat.technique.subtechnique.id", "keyword", "ATT&CK sub-technique"),
    Field("threat.technique.subtechnique.name", "keyword", "its name"),
    Field("threat.technique.subtechnique.reference", "keyword", "its page"),
    Field("error.type", "keyword", "stable code of the failure"),
    Field("error.message", "keyword", "what was wrong and what to do"),
    Field("oversight.status", "keyword", "pending, enriched or failed"),
    Field(PREDICTED_LABEL, "keyword", "the verdict: a label of the model, or unknown"),
    Field("oversight.prediction.closest", "keyword", "the model's own answer, always one of its labels"),
    Field("oversight.prediction.family", "keyword", "family of the verdict"),
    Field("oversight.prediction.labels", "keyword", "every label that holds, if the model gives several at once"),
    Field("oversight.prediction.probability", "float", "of the closest label"),
    Field("oversight.prediction.value", "float", "what a regression predicts, in the unit of its contract"),
    Field("oversight.prediction.score", "float", "what an anomaly detector measures; the contract has its threshold"),
    Field(
        "oversight.prediction.top",
        "object",
        "the three likeliest labels, one word each with its probability: `neptune 0.931`",
    ),
    Field("oversight.prediction.novelty", "float", "0 to 1: how unlike anything in training"),
    Field("oversight.prediction.unknown", "boolean", "the novelty is above the model's threshold"),
    Field("oversight.prediction.reasons", "keyword", "the features that weighed most, in words"),
    Field("oversight.prediction.warnings", "keyword", "unseen_category:FIELD, out_of_range:FIELD"),
    Field("oversight.prediction.at", "date", "when the verdict was made"),
    Field("oversight.prediction.delay_s", "float", "seconds from arrival to the first verdict"),
    Field("oversight.prediction.rescored", "boolean", "a later model changed the verdict"),
    Field(
        "oversight.suppressed",
        "boolean",
        "a suppression rule keeps this verdict from becoming an alert",
    ),
    Field("oversight.suppressed_by", "keyword", "that rule"),
    Field(MODEL_ID, "keyword", "name of the model"),
    Field(MODEL_VERSION, "keyword", "first 12 hex digits of the artifact's SHA-256"),
    Field("oversight.shadow.label", "keyword", "verdict of the shadow, a second model that runs beside the active one"),
    Field("oversight.shadow.closest", "keyword", "the shadow's own answer, always one of its labels"),
    Field("oversight.shadow.family", "keyword", "family of the shadow's verdict"),
    Field("oversight.shadow.probability", "float", "of the shadow's closest label"),
    Field("oversight.shadow.value", "float", "what the shadow predicts, if it is a regression"),
    Field("oversight.shadow.score", "float", "what the shadow measures, if it is an anomaly detector"),
    Field("oversight.shadow.novelty", "float", "0 to 1: how unlike anything in the shadow's training"),
    Field("oversight.shadow.unknown", "boolean", "the novelty is above the shadow's threshold"),
    Field("oversight.shadow.agrees", "boolean", "the shadow's verdict is the active model's"),
    Field("oversight.shadow.error", "keyword", "error code, if the shadow cannot read the document"),
    Field("oversight.shadow.model.id", "keyword", "name of the shadow"),
    Field("oversight.shadow.model.version", "keyword", "first 12 hex digits of the shadow's SHA-256"),
    Field("oversight.failure.field", "keyword", "document field that caused the failure"),
    Field("oversight.failure.pipeline", "keyword", "ingest pipeline that failed"),
    Field("oversight.failure.processor", "keyword", "its processor, by tag"),
    Field(TRUTH, "keyword", "label in the raw line; never shown to the model"),
    Field("oversight.feedback.verdict", "keyword", "an analyst's verdict: true_positive or false_positive"),
    Field("oversight.feedback.label", "keyword", "the label that the analyst gives"),
    Field("oversight.feedback.comment", "keyword", "why"),
    Field("oversight.feedback.by", "keyword", "who"),
    Field("oversight.feedback.at", "date", "when"),
    Field(UNAVAILABLE, "keyword", "columns of KDD Cup 99 that the source of the record cannot know"),
    Field(APPROXIMATE, "keyword", "columns that the source knows only approximately"),
    Field("oversight.original.base64", "object", "the raw bytes, if they were not UTF-8"),
    Field("oversight.shipped", "object", "what a shipper sent under names that only Oversight writes"),
    Field("oversight.rejected", "object", "values that the mapping does not accept"),
)

BY_NAME = {field.name: field for field in FIELDS}


def mapping_of(field: Field) -> dict[str, Any]:
    """The Elasticsearch mapping of a field. It never makes Elasticsearch reject a document."""
    if field.kind == "object":
        return {"type": "object", "enabled": False}
    if field.kind == "keyword":
        if not field.indexed:
            return {"type": "keyword", "index": False, "doc_values": False}
        return {"type": "keyword", "ignore_above": IGNORE_ABOVE}
    if field.kind == "boolean":
        return {"type": "boolean"}
    return {"type": field.kind, "ignore_malformed": True}


def properties(fields: Iterable[Field]) -> dict[str, Any]:
    """Nested `properties` of a mapping from dotted names: `{"event": {"properties": {"kind": ...}}}`."""
    root: dict[str, Any] = {}
    for field in fields:
        *parents, leaf = field.name.split(".")
        level = root
        for parent in parents:
            level = level.setdefault(parent, {"properties": {}})["properties"]
        level[leaf] = mapping_of(field)
    return root


def stream_name(namespace: str, dataset: str = CONNECTION) -> str:
    """Name of a dataset's data stream."""
    return f"logs-{event_dataset(dataset)}-{namespace}"
