"""The stream to ship to: is it provisioned, was it recreated, and which events does it already have?

stream ──▶ Target      its newest backing index, which shows whether the stream was deleted and recreated
stream ──▶ the model   that it was provisioned for, and the features that every document needs
ids    ──▶ Stored      an `ids` query over all backing indices, because an id is unique only within one of them
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, AuthorizationException, Elasticsearch, NotFoundError

from common.elastic.faults import refusal
from common.elastic.indices import closed_indices, closed_message
from common.elastic.response_limit import ResponseTooLargeError
from contract import hints
from contract.documents.fields import NO_PIPELINE
from contract.documents.paths import lookup_clear
from contract.errors import EngineUnavailableError, InputError, SettingsError
from contract.model_summary import MODEL_META, ModelSummary
from es_pipelines.ship.registry import Registry

PIPELINE_NAME_PART = "oversight"
"""Part of the name of all our ingest pipelines. Elasticsearch's own template for `logs-*-*` names another pipeline."""
ORIGIN_FIELDS = ["event.original", "message", "log.file.path", "host.name"]
IDS_AT_ONCE, HITS_AT_ONCE = 2_000, 10_000
"""Ids in one search, and the most hits that Elasticsearch returns: several backing indices can have an id."""


@dataclass(frozen=True, slots=True)
class Target:
    """The stream to ship to."""

    stream: str
    cluster: str
    """UUID of the cluster."""
    index_uuid: str = ""
    """UUID of the newest backing index; empty if nothing was ever written."""
    index_number: int = 0
    """Number of the newest backing index in its data stream; 0 for a plain index."""
    known_uuids: frozenset[str] = frozenset()
    """UUIDs of all backing indices."""
    pipeline: str = ""
    """The ingest pipeline that events go through."""

    @property
    def exists(self) -> bool:
        """Whether there is an index that can hold events."""
        return bool(self.index_uuid)

    def was_recreated(self, registry: Registry) -> bool:
        """Whether the stream that the registry knew was deleted.

        Its newest index is gone, and not because of its age: a stream that was not deleted has higher numbers by now.
        """
        if not registry.index_uuid or registry.index_uuid in self.known_uuids:
            return False
        return self.index_number <= registry.index_number


@dataclass(frozen=True, slots=True)
class StoredLine:
    """The origin of a stored document: its line, path and machine."""

    original: str | None
    path: str | None
    host: str | None = None


def find(es: Elasticsearch, stream: str) -> Target:
    """Find the stream. It must exist or have a template, with our ingest pipeline.

    Raises:
        InputError: it is not provisioned.
    """
    cluster = str(es.info()["cluster_uuid"])
    try:
        indices: dict[str, Any] = dict(es.indices.get(index=stream))
    except NotFoundError:
        pipeline = _required_pipeline(_template(es, stream).get("settings", {}), stream)
        return Target(stream, cluster, pipeline=pipeline)
    newest = max(indices, key=lambda name: (_number(name), name))
    pipeline = _required_pipeline(indices[newest]["settings"], stream)
    uuids = {name: str(index["settings"]["index"]["uuid"]) for name, index in indices.items()}
    return Target(stream, cluster, uuids[newest], _number(newest), frozenset(uuids.values()), pipeline)


def _template(es: Elasticsearch, stream: str) -> dict[str, Any]:
    """What the templates would give a missing stream; empty if the key may not ask, and so not create it either."""
    try:
        return dict(es.indices.simulate_index_template(name=stream).get("template", {}))
    except AuthorizationException:
        return {}


def provisioned_model(es: Elasticsearch, stream: str) -> ModelSummary:
    """Read which model the stream was provisioned for; a shipper's key may. `needed` are the features that it needs.

    Raises:
        InputError: the stream is not provisioned, or by a version of Oversight that did not store the model.
    """
    try:
        indices = dict(es.indices.get_mapping(index=stream))
    except NotFoundError:
        mappings = _template(es, stream).get("mappings", {})
    else:
        mappings = indices[max(indices, key=lambda name: (_number(name), name))]["mappings"]
    model = ModelSummary.from_dict(mappings.get("_meta", {}).get(MODEL_META))
    if model is None:
        raise InputError(f"{stream} does not say which model it was provisioned for; run {hints.run('provision')}")
    return model


def _required_pipeline(settings: dict[str, Any], stream: str) -> str:
    index = settings.get("index", {})
    named = [
        str(index[name])
        for name in ("final_pipeline", "default_pipeline")
        if index.get(name, NO_PIPELINE) != NO_PIPELINE
    ]
    pipeline = next((name for name in named if PIPELINE_NAME_PART in name), "")
    if not pipeline:
        problem = f"its pipeline is {named[0]!r}" if named else "it has no ingest pipeline"
        raise InputError(f"{stream} is not provisioned ({problem}); run {hints.run('provision')} first")
    return pipeline


def _number(index: str) -> int:
    """Number of a backing index: 7 for `.ds-logs-oversight.connection-default-2026.01.31-000007`; 0 for others."""
    match = re.fullmatch(r"\.ds-.+-(\d{6,})", index)
    return int(match[1]) if match else 0


def is_empty(es: Elasticsearch, stream: str) -> bool | None:
    """Whether the stream has no document, including the newest writes; None if our key may not read."""
    try:
        es.indices.refresh(index=stream, ignore_unavailable=True)
        return int(es.count(index=stream, ignore_unavailable=True)["count"]) == 0
    except AuthorizationException as error:
        if error.error != "security_exception":  # a block also answers 403
            raise
        return None


def closed_note(es: Elasticsearch, stream: str) -> str:
    """A warning about closed indices of the stream; empty if there are none, or if our key may not see them."""
    try:
        closed = closed_indices(es, stream)
    except ApiError:
        return ""
    if not closed:
        return ""
    return (
        f"{closed_message(closed)}; events that are stored in a closed index cannot be recognised, and would be "
        "stored again"
    )


@contextlib.contextmanager
def explained(stream: str) -> Iterator[None]:
    """Turn the client's errors into ours, each with what to do.

    Raises:
        EngineUnavailableError: Elasticsearch does not respond.
        SettingsError: it rejects the credentials.
        InputError: it returns any other error.
    """
    try:
        yield
    except ApiError as error:
        what = f"{error.status_code} {error.message}"[:200]
        if error.status_code in (401, 403):
            needed = "create_doc and view_index_metadata there, and cluster:monitor/main"
            raise SettingsError(
                f"at {stream}, Elasticsearch {refusal(error.status_code, error.body)}; a shipper needs {needed}"
            ) from None
        if error.status_code == 429 or error.status_code >= 500:
            raise EngineUnavailableError(
                f"Elasticsearch is overloaded or not ready ({what}); ship again later"
            ) from None
        raise InputError(
            f"Elasticsearch answered {what} about {stream}; run {hints.run('provision')}, then ship again"
        ) from None
    except TransportError as error:
        what = (str(error.message).splitlines() or [""])[0][:200]
        raise EngineUnavailableError(f"Elasticsearch does not answer ({what}); ship again when it does") from None


def stored(es: Elasticsearch, stream: str, ids: Sequence[str]) -> dict[str, list[StoredLine]]:
    """The documents with these ids in each of the stream's backing indices, including the newest writes."""
    documents: dict[str, list[StoredLine]] = {}
    try:
        es.indices.refresh(index=stream, ignore_unavailable=True)
        for start in range(0, len(ids), IDS_AT_ONCE):
            for hit in _hits(es, stream, ids[start : start + IDS_AT_ONCE]):
                documents.setdefault(str(hit["_id"]), []).append(_origin_of(hit.get("_source", {})))
    except NotFoundError:  # the first event creates the stream
        return {}
    return documents


def _hits(es: Elasticsearch, stream: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The documents with these ids. Splits the request in two if the response is too large."""
    try:
        response = es.search(
            index=stream,
            query={"ids": {"values": list(ids)}},
            source={"includes": ORIGIN_FIELDS},
            size=HITS_AT_ONCE,
            track_total_hits=False,
            ignore_unavailable=True,
        )
    except ResponseTooLargeError:
        if len(ids) == 1:
            raise
        half = len(ids) // 2
        return _hits(es, stream, ids[:half]) + _hits(es, stream, ids[half:])
    return list(response["hits"]["hits"])


def _origin_of(source: dict[str, Any]) -> StoredLine:
    original = lookup_clear(source, "event.original")
    line = lookup_clear(source, "message") if original is None else original
    return StoredLine(line, lookup_clear(source, "log.file.path"), lookup_clear(source, "host.name"))
