"""Saved objects in the form that Kibana imports: one JSON object for each line, always the same bytes.

The versions: Kibana migrates an object of an older version, but an object of a newer version makes the import fail.
So each type has the oldest version that its content allows, which both 8.19 and 9.x accept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contract.documents.datasets import CONNECTION, suffix
from kibana.saved_objects.stored import Stored, digest

ObjectType = Literal["index-pattern", "search", "query", "dashboard", "visualization"]
CORE_MIGRATION_VERSION = "8.8.0"
MIGRATION_VERSIONS: dict[ObjectType, str] = {
    "index-pattern": "8.0.0",
    "search": "8.0.0",
    "query": "8.0.0",
    "dashboard": "8.9.0",
    "visualization": "8.5.0",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference from one object to another."""

    name: str
    type: ObjectType
    id: str

    def to_dict(self) -> dict[str, str]:
        """The entry for `references`."""
        return {"id": self.id, "name": self.name, "type": self.type}


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One saved object."""

    type: ObjectType
    id: str
    attributes: Mapping[str, Any]
    references: tuple[Reference, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Type and id, which identify the object in a space."""
        return self.type, self.id

    @property
    def title(self) -> str:
        """The title that Kibana lists."""
        return str(self.attributes.get("name") or self.attributes["title"])

    @property
    def digest(self) -> str:
        """Digest of the content."""
        return digest(self.to_dict())

    def beside(self) -> SavedObject:
        """A copy with another id and title, to put beside an object that a person has edited."""
        name = "name" if "name" in self.attributes else "title"
        shown = {name: f"{self.attributes[name]} (as shipped)"}
        return SavedObject(self.type, f"{self.id}-as-shipped", {**self.attributes, **shown}, self.references)

    def is_like(self, stored: Stored) -> bool:
        """Whether the stored object contains everything of this one. Kibana upgrades add keys and remove none."""
        theirs = stored.content
        references = {(each["name"], each["type"], each["id"]) for each in theirs.get("references", ())}
        ours = {(each.name, each.type, each.id) for each in self.references}
        return ours <= references and holds(theirs.get("attributes", {}), self.attributes)

    def to_dict(self) -> dict[str, Any]:
        """The object as a line of an import file."""
        return {
            "attributes": dict(self.attributes),
            "coreMigrationVersion": CORE_MIGRATION_VERSION,
            "id": self.id,
            "references": [reference.to_dict() for reference in self.references],
            "type": self.type,
            "typeMigrationVersion": MIGRATION_VERSIONS[self.type],
        }


def holds(theirs: Any, ours: Any) -> bool:
    """Whether `theirs` contains every key of `ours` with its value, at any depth. Parses texts that hold JSON."""
    if isinstance(ours, Mapping):
        return isinstance(theirs, Mapping) and all(key in theirs and holds(theirs[key], ours[key]) for key in ours)
    if isinstance(ours, list):
        if not isinstance(theirs, list) or len(theirs) != len(ours):
            return False
        return all(holds(their_item, our_item) for their_item, our_item in zip(theirs, ours, strict=True))
    if isinstance(ours, str) and isinstance(theirs, str) and ours[:1] in ("{", "["):
        try:
            return holds(json.loads(theirs), json.loads(ours))
        except ValueError:
            return theirs == ours
    return bool(theirs == ours)


def dump(value: Any) -> str:
    """JSON in one line, for attributes that hold JSON as text. ASCII only, because some tools end a line at U+2028."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def ndjson(objects: Iterable[SavedObject]) -> bytes:
    """The file that Kibana imports, one object for each line."""
    return "".join(f"{dump(each.to_dict())}\n" for each in objects).encode()


@dataclass(frozen=True, slots=True)
class Names:
    """Stable, readable ids and titles for the objects of one dataset of an installation in one space."""

    namespace: str = "default"
    space: str = "default"
    dataset: str = CONNECTION

    def id(self, kind: str, name: str) -> str:
        """Id of one object, such as `oversight-default-dashboard-triage`.

        A second space gets other ids, because Kibana allows an id in one space only.
        """
        place = "" if self.space == "default" else f"-in-{self.space}"
        return f"oversight-{suffix(self.namespace, self.dataset)}{place}-{kind}-{name}"

    def title(self, text: str) -> str:
        """The title, followed by dataset and namespace where they are not the default ones."""
        dataset = [] if self.dataset == CONNECTION else [self.dataset]
        namespace = [] if self.namespace == "default" else [self.namespace]
        which = ", ".join([*dataset, *namespace])
        return f"{text} ({which})" if which else text


def search_source(
    where: str = "", *, index: str | None = None, extra: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """`kibanaSavedObjectMeta`: the object's own query in KQL, and the name of its reference to a data view."""
    source: dict[str, Any] = {"query": {"language": "kuery", "query": where}, "filter": [], **(extra or {})}
    if index is not None:
        source["indexRefName"] = index
    return {"searchSourceJSON": dump(source)}
