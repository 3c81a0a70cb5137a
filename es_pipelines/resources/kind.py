"""The kinds of resources under our names, and how each kind is found, compared, written and deleted.

    Stored ──▶ Kind.find ──▶ Standing (what is there) ┐
                             Resource (what we want)  ┴─▶ Kind.judge ──▶ Change ──▶ Kind.write | Kind.delete

To add a kind, write a class with these methods and put it into `KINDS` of `es_pipelines.resources.all_kinds`; plan,
apply, check and remove know no kind by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar

from elasticsearch import Elasticsearch

from contract.documents.alerts import alerts_index
from contract.documents.datasets import CONNECTION
from contract.documents.heartbeats import heartbeat_index
from es_pipelines.cluster.ownership import Mark, digest
from es_pipelines.cluster.requests import call
from es_pipelines.resources.difference import diff
from es_pipelines.resources.stored import Stored


class Action(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    ROLL_OVER = "roll over"
    UNCHANGED = "unchanged"
    KEEP = "keep"
    """Someone edited it, so it stays as it is."""
    FOREIGN = "foreign"
    """Not ours: it is never touched, and nothing can be written."""
    NEWER = "newer"
    """A newer Oversight wrote it: it is not downgraded, and nothing can be written."""
    BLOCKED = "blocked"
    """It cannot be changed into what is wanted."""
    REMOVE = "remove"
    STAY = "stay"
    """Ours and still needed, so it is not removed."""
    IGNORE = "ignore"
    """Not ours, and nothing depends on it."""

    @property
    def done(self) -> str:
        """The word for a finished step."""
        return _DONE.get(self, str(self))


_DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.ROLL_OVER: "rolled over",
    Action.KEEP: "kept",
    Action.REMOVE: "removed",
    Action.STAY: "stayed",
    Action.IGNORE: "ignored",
}
WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.ROLL_OVER, Action.REMOVE})
IN_THE_WAY = frozenset({Action.FOREIGN, Action.NEWER, Action.BLOCKED})
"""If a plan has one of these, nothing is written at all."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that Oversight needs under one of its names."""

    kind: str
    name: str
    body: dict[str, Any]
    """Without our label."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One resource in the engine."""

    kind: str
    name: str
    body: Mapping[str, Any]
    """In the kind's normal form."""
    mark: Mark | None
    """Our label; None if it has none."""


@dataclass(frozen=True, slots=True)
class Change:
    """What will be done, or was done, with one resource."""

    kind: str
    name: str
    action: Action
    reason: str = ""
    """Why, in one line; empty if the action needs no reason."""
    changes: tuple[Mapping[str, Any], Mapping[str, Any]] | None = field(default=None, repr=False)
    """The present and the wanted body, if they differ."""
    wanted: Resource | None = field(default=None, repr=False)
    standing: Standing | None = field(default=None, repr=False)

    @property
    def diff(self) -> tuple[str, ...]:
        """The changes as lines of a unified diff."""
        return diff(*self.changes) if self.changes is not None else ()

    def because(self, action: Action, reason: str) -> Change:
        """The same resource with another action."""
        return replace(self, action=action, reason=reason, changes=None)


@dataclass(frozen=True, slots=True)
class Installation:
    """The installation and the options of a run."""

    namespace: str
    version: str
    """The version of this Oversight."""
    force: bool = False
    """Overwrite or remove what someone edited."""
    pipeline_meta: bool = False
    """Whether pipelines may have `_meta`."""
    with_data: bool = False
    """Delete data too."""
    dataset: str = CONNECTION
    """The only dataset that the run touches."""

    def mark(self, name: str, sha256: str) -> Mark:
        """The label of a resource that this run writes."""
        dataset = CONNECTION if name in shared_names(self.namespace) else self.dataset
        return Mark(self.namespace, sha256, self.version, name, dataset)


def shared_names(namespace: str) -> tuple[str, ...]:
    """The indices that all datasets of a namespace share; their templates have the same names."""
    return heartbeat_index(namespace), alerts_index(namespace)


@dataclass(frozen=True, slots=True)
class Need:
    """A privilege, and the request that needs it."""

    privilege: str
    request: str
    index: str = ""
    """On which index; empty: a privilege on the cluster. `$stream` means the data stream."""


class Kind(ABC):
    """One kind of resource; it holds no state."""

    name: ClassVar[str]
    path: ClassVar[str] = ""
    """The path of a resource, without its name."""
    needs: ClassVar[tuple[Need, ...]] = ()
    part_of: ClassVar[str] = ""
    """The kind that it belongs to: it is created and deleted together with it, and is no step of a removal."""

    @abstractmethod
    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """The resources with these names, and all others of this kind whose name has our form."""

    @abstractmethod
    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The normal form of a wanted body."""

    @abstractmethod
    def write(self, es: Elasticsearch, step: Change, wanted: Resource, installation: Installation) -> Change:
        """Create, update or roll over; returns the step as it was done."""

    def delete(self, es: Elasticsearch, step: Change, installation: Installation) -> None:
        """Delete it; no error if it is not there."""
        call(es, "DELETE", self.location(step.name), allow=(404,))

    def references(self, body: Mapping[str, Any]) -> set[str]:
        """Names of the resources that a body (in normal form) needs."""
        return set()

    def location(self, name: str) -> str:
        """The path of the requests that read, write or delete it."""
        return f"{self.path}/{name}"

    def judge(self, wanted: Resource, standing: Standing | None, installation: Installation) -> Change:
        """Decide what to do with one resource."""
        step = Change(wanted.kind, wanted.name, Action.CREATE, wanted=wanted, standing=standing)
        normal = self.normal(wanted.body)
        if standing is None:
            return replace(step, changes=({}, normal))
        stranger = self.stranger(standing, installation)
        if stranger:
            return step.because(Action.FOREIGN, stranger)
        if standing.body == normal:
            return replace(step, action=Action.UNCHANGED)
        step = replace(step, changes=(standing.body, normal))
        mark = standing.mark
        if mark is not None and mark.is_newer_than(installation.version):
            return replace(step, action=Action.NEWER, reason=newer(mark, installation))
        edited = self.edited(standing)
        if edited and not installation.force:
            return replace(step, action=Action.KEEP, reason=f"{edited}; --force overwrites it")
        return replace(step, action=Action.UPDATE, reason=edited)

    def stranger(self, standing: Standing, installation: Installation) -> str:
        """Why it is not ours, and what to do; empty if it is ours."""
        mark = standing.mark
        look = self.location(standing.name)[1:]  # as Kibana's console takes it
        if mark is None:
            return (
                f"it has no mark of Oversight, so someone else created it; look at it (GET {look}), then delete it "
                f"(DELETE {look}) or choose another OVERSIGHT_NAMESPACE"
            )
        if mark.name not in ("", standing.name):
            return (
                f"it is a copy of {mark.name} that someone made; look at it (GET {look}), then delete it "
                f"(DELETE {look}) "
                f"or choose another OVERSIGHT_NAMESPACE"
            )
        if mark.namespace not in ("", installation.namespace):
            return f"it belongs to the installation {mark.namespace!r}; choose another OVERSIGHT_NAMESPACE"
        if mark.dataset != installation.dataset and standing.name not in shared_names(installation.namespace):
            return f"it belongs to the dataset {mark.dataset!r}; choose another OVERSIGHT_DATASET"
        return ""

    def edited(self, standing: Standing) -> str:
        """That someone edited it; empty if the content matches the hash in our label."""
        if standing.mark is None or standing.mark.sha256 in ("", digest(standing.body)):
            return ""
        return "a person edited it: its content is not what Oversight wrote"


def newer(mark: Mark, installation: Installation) -> str:
    """Why it is not downgraded."""
    return (
        f"Oversight {mark.version} wrote it and this is {installation.version}: it is not downgraded; "
        f"run the newer Oversight, or choose another OVERSIGHT_NAMESPACE"
    )
