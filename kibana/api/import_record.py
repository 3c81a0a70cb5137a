"""What was imported last, kept in Kibana itself: by it one sees what a person has changed since.

    after an import ──▶ Record of each object ──▶ a Markdown table in an object of ours
    before the next ──▶ Ledger ──▶ edited or not: kibana/api/plan.py

Kibana changes stored objects at its own upgrades (they get a new form) and on saving (they get a new time). Only an
object of which both differ from the record has been edited by a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kibana.saved_objects.objects import Names, SavedObject, dump, search_source
from kibana.saved_objects.stored import NO_TIME, Key, Stored

_ROW = re.compile(r"^\| (\S+) \| (\S+) \| ([0-9a-f]+) \| ([0-9a-f]+) \| (\S+) \|$", re.MULTILINE)
_INTRO = (
    "What `oversight kibana import` wrote last. Do not edit it: the next import compares this table with the "
    "objects, and "
    "keeps those that someone changed."
)


@dataclass(frozen=True, slots=True)
class Record:
    """One object of the last import."""

    sent: str
    """Digest of what we sent."""
    stored: str
    """Digest of what the server made of it."""
    updated_at: str

    def is_edited(self, now: Stored) -> bool:
        """Whether a person has changed it since."""
        return now.digest != self.stored and (now.updated_at != self.updated_at or now.updated_at == NO_TIME)


@dataclass(frozen=True)
class Ledger:
    """The records of the last import, by key."""

    records: Mapping[Key, Record] = field(default_factory=dict)

    def to_object(self, names: Names) -> SavedObject:
        """The object that holds them: a piece of Markdown in Kibana's library."""
        rows = [
            f"| {kind} | {name} | {record.sent} | {record.stored} | {record.updated_at} |"
            for (kind, name), record in sorted(self.records.items())
        ]
        head = ["| type | object | ours | as stored | stored at |", "|---|---|---|---|---|"]
        text = "\n".join([_INTRO, "", *head, *rows])
        title = names.title("Oversight: what was imported")
        shown = {"fontSize": 12, "openLinksInNewTab": False, "markdown": text}
        return SavedObject(
            "visualization",
            ledger_key(names)[1],
            {
                "title": title,
                "description": "Written by `oversight kibana import`",
                "visState": dump({"title": title, "type": "markdown", "params": shown, "aggs": []}),
                "uiStateJSON": "{}",
                "kibanaSavedObjectMeta": search_source(),
            },
        )

    @classmethod
    def from_stored(cls, found: Stored | None) -> Ledger:
        """The records that an object holds; none where it is not there, or holds something else."""
        try:
            attributes = found.content["attributes"] if found is not None else {}
            text = str(json.loads(attributes["visState"])["params"]["markdown"])
        except (KeyError, TypeError, ValueError):
            return cls()
        return cls({(kind, name): Record(*rest) for kind, name, *rest in _ROW.findall(text)})


def ledger_key(names: Names) -> Key:
    """Where the ledger of an installation stands."""
    return "visualization", names.id("visualization", "import-record")
