"""How long a live data stream keeps its events, and whether it has a failure store.

    index template ──▶ counts for a new stream
    _data_stream/<name>/_lifecycle, _options ──▶ the stream that is there

Neither can be labelled. If the value on the stream equals that of our template, we treat it as ours. Otherwise someone
changed it, perhaps in Kibana, and we keep it. So the stream is written before the template.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from elasticsearch import Elasticsearch

from es_pipelines.cluster import normal
from es_pipelines.cluster.ownership import Mark, digest
from es_pipelines.cluster.requests import call
from es_pipelines.resources.kind import Action, Change, Installation, Kind, Need, Resource, Standing
from es_pipelines.resources.stored import INDEX_TEMPLATES, Stored, Target


class PartOfStream(Kind):
    """A property of the data stream that has a route of its own."""

    part_of = "data stream"
    route: ClassVar[str]
    template_key: ClassVar[str]

    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """What the stream has, labelled with the hash of its template's value; nothing if there is no stream."""
        template = self.normal(stored.template(INDEX_TEMPLATES, "stream").get(self.template_key, {}))
        mark = Mark(stored.namespace, digest(template), "0", dataset=stored.dataset)
        streams = [target for name in names if (target := stored.targets[name]).stream]
        return [Standing(self.name, target.name, self.normal(self.body(target)), mark) for target in streams]

    @abstractmethod
    def body(self, target: Target) -> Mapping[str, Any]:
        """What the stream has, as the engine returns it."""

    def location(self, name: str) -> str:
        """Below its stream."""
        return f"/_data_stream/{name}/{self.route}"

    def write(self, es: Elasticsearch, step: Change, wanted: Resource, installation: Installation) -> Change:
        """Set it on the stream."""
        call(es, "PUT", self.location(wanted.name), wanted.body)
        return step

    def delete(self, es: Elasticsearch, step: Change, installation: Installation) -> None:
        """It is deleted with the stream."""


class StreamLifecycle(PartOfStream):
    """When the stream begins a new index, and after how long events are deleted."""

    name = "data stream lifecycle"
    route, template_key = "_lifecycle", "lifecycle"
    needs = (Need("manage_data_stream_lifecycle", "PUT _data_stream/*/_lifecycle", index="$stream"),)

    def body(self, target: Target) -> Mapping[str, Any]:
        """The lifecycle of the data stream."""
        return (target.stream or {}).get("lifecycle") or {}

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Without the values that the engine computes."""
        return dict(normal.template({"lifecycle": body}).get("lifecycle", {}))

    def judge(self, wanted: Resource, standing: Standing | None, installation: Installation) -> Change:
        """As for any kind; the reason names what will be deleted."""
        step, retention = super().judge(wanted, standing, installation), wanted.body.get("data_retention")
        if step.action == Action.UPDATE and retention:
            return replace(step, reason=f"Elasticsearch deletes events older than {retention} from then on")
        return step


class StreamOptions(PartOfStream):
    """Whether the stream has a failure store."""

    name = "data stream options"
    route, template_key = "_options", "data_stream_options"

    def body(self, target: Target) -> Mapping[str, Any]:
        """The options of the data stream."""
        return target.options

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Whether it is on; how long failures are kept is left to the cluster or a person."""
        enabled = (body.get("failure_store") or {}).get("enabled")
        return {} if enabled is None else {"failure_store": {"enabled": normal.plain(enabled)}}
