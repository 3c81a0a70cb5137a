"""The kinds of resources there are, in the order in which they are created; removal goes backwards."""

from __future__ import annotations

from es_pipelines.kinds import Kind
from es_pipelines.kinds_lifecycle import StreamLifecycle, StreamOptions
from es_pipelines.kinds_live import DataStream, PlainIndex
from es_pipelines.kinds_marked import ComponentTemplate, IndexTemplate, Pipeline
from es_pipelines.kinds_security import ApiKey, Role

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Pipeline(), ComponentTemplate(), StreamLifecycle(), StreamOptions(), IndexTemplate(), DataStream(), PlainIndex(),
        Role(), ApiKey(),
    )
}  # fmt: skip
