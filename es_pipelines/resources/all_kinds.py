"""The kinds of resources there are, in the order in which they are created; removal goes backwards."""

from __future__ import annotations

from es_pipelines.resources.kind import Kind
from es_pipelines.resources.labelled import ComponentTemplate, IndexTemplate, Pipeline, Role
from es_pipelines.resources.lifecycle import StreamLifecycle, StreamOptions
from es_pipelines.resources.security import ApiKey
from es_pipelines.resources.stream import DataStream, PlainIndex

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Pipeline(),
        ComponentTemplate(),
        StreamLifecycle(),
        StreamOptions(),
        IndexTemplate(),
        DataStream(),
        PlainIndex(),
        Role(),
        ApiKey(),
    )
}
