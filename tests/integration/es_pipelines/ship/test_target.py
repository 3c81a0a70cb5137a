"""The stream says which model it was provisioned for, and which features every document needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from contract.errors import InputError
from contract.kdd99.columns import COLUMNS, CONTENT, PACKET
from contract.model_summary import ModelSummary
from es_pipelines.provision.apply import provision
from es_pipelines.resources.kind import Action
from es_pipelines.ship.target import provisioned_model
from tests.pipelines import FLOW, KDD99, LINE, creations


@pytest.fixture
def installation(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose resources are removed afterwards."""
    yield namespace
    remove(es, namespace)


def test_the_model_is_that_of_the_last_provision(es: Elasticsearch, installation: str) -> None:
    """Before the first document and after it; a second run finds nothing to write."""
    stream = stream_name(installation)
    provision(es, KDD99, namespace=installation)
    assert provisioned_model(es, stream) == ModelSummary.of(KDD99)
    assert provisioned_model(es, stream).needed == COLUMNS
    es.bulk(index=stream, operations=creations([{"message": LINE}]), refresh=True)

    provision(es, FLOW, namespace=installation)
    assert provisioned_model(es, stream).name == "kdd99-flow"
    assert set(COLUMNS) - set(provisioned_model(es, stream).needed) == {*PACKET, *CONTENT}
    assert {step.action for step in provision(es, FLOW, namespace=installation)} == {Action.UNCHANGED}


@pytest.mark.opensearch
def test_a_new_backing_index_has_the_model_too(opensearch_url: str, namespace: str) -> None:
    """It is created from the templates."""
    stream = stream_name(namespace)
    with Elasticsearch(opensearch_url) as es:
        try:
            provision(es, KDD99, namespace=namespace)
            provision(es, FLOW, namespace=namespace)
            es.indices.rollover(alias=stream)
            assert len(es.indices.get_mapping(index=stream)) == 2
            assert provisioned_model(es, stream) == ModelSummary.of(FLOW)
            es.indices.delete_data_stream(name=stream)
            assert provisioned_model(es, stream) == ModelSummary.of(FLOW)
        finally:
            remove(es, namespace)


def test_a_stream_that_names_no_model_says_what_to_run(es: Elasticsearch, installation: str) -> None:
    """It is not provisioned, or an earlier version of Oversight provisioned it."""
    stream = stream_name(installation)
    with pytest.raises(InputError, match=f"{stream} does not say which model .*; run `oversight provision`"):
        provisioned_model(es, stream)
