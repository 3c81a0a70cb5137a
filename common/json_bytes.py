"""JSON as it is sent, to Elasticsearch and to the enrich service alike."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dump(data: Any) -> bytes:
    """JSON; what orjson refuses (half a surrogate pair, very large whole numbers) goes escaped as it came."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return json.dumps(data).encode("ascii")
