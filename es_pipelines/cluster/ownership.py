"""The label on a resource: which installation and dataset own it, and a hash that shows whether someone edited it.

    content ──▶ normal form ──▶ SHA-256 ──┐
    namespace, dataset, version ───────────┴─▶ Mark ──▶ `_meta`, or the end of a pipeline's `description`

The hash is over the normal form (`es_pipelines.cluster.normal`), because an engine returns a body in another form than
it got.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.versions import version_of
from contract.documents.datasets import CONNECTION

MANAGED_BY = "oversight"
_AT_THE_END = re.compile(
    r" ?\[oversight sha256=([0-9a-f]{16}) namespace=(\S+) version=(\S+?)(?: name=(\S+))?(?: dataset=(\S+))?\]$"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The label that Oversight writes on a resource."""

    namespace: str
    """The installation; empty if the label names none."""
    sha256: str
    """Of the content that Oversight wrote: the first 16 hex digits; empty if none was noted."""
    version: str
    """The version of Oversight that wrote it."""
    name: str = ""
    """Name of the resource when it was labelled: a copy that someone made has it too. Empty if none was noted."""
    dataset: str = CONNECTION
    """The dataset that owns it. The label does not name `connection`, and what all datasets share has no other."""

    def is_newer_than(self, other: str) -> bool:
        """Whether a newer Oversight than `other` wrote it."""
        return version_of(self.version) > version_of(other)


def digest(normal: Any) -> str:
    """First 16 hex digits of the SHA-256 of a normal form, the same for the same content."""
    return hashlib.sha256(json.dumps(normal, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def meta(mark: Mark) -> dict[str, Any]:
    """The label as `_meta`; Kibana warns users before they edit what is `managed`."""
    own = {"namespace": mark.namespace, "sha256": mark.sha256, "version": mark.version}
    own |= {"name": mark.name} if mark.name else {}
    own |= {"dataset": mark.dataset} if mark.dataset != CONNECTION else {}
    return {"managed": True, "managed_by": MANAGED_BY, MANAGED_BY: own}


def index_meta(namespace: str, dataset: str = CONNECTION) -> dict[str, Any]:
    """`_meta` of an index's mapping: the installation and the dataset that own it."""
    own = {"namespace": namespace, **({"dataset": dataset} if dataset != CONNECTION else {})}
    return {"managed_by": MANAGED_BY, MANAGED_BY: own}


def from_meta(found: Any) -> Mark | None:
    """The label in a `_meta`; None if there is none."""
    if not isinstance(found, Mapping) or found.get("managed_by") != MANAGED_BY:
        return None
    own = found.get(MANAGED_BY)
    own = own if isinstance(own, Mapping) else {}
    version, name = str(own.get("version", "0")), str(own.get("name", ""))
    dataset = str(own.get("dataset", CONNECTION))
    return Mark(str(own.get("namespace", "")), str(own.get("sha256", "")), version, name, dataset)


def describe(description: str, mark: Mark) -> str:
    """A description with the label at its end, for an engine that accepts no `_meta`."""
    name = f" name={mark.name}" if mark.name else ""
    name += f" dataset={mark.dataset}" if mark.dataset != CONNECTION else ""
    return f"{description} [oversight sha256={mark.sha256} namespace={mark.namespace} version={mark.version}{name}]"


def from_description(description: Any) -> Mark | None:
    """The label at the end of a description; None if there is none."""
    found = _AT_THE_END.search(description) if isinstance(description, str) else None
    return Mark(found[2], found[1], found[3], found[4] or "", found[5] or CONNECTION) if found else None


def undescribe(description: Any) -> Any:
    """A description without the label."""
    return _AT_THE_END.sub("", description) if isinstance(description, str) else description
