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
SHOWN = frozenset({"index-pattern", "search"})


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
    created_at: str = NO_TIME
    """When it came there; an import that writes over it makes it new."""

    @property
    def saved_since(self) -> bool:
        """Whether it was saved after it had come there; False where the server does not tell."""
        return NO_TIME not in (self.created_at, self.updated_at) and self.created_at != self.updated_at

    @property
    def as_it_came(self) -> bool:
        """Whether nobody has saved it since it came there; False where the server does not tell."""
        return self.created_at != NO_TIME and self.created_at == self.updated_at

    @property
    def shows(self) -> frozenset[Key]:
        """Data views and searches without which it shows nothing."""
        references = self.content.get("references") or ()
        return frozenset((each["type"], each["id"]) for each in references if each["type"] in SHOWN)

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
