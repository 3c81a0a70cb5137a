"""Remove an installation after a benchmark or a test."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from contract.documents.datasets import CONNECTION
from es_pipelines.provision.plan import apply
from es_pipelines.provision.removal import plan_removal


def remove(es: Elasticsearch, namespace: str, dataset: str = CONNECTION) -> None:
    """Delete a dataset of an installation with its events and edited resources, without asking."""
    planned, installation = plan_removal(es, namespace, dataset=dataset, with_data=True, force=True)
    apply(es, planned, installation)
