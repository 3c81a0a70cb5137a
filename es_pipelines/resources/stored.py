"""What the cluster has under the names of one dataset, as the engine returns it.

_index_template, _component_template, _ingest/pipeline ──┐
_data_stream/NAME, NAME (every index behind it) ─────────┼─▶ Stored ──▶ Kind.find: the resources of one kind
_security/role, _security/api_key ───────────────────────┘        └───▶ read_capabilities
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.datasets import CONNECTION, resource_name
from es_pipelines.cluster import normal
from es_pipelines.cluster.capabilities import Capabilities, takes_pipeline_meta, template_features
from es_pipelines.cluster.condition import Access
from es_pipelines.cluster.ownership import from_description, from_meta
from es_pipelines.cluster.requests import NO_ROUTE, NO_SECURITY, call, error_of
from es_pipelines.security.keys import Key, valid_keys

Bodies = Mapping[str, Mapping[str, Any]]
"""Bodies by name."""
PIPELINES, COMPONENT_TEMPLATES, INDEX_TEMPLATES = "/_ingest/pipeline", "/_component_template", "/_index_template"
ROLES = "/_security/role"
OF_AN_INDEX = "*.aliases,*.settings,*.mappings,*.defaults.index.mapping.source.mode,*.defaults.index.mode"
"""The parts of an index that are read."""


@dataclass(frozen=True, slots=True)
class Target:
    """A name that events are written to: a data stream, an index, an alias, or nothing."""

    name: str
    stream: Mapping[str, Any] | None
    """The data stream; empty if the name is no data stream; None if the engine has no data streams."""
    indices: Bodies
    """The indices behind the name."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The options of the data stream."""

    @property
    def kind(self) -> str:
        """What it is; empty if nothing has the name."""
        if self.stream:
            return "data stream"
        if self.name in self.indices:
            return "index"
        return "alias" if self.indices else ""


@dataclass(frozen=True, slots=True)
class Stored:
    """The resources of one dataset of an installation in the cluster."""

    namespace: str
    labelled: Mapping[str, Bodies]
    """Pipelines, templates and roles by their path: those whose names have our form, and everyone's index templates and
    roles. No roles where we may not see them.
    """
    targets: Mapping[str, Target]
    keys: Mapping[str, Collection[Key]]
    """Valid API keys of the dataset, by part."""
    dataset: str = CONNECTION

    def template(self, path: str, name: str) -> dict[str, Any]:
        """What one of our templates gives its indices, in normal form."""
        body = self.labelled[path].get(resource_name(name, self.namespace, self.dataset), {})
        return normal.template(body.get("template") or {})


def read_stored(
    es: Elasticsearch,
    namespace: str,
    targets: Collection[str],
    *,
    dataset: str = CONNECTION,
    roles: bool,
    keys: bool = False,
) -> Stored:
    """Read the resources of a dataset. Nothing is written.

    Args:
        es: a client of the cluster.
        namespace: the installation.
        dataset: one of its datasets.
        targets: names that events, heartbeats or alerts are written to.
        roles: read the roles too.
        keys: read the API keys too.
    """
    ours = f"/{resource_name('*', namespace, dataset)}"
    return Stored(
        namespace,
        {
            PIPELINES: bodies(es, PIPELINES, ours),
            COMPONENT_TEMPLATES: bodies(es, COMPONENT_TEMPLATES, ours),
            INDEX_TEMPLATES: bodies(es, INDEX_TEMPLATES),
            ROLES: _get(es, ROLES, allow=(*NO_SECURITY, 403)) if roles else {},
        },
        {name: _target(es, name) for name in targets},
        valid_keys(es, namespace, dataset) if keys else {},
        dataset,
    )


def bodies(es: Elasticsearch, path: str, names: str = "") -> Bodies:
    """Pipelines or templates: those of these names, or all."""
    found = _get(es, f"{path}{names}")
    key = path.removeprefix("/_")
    if path == PIPELINES:
        return found
    return {str(one["name"]): one[key] for one in found.get(f"{key}s", [])}


def read_capabilities(es: Elasticsearch, access: Access, stored: Stored, stream: str) -> Capabilities:
    """Which features the engine has. Most are visible in the stored resources; the engine is asked for the rest.

    Args:
        es: a client of the cluster.
        access: our privileges.
        stored: the resources of the installation.
        stream: name of the data stream.
    """
    target = stored.targets[stream]
    data_streams = target.stream is not None
    found = template_features(es, _known(stored, target), data_streams=data_streams)
    return Capabilities(
        data_streams=data_streams,
        index_mode="index_mode" in found,
        lifecycle="lifecycle" in found,
        failure_store="failure_store" in found,
        pipeline_meta=_pipeline_meta(es, stored.labelled[PIPELINES]),
        security=access.privileges is not None,
        roles=access.may_manage_security,
    )


def _known(stored: Stored, target: Target) -> dict[str, bool]:
    """The features of templates that the stored resources show. Every index names its mode if the engine has modes."""
    template = stored.template(INDEX_TEMPLATES, "stream")
    known = {"lifecycle": True} if "lifecycle" in template else {}
    known |= {"failure_store": True} if "data_stream_options" in template else {}
    settings = [body.get(part, {}) for body in target.indices.values() for part in ("settings", "defaults")]
    settings.append(stored.template(COMPONENT_TEMPLATES, "settings").get("settings", {}))
    has_mode = any("index.mode" in normal.settings(one) for one in settings)
    return {**known, "index_mode": has_mode} if has_mode or target.indices else known


def _pipeline_meta(es: Elasticsearch, pipelines: Bodies) -> bool:
    if any(from_meta(body.get("_meta")) for body in pipelines.values()):
        return True
    return not any(from_description(body.get("description")) for body in pipelines.values()) and takes_pipeline_meta(es)


def _target(es: Elasticsearch, name: str) -> Target:
    """Reads the stream before its indices, so that an index of a rollover in between is among them."""
    stream = _data_stream(es, name)
    indices = _get(es, f"/{name}", params={"include_defaults": "true", "filter_path": OF_AN_INDEX})
    return Target(name, stream, indices, _options(es, name, stream or {}))


def _data_stream(es: Elasticsearch, name: str) -> Mapping[str, Any] | None:
    answer = call(es, "GET", f"/_data_stream/{name}", allow=NO_ROUTE)
    if answer.status == 200:
        return next((stream for stream in answer.body["data_streams"] if stream["name"] == name), {})
    missing = answer.status == 404 and error_of(answer.body)[0]  # a missing route has no type of error
    return {} if missing else None


def _options(es: Elasticsearch, name: str, stream: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of a data stream. If its failure store is off, they show whether someone switched it off."""
    store = stream.get("failure_store")
    if store is None or store.get("enabled"):
        return {} if store is None else {"failure_store": {"enabled": True}}
    body = _get(es, f"/_data_stream/{name}/_options", allow=NO_ROUTE)
    return (body.get("data_streams") or [{}])[0].get("options") or {}


def _get(
    es: Elasticsearch, path: str, *, params: Mapping[str, str] | None = None, allow: Collection[int] = (404,)
) -> Mapping[str, Any]:
    """The response to a GET; empty if there is nothing."""
    answer = call(es, "GET", path, params=params, allow=allow)
    return dict(answer.body) if answer.status == 200 else {}
