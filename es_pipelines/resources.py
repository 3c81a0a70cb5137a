"""Everything that one installation needs in Elasticsearch, as plain data; nothing here talks to a server.

pipelines/*.yml, painless/*           ──┐
templates/*.yml                         ├─▶ resources() ──▶ [Resource, ...] in the order of creation
contract.fields, ModelContract.features ┘
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contract.artifact import ModelContract
from contract.fields import FIELDS, Field, properties, stream_name
from es_pipelines.capabilities import Capabilities
from es_pipelines.columns import columns_of
from es_pipelines.files import fill, pipelines, read_yaml
from es_pipelines.parameters import parameters, pipeline_id

Kind = Literal["pipeline", "component template", "index template", "data stream", "index"]

HASH_KEY = "oversight_sha256"
TEMPLATES = ("settings", "fields", "model")


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that stands in Elasticsearch under a name of ours."""

    kind: Kind
    name: str
    body: dict[str, Any]


def resources(contract: ModelContract, namespace: str, engine: Capabilities) -> list[Resource]:
    """What must stand in the engine, in the order in which it can be created."""
    known = parameters(contract, namespace, data_streams=engine.data_streams)
    known |= {f"template.{name}": pipeline_id(name, namespace) for name in TEMPLATES}
    stream = stream_name(namespace)
    settings = fill(read_yaml("templates/settings.yml"), known)
    if engine.index_mode:
        settings["index"]["mode"] = "standard"
    mappings: dict[str, Any] = {"dynamic": False, "properties": _without_malformed_timestamp(properties(FIELDS))}
    template = fill(read_yaml("templates/stream.yml"), known)
    if not engine.data_streams:
        del template["data_stream"]
    found = [Resource("pipeline", name, _described(body)) for name, body in pipelines(known, namespace).items()]
    found += [
        _component(f"template.{name}", known, body)
        for name, body in (
            ("settings", {"settings": settings}),
            ("fields", {"mappings": mappings}),
            ("model", {"mappings": {"properties": properties(model_fields(contract))}}),
        )
    ]
    found.append(Resource("index template", f"oversight-stream-{namespace}", {**template, "_meta": _meta(template)}))
    # Lifecycle, failure store and the mappings of the watchers' and alerts' indices belong here.
    # Templates count for new indices only; the one that is written to now must say the same.
    body = {
        "settings": {"index": {"default_pipeline": known["pipeline.router"]}},
        "mappings": {"properties": _merged(mappings["properties"], properties(model_fields(contract)))},
    }
    found.append(Resource("data stream" if engine.data_streams else "index", stream, body))
    return found


def model_fields(contract: ModelContract) -> list[Field]:
    """The columns of the model's events as fields of the document."""
    return [
        Field(feature.field, "float" if feature.kind == "float" else "keyword", f"feature {feature.name}")
        for feature in columns_of(contract).features
    ]


def digest(body: Mapping[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of a body, the same for the same content."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def _component(name: str, known: Mapping[str, Any], template: dict[str, Any]) -> Resource:
    return Resource("component template", known[name], {"template": template, "_meta": _meta(template)})


def _meta(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"managed_by": "oversight", HASH_KEY: digest(body)}


def _described(body: dict[str, Any]) -> dict[str, Any]:
    """A pipeline with its digest at the end of its description: not every engine takes `_meta` there."""
    return {**body, "description": f"{body['description']} [{HASH_KEY} {digest(body)}]"}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings in one, object by object."""
    both = dict(one)
    for name, value in other.items():
        both[name] = _merged(both[name], value) if isinstance(both.get(name), Mapping) else value
    return both


def _without_malformed_timestamp(mapped: dict[str, Any]) -> dict[str, Any]:
    """A data stream refuses `ignore_malformed` on its `@timestamp`; the pipeline lets only dates through."""
    return {**mapped, "@timestamp": {"type": "date"}}
