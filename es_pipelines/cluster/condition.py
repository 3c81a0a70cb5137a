"""The first look at the cluster: its version, our privileges, and what could stop us.

GET /, _license, _has_privileges ──▶ Access
_cluster/health, _cluster/settings, _cat/allocation, _nodes/ingest ──▶ Condition
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from es_pipelines.cluster.requests import NO_SECURITY, call

MANAGE_SECURITY = "manage_security"
"""The privilege to write roles and to create keys for others."""


@dataclass(frozen=True, slots=True)
class Access:
    """The version of the cluster and our privileges."""

    version: str
    licence: str
    """Its type; empty if the engine has none."""
    privileges: Mapping[str, Any] | None
    """The response of `_has_privileges`; None: the engine has no security, or it is off."""

    @property
    def may_manage_security(self) -> bool:
        """Whether we may write roles and create keys for others."""
        return self.privileges is not None and self.has(MANAGE_SECURITY)

    def has(self, privilege: str, index: str = "") -> bool:
        """Whether we have a privilege on an index, or on the cluster; always true without security."""
        if self.privileges is None:
            return True
        held = self.privileges.get("index", {}).get(index, {}) if index else self.privileges.get("cluster", {})
        return bool(held.get(privilege, True))


@dataclass(frozen=True, slots=True)
class Condition:
    """One look at the cluster."""

    health: Mapping[str, Any]
    """With the health of each index if the cluster is red."""
    settings: Mapping[str, Any]
    """Settings of disk watermarks and blocks: flat, with defaults."""
    disks: Sequence[Mapping[str, Any]]
    """A row for each node; unassigned shards have a row too, without a disk."""
    nodes: Mapping[str, Any]
    """Each node with its ingest processors."""


def read_access(es: Elasticsearch, asked: Mapping[str, Collection[str]]) -> Access:
    """Ask the cluster for its version and our privileges.

    Args:
        es: a client of the cluster.
        asked: the privileges that the run needs: index (empty: the cluster) to their names.
    """
    version = str(es.info()["version"]["number"])
    licence = call(es, "GET", "/_license", allow=(*NO_SECURITY, 403))
    found = licence.body.get("license") if licence.status == 200 else None
    kind = str(found.get("type", "")) if isinstance(found, Mapping) else ""
    body: dict[str, Any] = {"cluster": sorted({*asked.get("", ()), MANAGE_SECURITY})}
    indices = [{"names": [index], "privileges": sorted(names)} for index, names in asked.items() if index]
    body |= {"index": indices} if indices else {}
    answer = call(es, "POST", "/_security/user/_has_privileges", body, allow=NO_SECURITY)
    return Access(version, kind, answer.body if answer.status == 200 else None)


def read_condition(es: Elasticsearch) -> Condition:
    """Read the condition. Nothing is written."""
    health = call(es, "GET", "/_cluster/health", allow=(408,)).body
    if health.get("status") == "red":
        health = call(es, "GET", "/_cluster/health", params={"level": "indices"}, allow=(408,)).body
    params = {
        "include_defaults": "true",
        "flat_settings": "true",
        "filter_path": "*.cluster.routing.allocation.disk*,*.cluster.blocks*",
    }
    settings = call(es, "GET", "/_cluster/settings", params=params).body
    columns = {"format": "json", "bytes": "b", "h": "node,disk.avail,disk.total"}
    disks = call(es, "GET", "/_cat/allocation", params=columns).body
    nodes = call(es, "GET", "/_nodes/ingest", params={"filter_path": "nodes.*.ingest.processors"}).body
    in_force = {**settings.get("defaults", {}), **settings.get("persistent", {}), **settings.get("transient", {})}
    return Condition(health, in_force, disks, nodes.get("nodes", {}))
