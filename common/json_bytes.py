"""JSON encoding for requests to Elasticsearch and to the enrich service."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dump(data: Any) -> bytes:
    """Encode as JSON. Values that orjson refuses (half a surrogate pair, very large integers) are written escaped."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return json.dumps(data).encode("ascii")
