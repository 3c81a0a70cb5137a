"""The privileges of each part in Elasticsearch, and no others: its role, and the limits of its API key.

    shipper    ──▶ creates events in the stream, and checks which are stored
    watcher    ──▶ reads and updates the events, and writes its heartbeats
    analyst    ──▶ reads and updates the events: `oversight verdict`, and the console with `--verdicts`
    dashboards ──▶ reads: people in Kibana
    console    ──▶ reads: the page without Kibana

Privileges on a data stream apply to its backing indices, even if a request names `.ds-...` itself (Elasticsearch,
"Granting privileges for data streams and aliases"). So a role names the stream, and no pattern that another
installation's indices could match.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract.documents.alerts import alerts_index
from contract.documents.datasets import CONNECTION, resource_name
from contract.documents.fields import stream_name
from contract.documents.heartbeats import heartbeat_index

KIBANA = "kibana-.kibana"
"""The application name of Kibana's own privileges in Elasticsearch."""


def heartbeats(namespace: str, _dataset: str) -> str:
    """The watchers' heartbeats, which the datasets share."""
    return heartbeat_index(namespace)


def alerts(namespace: str, _dataset: str) -> str:
    """The alerts, which the datasets share."""
    return alerts_index(namespace)


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges on one of an installation's indices, with the calls that need them."""

    index: Callable[[str, str], str]
    """Its name, from namespace and dataset."""
    privileges: dict[str, str]
    """What the part does with each privilege."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part with its own credentials, or people in its place."""

    name: str
    does: str
    """One line, shown in Kibana next to the role."""
    sees: str
    """What someone who steals its key can read."""
    grants: tuple[Grant, ...]
    cluster: dict[str, str]
    """What the part does with each cluster privilege."""
    kibana: tuple[str, ...] = ()
    """Privileges in Kibana's default space."""


MAIN, REFRESH = "cluster:monitor/main", "indices:admin/refresh"
"""Single actions. The privilege `monitor` includes much more: it reads every pipeline and every mapping."""
_LOOKS = {"read": "searches and aggregations", "view_index_metadata": "which fields and indices there are"}

PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(
            "shipper",
            "Ships events to Oversight's stream",
            "every event of the stream with its prediction and verdict, the stream's mapping and settings, "
            "and the cluster's name, UUID "
            "and version. No other index, no pipeline, no template, nothing of the cluster's state",
            (
                Grant(
                    stream_name,
                    {
                        "create_doc": "bulk requests that create; no event can be changed or deleted",
                        "read": "asks by id which events are stored already",
                        "view_index_metadata": "GET of the stream: its pipeline, and whether it was recreated",
                        REFRESH: "refresh, before it asks what is stored",
                    },
                ),
            ),
            {MAIN: "GET /, the cluster's UUID"},
        ),
        Part(
            "watcher",
            "Gives Oversight's events their predictions",
            "every event of the stream, the stream's mapping and settings, heartbeats, and the cluster's "
            "name, UUID and version",
            (
                Grant(
                    stream_name,
                    {
                        "read": "points in time, searches",
                        "index": "bulk requests that update; no event can be deleted",
                        REFRESH: "refresh, for `oversight watch --once`, `retry` and `labels export`",
                        "view_index_metadata": "mapping and pipelines, for `oversight rescore`, `retry` and "
                        "`labels export`",
                    },
                ),
                Grant(
                    heartbeats,
                    {
                        "create_index": "the first heartbeat",
                        "index": "heartbeats",
                        "read": "`oversight status`, and which heartbeats are old",
                        "delete": "heartbeats of watchers that ended a week ago",
                    },
                ),
            ),
            {MAIN: "GET /, for `oversight status`, `retry` and `rescore` with this key"},
        ),
        Part(
            "analyst",
            "Writes analysts' verdicts to Oversight's events",
            "every event of the stream, the stream's mapping and settings, and the cluster's name, UUID and version",
            (
                Grant(
                    stream_name,
                    {
                        "read": "searches, points in time, and the documents to judge",
                        "index": "bulk requests that update; no event can be deleted",
                        REFRESH: "refresh, so that the next search shows the verdict",
                        "view_index_metadata": "whether an index stores whole documents",
                    },
                ),
            ),
            {MAIN: "GET /, for `oversight verdict` with this key"},
        ),
        Part(
            "dashboards",
            "Reads Oversight's events, alerts and watchers in Kibana",
            "every event, alert and heartbeat of the installation",
            (Grant(stream_name, _LOOKS), Grant(heartbeats, _LOOKS), Grant(alerts, _LOOKS)),
            {},
            ("space_read",),
        ),
        Part(
            "console",
            "Reads Oversight's events, alerts and watchers for its own console",
            "every event, alert and heartbeat of the installation",
            (Grant(stream_name, _LOOKS), Grant(heartbeats, _LOOKS), Grant(alerts, _LOOKS)),
            {},
        ),
    )
}


def role_name(part: str, namespace: str, dataset: str = CONNECTION) -> str:
    """Name of a part's role, and of its API keys."""
    return resource_name(part, namespace, dataset)


def privileges(part: Part, namespace: str, dataset: str = CONNECTION) -> dict[str, Any]:
    """A part's privileges, in the form of a role and of an API key's `role_descriptors`."""
    body: dict[str, Any] = {
        "cluster": sorted(part.cluster),
        "indices": [
            {"names": [grant.index(namespace, dataset)], "privileges": sorted(grant.privileges)}
            for grant in part.grants
        ],
    }
    if part.kibana:
        body["applications"] = [
            {"application": KIBANA, "privileges": list(part.kibana), "resources": ["space:default"]}
        ]
    return body


def role_body(part: Part, namespace: str, dataset: str = CONNECTION) -> dict[str, Any]:
    """A part's role."""
    which = installation_text(namespace, dataset)
    return {"description": f"{part.does} ({which})", **privileges(part, namespace, dataset)}


def installation_text(namespace: str, dataset: str) -> str:
    """Which installation it is, in words; with its dataset unless that is `connection`."""
    return f"installation {namespace}" + ("" if dataset == CONNECTION else f", dataset {dataset}")


def normal_privileges(body: dict[str, Any]) -> dict[str, Any]:
    """Privileges in a normal form, so that ours and Elasticsearch's can be compared."""
    indices = [
        {
            **{key: value for key, value in grant.items() if key != "allow_restricted_indices" or value},
            "names": sorted(_listed(grant["names"])),
            "privileges": sorted(_listed(grant["privileges"])),
        }
        for grant in body.get("indices") or []
    ]
    normal = {
        "cluster": sorted(body.get("cluster") or []),
        "indices": sorted(indices, key=lambda grant: grant["names"]),
        "applications": body.get("applications") or [],
        "run_as": sorted(body.get("run_as") or []),
        "global": body.get("global") or {},
        "remote_indices": body.get("remote_indices") or [],
        "remote_cluster": body.get("remote_cluster") or [],
    }
    return {key: value for key, value in normal.items() if value}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
