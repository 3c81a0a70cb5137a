"""JSON between us and Elasticsearch through orjson, several times as fast as the standard library.

What orjson refuses (half a surrogate pair, whole numbers beyond 64 bits in a body) goes the client's usual way; a whole
number beyond 64 bits in an answer is read as the nearest float.
"""

from __future__ import annotations

from typing import Any

import orjson
from elasticsearch.serializer import CompatibilityModeJsonSerializer, CompatibilityModeNdjsonSerializer


class FastJson(CompatibilityModeJsonSerializer):
    """Bodies and answers."""

    def json_dumps(self, data: Any) -> bytes:
        """One JSON value."""
        try:
            return orjson.dumps(data)
        except TypeError:
            return super().json_dumps(data)

    def json_loads(self, data: bytes) -> Any:
        """The value that an answer holds."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            try:
                return super().json_loads(data)
            except RecursionError:
                raise ValueError("nested too deeply") from None


class FastNdjson(CompatibilityModeNdjsonSerializer):
    """Bodies of bulk requests."""

    def json_dumps(self, data: Any) -> bytes:
        """One line."""
        try:
            return orjson.dumps(data)
        except TypeError:
            return super().json_dumps(data)


SERIALIZERS = {one.mimetype: one for one in (FastJson(), FastNdjson())}
"""For `Elasticsearch(serializers=...)`."""
