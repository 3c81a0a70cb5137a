"""A data stream stores any JSON document of a shipper, as pending or failed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import FIELDS, stream_name
from contract.kdd99 import columns as kdd99
from es_pipelines.provision.apply import provision
from tests.pipelines import KDD99, LINE, creations
from tests.waiting import WAIT_S

NAMESPACE = f"refusal{uuid.uuid4().hex[:8]}"
NAMES = sorted({part for field in FIELDS for part in (field.name, field.name.split(".")[0])} | {"message", "kdd99"})
"""Dotted fields of the mapping, and their parent objects: names where types can conflict."""

keys = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from([kdd99.field_of(column) for column in kdd99.COLUMNS] + list(kdd99.COLUMNS)),
    st.sampled_from(
        ["", ".", "..", ".x", "x.", "a..b", " ", "a. .b", "id", "name", "ip", "bytes", "_source", "_ignored"]
    ),
    st.sampled_from(NAMES).map(lambda name: f"{name}.x"),
    st.text(max_size=6),
)
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
"""Without integers beyond 64 bits: OpenSearch rejects them before the first processor runs."""
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.text(max_size=12), st.sampled_from(["192.0.2.1", "2024-05-01", LINE])
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)
REFUSED_BEFORE_THE_PIPELINE = (
    "_id",
    "_index",
    "_routing",
    "_type",
    "_version",
    "_version_type",
    "_if_seq_no",
    "_if_primary_term",
)
documents = st.dictionaries(keys.filter(lambda key: key not in REFUSED_BEFORE_THE_PIPELINE), values, max_size=6)
batches = st.lists(documents, min_size=1, max_size=25)


@pytest.fixture(scope="module")
def es(opensearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as client:
        provision(client, KDD99, namespace=NAMESPACE)
        yield client
        remove(client, NAMESPACE)


@pytest.mark.opensearch
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(batch=batches)
def test_no_document_is_rejected(es: Elasticsearch, batch: list[dict[str, Any]]) -> None:
    """A rejected document would be lost, so the pipelines move values aside that the mapping would reject."""
    items = [item["create"] for item in es.bulk(index=stream_name(NAMESPACE), operations=creations(batch))["items"]]
    refused = [
        (json.dumps(document), item["error"]) for document, item in zip(batch, items, strict=True) if "error" in item
    ]
    assert refused == []
    stored = es.mget(docs=[{"_index": item["_index"], "_id": item["_id"]} for item in items])["docs"]
    assert {document["_source"]["oversight"]["status"] for document in stored} <= {"pending", "failed"}
