"""JSON encoding and decoding with orjson, several times as fast as the standard library.

Values that orjson refuses in a request (half a surrogate pair, integers above 64 bits) are encoded by the client's own
serializer. An integer above 64 bits in a response is read as the nearest float.
"""

from __future__ import annotations

from typing import Any

import orjson
from elasticsearch.serializer import CompatibilityModeJsonSerializer, CompatibilityModeNdjsonSerializer


class FastJson(CompatibilityModeJsonSerializer):
    """Requests and responses."""

    def json_dumps(self, data: Any) -> bytes:
        """Encode one JSON value."""
        try:
            return orjson.dumps(data)
        except TypeError:
            return super().json_dumps(data)

    def json_loads(self, data: bytes) -> Any:
        """Decode a response."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            try:
                return super().json_loads(data)
            except RecursionError:
                raise ValueError("nested too deeply") from None


class FastNdjson(CompatibilityModeNdjsonSerializer):
    """Bulk requests."""

    def json_dumps(self, data: Any) -> bytes:
        """Encode one line."""
        try:
            return orjson.dumps(data)
        except TypeError:
            return super().json_dumps(data)


SERIALIZERS = {serializer.mimetype: serializer for serializer in (FastJson(), FastNdjson())}
"""For `Elasticsearch(serializers=...)`."""
