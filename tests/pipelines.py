"""Shared by the tests of pipelines: the KDD contract, a simulation, and a comparable form of a document."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

from contract.artifact.contract import Feature, ModelContract
from contract.kdd99 import columns as kdd99
from es_pipelines.definition.parameters import pipeline_id

KDD99 = ModelContract(
    name="kdd99",
    features=tuple(
        Feature(column, kdd99.field_of(column), "string", vocabulary=("tcp", "http", "SF"))
        if column in kdd99.CATEGORICAL
        else Feature(column, kdd99.field_of(column), "float")
        for column in kdd99.COLUMNS
    ),
    labels=kdd99.LABELS,
    families=kdd99.FAMILIES,
)
FLOW = dataclasses.replace(
    KDD99, name="kdd99-flow", features=tuple(feature for feature in KDD99.features if feature.name in kdd99.FLOW)
)
"""The contract of a model that reads what a flow log has."""
LINE = (
    "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0.00,0.00,0.00,0.00,1.00,0.00,0.00,"
    "9,9,1.00,0.00,0.11,0.00,0.00,0.00,0.00,0.00"
)
"""One row of KDD CSV without its label."""
_VALUES = dict(zip(kdd99.COLUMNS, LINE.split(","), strict=True))
EMPTIED = ",".join("" if column in kdd99.CONTENT else value for column, value in _VALUES.items())
"""The same row from a sensor that leaves the content columns empty."""
SHORT = ",".join(_VALUES[column] for column in kdd99.FLOW)
"""The same row with the columns of a flow log alone."""

NOW = "<now>"
NAMESPACE = "<namespace>"
ENGINE = "<message of the engine>"
OF_AN_ENGINE = ("invalid_json", "pipeline_error", "too_many_fields")
"""Codes whose message contains the engine's own words."""


def simulate(
    es: Elasticsearch, namespace: str, documents: Iterable[Mapping[str, Any]], *, index: str | None = None
) -> list[dict[str, Any] | None]:
    """Run documents through the router. A dropped document gives None.

    Args:
        es: a provisioned engine.
        namespace: the installation.
        documents: their sources.
        index: index name of the documents; None: the engine's default.
    """
    metadata = {} if index is None else {"_index": index}
    docs = [{**metadata, "_source": dict(document)} for document in documents]
    results = es.ingest.simulate(id=pipeline_id("router", namespace), docs=docs)["docs"]
    broken = [result for result in results if result is not None and "doc" not in result]
    assert broken == [], broken
    return [result and result["doc"]["_source"] for result in results]


def creations(documents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the operations of a bulk request that creates each document."""
    operations: list[Mapping[str, Any]] = []
    for document in documents:
        operations += [{"create": {}}, document]
    return operations


def comparable(document: dict[str, Any] | None, namespace: str) -> Any:
    """Remove what differs between runs or engines from a document: arrival times, names, order."""
    if document is None:
        return None
    text = json.dumps(document, ensure_ascii=False).replace(f"-{namespace}", f"-{NAMESPACE}")
    plain: dict[str, Any] = json.loads(text)
    if "data_stream" in plain:  # missing where only plain processors ran
        plain["data_stream"]["namespace"] = NAMESPACE
    for holder, key in ((plain, "@timestamp"), (plain["event"], "ingested")):
        holder[key] = NOW if _is_now(holder[key]) else holder[key]
    rejected = plain["oversight"].get("rejected", [])
    rejected.sort(key=lambda item: json.dumps(item, sort_keys=True))
    error = plain.get("error", {})
    if error.get("type") in OF_AN_ENGINE or plain["oversight"].get("failure", {}).get("processor") == "json-number":
        error["message"] = re.sub(r"\(.*\)", f"({ENGINE})", error["message"], flags=re.DOTALL)
    return plain


def _is_now(text: str) -> bool:
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))
    return abs(datetime.now(UTC) - moment) < timedelta(hours=1)
