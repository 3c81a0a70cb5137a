"""The record of the last import, kept in Kibana itself: shows what a person has changed since.

    after an import ──▶ ImportedObject of each object ──▶ a Markdown table in one of our saved objects
    before the next ──▶ ImportRecord ──▶ edited or not: kibana/api/plan.py

Kibana changes stored objects in two ways without any edit: an upgrade migrates their content, and saving sets a new
time. So an object counts as edited only if both its content and its time differ from the record.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from kibana.saved_objects.objects import Names, SavedObject, dump, search_source
from kibana.saved_objects.stored import NO_TIME, Key, Stored

_ROW = re.compile(r"^\| (\S+) \| (\S+) \| ([0-9a-f]+) \| ([0-9a-f]+) \| (\S+) \|$", re.MULTILINE)
_INTRO = (
    "What `oversight kibana import` wrote last. Do not edit it: the next import compares this table with the "
    "objects, and keeps those that someone changed."
)


@dataclass(frozen=True, slots=True)
class ImportedObject:
    """One object of the last import."""

    sent: str
    """Digest of the content that we sent."""
    stored: str
    """Digest of the content that Kibana stored."""
    updated_at: str

    def is_edited(self, now: Stored) -> bool:
        """Whether a person has edited it since the import."""
        return now.digest != self.stored and (now.updated_at != self.updated_at or now.updated_at == NO_TIME)


ImportRecord = dict[Key, ImportedObject]
"""The objects of the last import, by key."""


def object_of(record: ImportRecord, names: Names) -> SavedObject:
    """The saved object that holds the record: a Markdown text in Kibana's library."""
    rows = [
        f"| {kind} | {name} | {imported.sent} | {imported.stored} | {imported.updated_at} |"
        for (kind, name), imported in sorted(record.items())
    ]
    head = ["| type | object | ours | as stored | stored at |", "|---|---|---|---|---|"]
    text = "\n".join([_INTRO, "", *head, *rows])
    title = names.title("Oversight: what was imported")
    shown = {"fontSize": 12, "openLinksInNewTab": False, "markdown": text}
    return SavedObject(
        "visualization",
        import_record_key(names)[1],
        {
            "title": title,
            "description": "Written by `oversight kibana import`",
            "visState": dump({"title": title, "type": "markdown", "params": shown, "aggs": []}),
            "uiStateJSON": "{}",
            "kibanaSavedObjectMeta": search_source(),
        },
    )


def record_in(stored: Stored | None) -> ImportRecord:
    """Parse the record from its saved object; empty if that is missing or unreadable."""
    try:
        attributes = stored.content["attributes"] if stored is not None else {}
        text = str(json.loads(attributes["visState"])["params"]["markdown"])
    except (KeyError, TypeError, ValueError):
        return {}
    return {(kind, name): ImportedObject(*rest) for kind, name, *rest in _ROW.findall(text)}


def import_record_key(names: Names) -> Key:
    """Key of the saved object that holds an installation's import record."""
    return "visualization", names.id("visualization", "import-record")
