"""Everything that one dataset of an installation needs in Elasticsearch, as plain data. Nothing here sends a request.

pipelines/*.yml, painless/*           ──┐
templates/*.yml                         ├─▶ resources() ──▶ [Resource, ...] in the order of creation
contract.fields, ModelContract.features ┘
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract.artifact.contract import ModelContract
from contract.documents.alerts import alerts_body, alerts_index
from contract.documents.datasets import resource_name
from contract.documents.fields import FIELDS, NO_PIPELINE, Field, Kind, properties, stream_name
from contract.documents.heartbeats import heartbeat_body, heartbeat_index
from contract.documents.paths import merge
from contract.model_summary import MODEL_META, ModelSummary
from es_pipelines.cluster.capabilities import Capabilities
from es_pipelines.cluster.ownership import index_meta
from es_pipelines.definition.columns import columns_of, kind_of
from es_pipelines.definition.parameters import parameters
from es_pipelines.definition.pipeline_files import fill, pipelines, read_yaml
from es_pipelines.resources.kind import Resource
from es_pipelines.security.roles import PARTS, role_body, role_name

TEMPLATES = ("settings", "fields", "model")
PRIORITY = 500
"""Of our index templates: higher than those that Elasticsearch has (`logs-*-*` has 100)."""
OPTIONS = {"failure_store": {"enabled": True}}
"""Of the data stream."""


def resources(
    contract: ModelContract, namespace: str, engine: Capabilities, *, retention: str | None = None
) -> list[Resource]:
    """What a dataset of an installation needs in the engine, in the order in which it can be created.

    Args:
        contract: the model whose features the events hold, and its dataset.
        namespace: the installation.
        engine: the features that it has.
        retention: how long events are kept, as Elasticsearch writes it (`30d`); None: for ever.
    """
    known = parameters(contract, namespace, data_streams=engine.data_streams)
    dataset = contract.dataset
    known |= {f"template.{name}": resource_name(name, namespace, dataset) for name in TEMPLATES}
    found = [Resource("pipeline", name, body) for name, body in pipelines(known).items()]
    found += _components(contract, namespace, engine, known)
    found += _index_templates(contract, namespace, engine, known, retention)
    found += _stream(contract, namespace, engine, known, retention)
    roles = PARTS.values() if engine.roles else ()
    return [
        *found,
        *(
            Resource("role", role_name(part.name, namespace, dataset), role_body(part, namespace, dataset))
            for part in roles
        ),
    ]


def _components(
    contract: ModelContract, namespace: str, engine: Capabilities, known: Mapping[str, Any]
) -> list[Resource]:
    settings = fill(read_yaml("templates/settings.yml"), known)
    if engine.index_mode:
        settings["index"]["mode"] = "standard"
    fields = {"dynamic": False, "_meta": _mapping_meta(contract, namespace), "properties": _fields()}
    bodies: dict[str, dict[str, Any]] = {
        "settings": {"settings": settings},
        "fields": {"mappings": fields},
        "model": {"mappings": {"properties": properties(model_fields(contract))}},
    }
    return [
        Resource("component template", known[f"template.{name}"], {"template": body}) for name, body in bodies.items()
    ]


def _index_templates(
    contract: ModelContract, namespace: str, engine: Capabilities, known: Mapping[str, Any], retention: str | None
) -> list[Resource]:
    stream = fill(read_yaml("templates/stream.yml"), known)
    if not engine.data_streams:
        del stream["data_stream"]
    template = {"lifecycle": _lifecycle(retention)} if engine.lifecycle else {}
    template |= {"data_stream_options": OPTIONS} if engine.failure_store else {}
    stream |= {"template": template} if template else {}
    stream["_meta"] = {MODEL_META: ModelSummary.of(contract).to_dict()}
    found = [Resource("index template", resource_name("stream", namespace, contract.dataset), stream)]
    for name, body in (
        (heartbeat_index(namespace), heartbeat_body()),
        (alerts_index(namespace), alerts_body()),
    ):
        mappings = {**body["mappings"], "_meta": index_meta(namespace)}
        body = {"index_patterns": [name], "priority": PRIORITY, "template": {**body, "mappings": mappings}}
        found.append(Resource("index template", name, body))
    return found


def _stream(
    contract: ModelContract, namespace: str, engine: Capabilities, known: Mapping[str, Any], retention: str | None
) -> list[Resource]:
    """Templates apply to new indices only, so the current write index needs the same settings and mapping."""
    name = stream_name(namespace, contract.dataset)
    body = {
        "settings": {"index": {"default_pipeline": NO_PIPELINE, "final_pipeline": known["pipeline.router"]}},
        "mappings": {
            "_meta": _mapping_meta(contract, namespace),
            "properties": merge(_fields(), properties(model_fields(contract))),
        },
    }
    found = [Resource("data stream lifecycle", name, _lifecycle(retention))] if engine.lifecycle else []
    found += [Resource("data stream options", name, OPTIONS)] if engine.failure_store else []
    return [*found, Resource("data stream" if engine.data_streams else "index", name, body)]


def _mapping_meta(contract: ModelContract, namespace: str) -> dict[str, Any]:
    """Who owns the stream, and its model. A shipper's key may read the mapping, but no template."""
    return {**index_meta(namespace, contract.dataset), MODEL_META: ModelSummary.of(contract).to_dict()}


def _lifecycle(retention: str | None) -> dict[str, Any]:
    return {"enabled": True, "data_retention": retention} if retention else {"enabled": True}


def _fields() -> dict[str, Any]:
    """A data stream refuses `ignore_malformed` on its `@timestamp`; the pipeline lets only dates through."""
    return {**properties(FIELDS), "@timestamp": {"type": "date"}}


_KINDS: dict[str, Kind] = {
    "float": "float",
    "string": "keyword",
    "whole": "keyword",
    "boolean": "boolean",
    "date": "date",
}
"""The mapping of a column by how it is typed."""


def model_fields(contract: ModelContract) -> list[Field]:
    """The columns of the model's events as fields of the document."""
    return [
        Field(feature.field, _KINDS[kind_of(feature)], f"feature {feature.name}")
        for feature in columns_of(contract).features
    ]
