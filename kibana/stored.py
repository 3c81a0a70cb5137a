"""What stands in Kibana under a key, and how its content is told from another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

Key = tuple[str, str]
"""Type and id."""
DIGEST_DIGITS = 16
NO_TIME = "-"


def digest(value: Any) -> str:
    """First hex digits of the SHA-256 of JSON values, the same for the same content."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands in Kibana under one key."""

    content: Mapping[str, Any]
    """As the server gives it, without what it counts and dates itself."""
    updated_at: str = NO_TIME
    """When it was last saved, where the server tells."""

    @property
    def digest(self) -> str:
        """Of the content."""
        return digest(self.content)

    @property
    def title(self) -> str | None:
        """What a person sees in a list; None where it has none."""
        inside = self.content.get("attributes", self.content)
        found = inside.get("name") or inside.get("title") if isinstance(inside, Mapping) else None
        return found if isinstance(found, str) else None
