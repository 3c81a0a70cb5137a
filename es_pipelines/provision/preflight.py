"""What could stop us, asked before the first write.

    version ─▶ licence ─▶ privileges ─▶ health ─▶ disk, blocks ─▶ processors ─▶ other templates ─▶ [Finding, ...], facts

Whether the server is Elasticsearch at all, the client checks with the first answer. Every question only reads; what a
cluster does not know (no security, no licence) is no finding.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from common.elastic.indices import filtered_says, how_kept, synthetic_says
from es_pipelines.cluster.disk_watermarks import Watermark, watermark
from es_pipelines.cluster.ownership import release
from es_pipelines.cluster.requests import call
from es_pipelines.cluster.stored_documents import is_backing
from es_pipelines.provision.plan import Finding
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.kind import Need, Resource

MINIMUM = (8, 15)
UNKNOWN_ROUTE = (400, 404, 405, 500)
"""How engines answer on a route that they do not have."""


def preflight(es: Elasticsearch, wanted: Collection[Resource], stream: str) -> tuple[dict[str, Any], list[Finding]]:
    """Facts about the cluster, and what the user should know before anything is written."""
    number = str(call(es, "GET", "/").body["version"]["number"])
    facts = {"version": number, "licence": licence(es)}
    if release(number)[:2] < MINIMUM:
        oldest = ".".join(map(str, MINIMUM))
        return facts, [
            Finding(True, f"Elasticsearch {number} is too old, expected {oldest} or newer; upgrade the cluster")
        ]
    denied = list(missing_privileges(es, wanted, stream))
    if denied:  # the other questions would be answered 403
        return facts, denied
    findings = [
        *health(es, stream),
        *disk(es),
        *blocks(es),
        *processors(es, wanted),
        *shadows(es, wanted),
        *sources(es, stream),
    ]
    return facts, findings


def licence(es: Elasticsearch) -> str:
    """Type of the licence; empty where there is none to ask for. Nothing of ours needs a paid one."""
    answer = call(es, "GET", "/_license", allow=(*UNKNOWN_ROUTE, 403))
    found = answer.body.get("license") if answer.status == 200 else None
    return str(found.get("type", "")) if isinstance(found, Mapping) else ""


def missing_privileges(es: Elasticsearch, wanted: Collection[Resource], stream: str) -> Iterator[Finding]:
    """Each privilege that user or key lack, with the request that needs it."""
    needs = [Need("monitor", "GET _cluster/health")]
    needs += [need for kind in dict.fromkeys(resource.kind for resource in wanted) for need in KINDS[kind].needs]
    body = {
        "cluster": sorted({need.privilege for need in needs if not need.index}),
        "index": [{"names": [stream], "privileges": sorted({need.privilege for need in needs if need.index})}],
    }
    answer = call(es, "POST", "/_security/user/_has_privileges", body, allow=UNKNOWN_ROUTE)
    if answer.status != 200 or answer.body.get("has_all_requested", True):
        return
    user = answer.body.get("username", "")
    has = {"": answer.body.get("cluster", {}), "$stream": answer.body.get("index", {}).get(stream, {})}
    for need in needs:
        if not has[need.index].get(need.privilege, True):
            where = f"on index {stream!r}" if need.index else "on the cluster"
            yield Finding(
                True,
                f"user {user!r} lacks the privilege {need.privilege} {where}, which `{need.request}` needs; grant it",
            )


def sources(es: Elasticsearch, stream: str) -> Iterator[Finding]:
    """Indices behind the stream that keep less in `_source` than was sent: the watcher writes no prediction there."""
    try:
        kept = how_kept(es, stream)
    except ApiError:  # there is none yet
        return
    if kept is not None and kept.filtered:
        yield Finding(False, filtered_says(kept.filtered))
    if kept is not None and kept.synthetic:
        yield Finding(False, synthetic_says(kept.synthetic))


def health(es: Elasticsearch, stream: str) -> Iterator[Finding]:
    """A cluster that has no data node yet, or lost data."""
    body = call(es, "GET", "/_cluster/health", allow=(408,)).body
    if body.get("number_of_data_nodes") == 0:
        yield Finding(True, "the cluster has no data node yet; wait until one has joined, then run it again")
    if body.get("status") != "red":
        return
    body = call(es, "GET", "/_cluster/health", params={"level": "indices"}, allow=(408,)).body
    red = sorted(name for name, index in body.get("indices", {}).items() if index.get("status") == "red")
    ours = [name for name in red if name == stream or is_backing(name, stream)]
    if ours:
        yield Finding(
            True,
            f"{', '.join(ours)} is red: its data cannot be reached; look at `GET _cluster/allocation/explain` first",
        )
    else:
        shown = ", ".join(red[:3]) or "some index"
        yield Finding(False, f"the cluster is red because of {shown}, which does not belong to Oversight")


def disk(es: Elasticsearch) -> Iterator[Finding]:
    """Nodes past the watermarks: at the flood stage Elasticsearch makes indices read-only."""
    settings = _cluster_settings(es)
    prefix = "cluster.routing.allocation.disk."
    if str(settings.get(f"{prefix}threshold_enabled", "true")) == "false":
        return
    marks = {
        stage: watermark(
            str(settings.get(f"{prefix}watermark.{stage}") or default),
            settings.get(f"{prefix}watermark.{stage}.max_headroom"),
        )
        for stage, default in (("flood_stage", "95%"), ("high", "90%"))
    }
    columns = {"format": "json", "bytes": "b", "h": "node,disk.avail,disk.total"}
    for node in call(es, "GET", "/_cat/allocation", params=columns).body:
        if not int(node.get("disk.total") or 0):
            continue  # shards without a node, or a disk whose size the system does not tell
        finding = _past(str(node["node"]), int(node["disk.avail"]), int(node["disk.total"]), marks)
        if finding is not None:
            yield finding


def _past(node: str, available: int, total: int, marks: Mapping[str, Watermark]) -> Finding | None:
    used = f"{100 * (1 - available / total):.0f} % of its disk in use"
    if available < marks["flood_stage"].free_bytes(total):
        return Finding(
            True,
            f"node {node} has {used}, past the flood stage ({marks['flood_stage'].text}): Elasticsearch refuses events "
            f"there; free disk space, then run it again",
        )
    if available < marks["high"].free_bytes(total):
        return Finding(
            False,
            f"node {node} has {used}, past the high watermark ({marks['high'].text}): Elasticsearch moves shards away; "
            f"free disk space before it is full",
        )
    return None


def blocks(es: Elasticsearch) -> Iterator[Finding]:
    """A cluster that somebody, or a full disk, made read-only."""
    settings = _cluster_settings(es)
    for block in ("read_only", "read_only_allow_delete"):
        if str(settings.get(f"cluster.blocks.{block}", "false")) == "true":
            yield Finding(
                True,
                f"the cluster is read-only (cluster.blocks.{block}); free disk space if it is full, then set "
                "it to null "
                f"with `PUT _cluster/settings`",
            )


def _cluster_settings(es: Elasticsearch) -> dict[str, Any]:
    params = {
        "include_defaults": "true",
        "flat_settings": "true",
        "filter_path": "*.cluster.routing.allocation.disk*,*.cluster.blocks*",
    }
    body = call(es, "GET", "/_cluster/settings", params=params).body
    return {**body.get("defaults", {}), **body.get("persistent", {}), **body.get("transient", {})}


def processors(es: Elasticsearch, wanted: Collection[Resource]) -> Iterator[Finding]:
    """Kinds of processors that our pipelines use and some node does not have."""
    used = {kind for resource in wanted if resource.kind == "pipeline" for kind in _kinds_in(resource.body)}
    nodes = call(es, "GET", "/_nodes/ingest", params={"filter_path": "nodes.*.ingest.processors"}).body.get("nodes", {})
    for node in nodes.values():
        there = {processor["type"] for processor in node.get("ingest", {}).get("processors", [])}
        if missing := sorted(used - there):
            yield Finding(
                True,
                f"a node lacks the ingest processors {', '.join(missing)}, which the pipelines need; "
                f"install Elasticsearch with its default modules",
            )
            return


def _kinds_in(body: Mapping[str, Any]) -> Iterator[str]:
    for processor in [*body.get("processors", []), *body.get("on_failure", [])]:
        for kind, options in processor.items():
            yield kind
            yield from _kinds_in({"processors": options.get("on_failure", [])})


def shadows(es: Elasticsearch, wanted: Collection[Resource]) -> Iterator[Finding]:
    """Index templates of others that would give our indices their settings in place of ours."""
    ours = [resource for resource in wanted if resource.kind == "index template"]
    keys = ("name", "index_template.index_patterns", "index_template.priority")
    params = {"filter_path": ",".join(f"index_templates.{key}" for key in keys)}
    listed = call(es, "GET", "/_index_template", params=params).body.get("index_templates", [])
    names = {resource.name for resource in ours}
    for other in listed:
        if other["name"] in names:
            continue
        patterns = _texts(other["index_template"].get("index_patterns", []))
        priority = int(other["index_template"].get("priority", 0))
        for resource in ours:
            index, own = str(resource.body["index_patterns"][0]), int(resource.body["priority"])
            if priority >= own and any(fnmatch.fnmatchcase(index, pattern) for pattern in patterns):
                yield Finding(
                    True,
                    f"index template {other['name']!r} ({', '.join(patterns)}, priority {priority}) overrides "
                    f"Oversight's for {index} "
                    f"(priority {own}); lower its priority below {own} or narrow its patterns",
                )


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in value]
