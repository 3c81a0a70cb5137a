"""What could stop us, checked before the first write.

    version ─▶ privileges ─▶ health ─▶ disk, blocks ─▶ processors ─▶ other templates ─▶ sources ──▶ [Finding, ...]

The client checks with the first response whether the server is Elasticsearch. What a cluster does not have (security, a
licence) is no finding.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from packaging.version import Version

from common.elastic.indices import filtered_message, storage_from, synthetic_message
from common.versions import version_of
from es_pipelines.cluster.condition import Access, Condition
from es_pipelines.cluster.disk_watermarks import free_bytes
from es_pipelines.cluster.stored_documents import is_backing
from es_pipelines.definition.pipeline_files import processors_of
from es_pipelines.provision.plan import Finding
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.kind import Need, Resource
from es_pipelines.resources.stored import INDEX_TEMPLATES, Bodies, Stored, Target

OLDEST = Version("8.15")
"""Of Elasticsearch."""
KINDS_NEEDED = ("pipeline", "component template", "index template", "data stream")
"""Nothing works without these. Roles and the lifecycle are left out if we may not write them."""
NEEDS = (Need("monitor", "GET _cluster/health"), *(need for name in KINDS_NEEDED for need in KINDS[name].needs))


class Watermark(NamedTuple):
    """How full a disk may be."""

    setting: str
    default: str
    name: str
    effect: str
    stops: bool


WATERMARKS = (
    Watermark(
        "flood_stage",
        "95%",
        "the flood stage",
        "Elasticsearch refuses events there; free disk space, then run it again",
        stops=True,
    ),
    Watermark(
        "high",
        "90%",
        "the high watermark",
        "Elasticsearch moves shards away; free disk space before it is full",
        stops=False,
    ),
)
"""The most serious one first."""


def asked(stream: str) -> dict[str, set[str]]:
    """The privileges that a run needs: index (empty: the cluster) to their names."""
    return {index: {need.privilege for need in NEEDS if bool(need.index) == bool(index)} for index in ("", stream)}


def preflight(condition: Condition, stored: Stored, wanted: Collection[Resource], stream: str) -> list[Finding]:
    """What the user should know before anything is written."""
    return [
        *health(condition, stream),
        *disk(condition),
        *blocks(condition),
        *processors(condition, wanted),
        *shadows(stored.labelled[INDEX_TEMPLATES], wanted),
        *sources(stored.targets[stream]),
    ]


def refusals(access: Access, stream: str) -> Iterator[Finding]:
    """A version that is too old; else each privilege that user or key lack, with the request that needs it."""
    if version_of(access.version) < OLDEST:
        yield Finding(
            True, f"Elasticsearch {access.version} is too old, expected {OLDEST} or newer; upgrade the cluster"
        )
        return
    user = (access.privileges or {}).get("username", "")
    for need in NEEDS:
        if not access.has(need.privilege, stream if need.index else ""):
            where = f"on index {stream!r}" if need.index else "on the cluster"
            yield Finding(
                True,
                f"user {user!r} lacks the privilege {need.privilege} {where}, which `{need.request}` needs; grant it",
            )


def sources(stream: Target) -> Iterator[Finding]:
    """Indices behind the stream whose `_source` lacks fields that were sent. The watcher writes no prediction there."""
    kept = storage_from(stream.indices)
    if kept.filtered:
        yield Finding(False, filtered_message(kept.filtered))
    if kept.synthetic:
        yield Finding(False, synthetic_message(kept.synthetic))


def health(condition: Condition, stream: str) -> Iterator[Finding]:
    """A cluster that has no data node yet, or lost data."""
    if condition.health.get("number_of_data_nodes") == 0:
        yield Finding(True, "the cluster has no data node yet; wait until one has joined, then run it again")
    if condition.health.get("status") != "red":
        return
    indices = condition.health.get("indices", {})
    red = sorted(name for name, index in indices.items() if index.get("status") == "red")
    ours = [name for name in red if name == stream or is_backing(name, stream)]
    if ours:
        yield Finding(
            True,
            f"{', '.join(ours)} is red: its data cannot be reached; look at `GET _cluster/allocation/explain` first",
        )
    else:
        shown = ", ".join(red[:3]) or "some index"
        yield Finding(False, f"the cluster is red because of {shown}, which does not belong to Oversight")


def disk(condition: Condition) -> Iterator[Finding]:
    """Nodes past the watermarks: at the flood stage Elasticsearch makes indices read-only."""
    settings = condition.settings
    prefix = "cluster.routing.allocation.disk."
    if str(settings.get(f"{prefix}threshold_enabled", "true")) == "false":
        return
    for row in condition.disks:
        total = int(row.get("disk.total") or 0)
        if not total:
            continue  # shards without a node, or a disk whose size the system does not tell
        free = int(row["disk.avail"])
        for mark in WATERMARKS:
            text = str(settings.get(f"{prefix}watermark.{mark.setting}") or mark.default)
            if free < free_bytes(text, settings.get(f"{prefix}watermark.{mark.setting}.max_headroom"), total):
                used = f"{100 * (1 - free / total):.0f} % of its disk in use"
                yield Finding(mark.stops, f"node {row['node']} has {used}, past {mark.name} ({text}): {mark.effect}")
                break


def blocks(condition: Condition) -> Iterator[Finding]:
    """A cluster that is read-only, because of a person or a full disk."""
    for block in ("read_only", "read_only_allow_delete"):
        if str(condition.settings.get(f"cluster.blocks.{block}", "false")) == "true":
            yield Finding(
                True,
                f"the cluster is read-only (cluster.blocks.{block}); free disk space if it is full, then set "
                "it to null "
                f"with `PUT _cluster/settings`",
            )


def processors(condition: Condition, wanted: Collection[Resource]) -> Iterator[Finding]:
    """Kinds of processors that our pipelines use and some node does not have."""
    pipelines = [resource.body for resource in wanted if resource.kind == "pipeline"]
    used = {kind for body in pipelines for kind, _ in processors_of(body)}
    for node in condition.nodes.values():
        there = {processor["type"] for processor in node.get("ingest", {}).get("processors", [])}
        if missing := sorted(used - there):
            yield Finding(
                True,
                f"a node lacks the ingest processors {', '.join(missing)}, which the pipelines need; "
                f"install Elasticsearch with its default modules",
            )
            return


def shadows(templates: Bodies, wanted: Collection[Resource]) -> Iterator[Finding]:
    """Index templates of others that would override ours for our indices."""
    ours = [resource for resource in wanted if resource.kind == "index template"]
    names = {resource.name for resource in ours}
    for name, other in templates.items():
        if name in names:
            continue
        patterns = _texts(other.get("index_patterns", []))
        priority = int(other.get("priority", 0))
        for resource in ours:
            index, own = str(resource.body["index_patterns"][0]), int(resource.body["priority"])
            if priority >= own and any(fnmatch.fnmatchcase(index, pattern) for pattern in patterns):
                yield Finding(
                    True,
                    f"index template {name!r} ({', '.join(patterns)}, priority {priority}) overrides "
                    f"Oversight's for {index} "
                    f"(priority {own}); lower its priority below {own} or narrow its patterns",
                )


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in value]
