"""An item as Kibana stores it, and the digest that shows whether its content has changed."""

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
    """First hex digits of the SHA-256 of JSON values; the same for the same content."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


@dataclass(frozen=True, slots=True)
class Stored:
    """An item stored in Kibana."""

    content: Mapping[str, Any]
    """The content as the server returns it, without the server's own counts and dates."""
    updated_at: str = NO_TIME
    """When it was last saved, if the server reports it."""
    created_at: str = NO_TIME
    """When it was created; an import that overwrites it sets this again."""

    @property
    def saved_after_import(self) -> bool:
        """Whether it was saved after the import created it; False if the server does not report the times."""
        return NO_TIME not in (self.created_at, self.updated_at) and self.created_at != self.updated_at

    @property
    def unsaved_since_import(self) -> bool:
        """Whether nobody has saved it since the import created it; False if the server does not report the times."""
        return self.created_at != NO_TIME and self.created_at == self.updated_at

    @property
    def shows(self) -> frozenset[Key]:
        """The data views and searches that it needs to show anything."""
        references = self.content.get("references") or ()
        return frozenset((each["type"], each["id"]) for each in references if each["type"] in SHOWN)

    @property
    def digest(self) -> str:
        """Digest of the content."""
        return digest(self.content)

    @property
    def title(self) -> str | None:
        """The title that Kibana lists; None if it has none."""
        inside = self.content.get("attributes", self.content)
        title = inside.get("name") or inside.get("title") if isinstance(inside, Mapping) else None
        return title if isinstance(title, str) else None
