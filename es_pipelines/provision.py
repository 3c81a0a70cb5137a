"""Put pipelines, templates and the stream of one installation into Elasticsearch.

    resources() ──▶ for each: what stands there? ──▶ same: unchanged
                                  │
                                  └─▶ absent or other: put ──▶ created, updated

Running it again changes nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

from contract.artifact import ModelContract
from contract.errors import InputError
from contract.fields import stream_name
from contract.heartbeats import heartbeat_index
from es_pipelines.capabilities import Capabilities, Omission, ask
from es_pipelines.parameters import PIPELINES, pipeline_id
from es_pipelines.resources import TEMPLATES, Kind, Resource, resources

Action = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Step:
    """What was done about one resource."""

    kind: Kind
    name: str
    action: Action


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did and what it left out."""

    stream: str
    engine: Capabilities
    steps: list[Step] = field(default_factory=list)

    @property
    def omissions(self) -> list[Omission]:
        """What this engine lacks, with what that costs the user."""
        return self.engine.omissions()

    def count(self, action: Action) -> int:
        """Number of resources with that outcome."""
        return sum(step.action == action for step in self.steps)


def provision(
    es: Elasticsearch, contract: ModelContract, *, namespace: str, on_step: Callable[[Step], None] | None = None
) -> Report:
    """Bring everything of an installation to the state of this version; a second run makes no write.

    Args:
        es: a client of the cluster.
        contract: the model whose features the events hold.
        namespace: the installation.
        on_step: told of each resource as soon as it is done.
    """
    engine = ask(es)
    report = Report(stream_name(namespace), engine)
    for resource in resources(contract, namespace, engine):
        stored = read(es, resource)
        action: Action = "unchanged"
        if stored is None:
            create(es, resource)
            action = "created"
        elif not contains(stored, resource.body):
            update(es, resource)
            action = "updated"
        step = Step(resource.kind, resource.name, action)
        report.steps.append(step)
        if on_step is not None:
            on_step(step)
    return report


def outdated(es: Elasticsearch, contract: ModelContract, *, namespace: str) -> list[Resource]:
    """What `provision` would write now; empty where everything stands as this version and this model want it."""
    wanted = resources(contract, namespace, ask(es))
    stored = [(resource, read(es, resource)) for resource in wanted]
    return [resource for resource, body in stored if body is None or not contains(body, resource.body)]


def remove(es: Elasticsearch, namespace: str) -> None:
    """Delete the stream with every event in it, its templates and pipelines, and the heartbeats. For tests: nothing is asked."""
    stream = stream_name(namespace)
    absent = es.options(ignore_status=[400, 404])
    absent.indices.delete_data_stream(name=stream)
    absent.indices.delete(index=stream)
    absent.indices.delete(index=heartbeat_index(namespace))
    absent.indices.delete_index_template(name=f"oversight-stream-{namespace}")
    for name in TEMPLATES:
        absent.cluster.delete_component_template(name=pipeline_id(name, namespace))
    for name in PIPELINES:
        absent.ingest.delete_pipeline(id=pipeline_id(name, namespace))


def read(es: Elasticsearch, resource: Resource) -> dict[str, Any] | None:
    """What stands under the resource's name, in the form of its body; None where nothing does."""
    try:
        if resource.kind == "pipeline":
            return dict(es.ingest.get_pipeline(id=resource.name)[resource.name])
        if resource.kind == "component template":
            stored = es.cluster.get_component_template(name=resource.name)["component_templates"]
            return dict(stored[0]["component_template"])
        if resource.kind == "index template":
            return dict(es.indices.get_index_template(name=resource.name)["index_templates"][0]["index_template"])
        if resource.kind == "data stream":
            backing = es.indices.get_data_stream(name=resource.name)["data_streams"][0]["indices"]
            newest = backing[-1]["index_name"]
            return dict(es.indices.get(index=newest)[newest])
        return dict(es.indices.get(index=resource.name)[resource.name])
    except NotFoundError:
        return None


def create(es: Elasticsearch, resource: Resource) -> None:
    """Write what is not there yet; a stream takes its settings and mappings from the templates."""
    if resource.kind == "data stream":
        es.indices.create_data_stream(name=resource.name)
    elif resource.kind == "index":
        es.indices.create(index=resource.name)
    else:
        update(es, resource)


def update(es: Elasticsearch, resource: Resource) -> None:
    """Write the resource over what stands there."""
    body = resource.body
    if resource.kind == "pipeline":
        es.ingest.put_pipeline(id=resource.name, body=body)
    elif resource.kind == "component template":
        es.cluster.put_component_template(name=resource.name, body=body)
    elif resource.kind == "index template":
        es.indices.put_index_template(name=resource.name, body=body)
    else:
        update_stream(es, resource)


def update_stream(es: Elasticsearch, resource: Resource) -> None:
    """Give the index that is written to what the templates say now; they count for new indices only.

    A field whose type changed cannot be mapped anew: a data stream then goes on in a new index.

    Raises:
        InputError: there is but one plain index, and it has a field of another type.
    """
    es.indices.put_settings(index=resource.name, settings=resource.body["settings"])
    properties, newest_only = resource.body["mappings"]["properties"], resource.kind == "data stream"
    try:
        es.indices.put_mapping(index=resource.name, properties=properties, write_index_only=newest_only or None)
    except BadRequestError as error:
        if resource.kind != "data stream":
            raise InputError(
                f"index {resource.name} has a field of another type than the model needs ({error.message}); "
                f"provision another namespace, or delete the index"
            ) from None
        es.indices.rollover(alias=resource.name)


def contains(stored: Any, wanted: Any) -> bool:
    """Whether what is stored says what is wanted; engines add keys of their own and write settings as text."""
    if isinstance(wanted, Mapping):
        return isinstance(stored, Mapping) and all(
            key in stored and contains(stored[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(stored, list)
            and len(stored) == len(wanted)
            and all(contains(*pair) for pair in zip(stored, wanted, strict=True))
        )
    return bool(stored == wanted) or str(stored).lower() == str(wanted).lower()
