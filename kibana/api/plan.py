"""What an import does with each object: pure, from what is wanted, what stands there and what was imported last.

wanted ──┐                            created      nothing stood there
stored ──┼─▶ plan() ──▶ Step each ─▶  updated      ours stood there as we left it, and is another now
ledger ──┘                            unchanged    ours stands there as we left it
                                      kept         a person has edited it; ours goes beside it, under another id
                                      replaced     a person has edited it, and --force was given
                                      removed      ours of an earlier version that is not wanted any more
                                      left         the same, edited by a person or shown by what is: not ours any more
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from kibana.api.import_record import Ledger, Record
from kibana.saved_objects.stored import Key, Stored

Action = Literal["created", "updated", "unchanged", "kept", "replaced", "removed", "left"]
WRITES: frozenset[Action] = frozenset({"created", "updated", "replaced"})


class Item(Protocol):
    """Something that is stored under a key: a saved object, a rule, a connector."""

    @property
    def key(self) -> Key:
        """Type and id."""

    @property
    def title(self) -> str:
        """What a person sees in a list."""

    @property
    def digest(self) -> str:
        """Of its content."""

    def beside(self) -> Self:
        """The same under another id, to stand beside one that a person has edited."""

    def is_like(self, found: Stored) -> bool:
        """Whether what is stored holds all that this one says, so that nobody can have edited it."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one object."""

    action: Action
    key: Key
    title: str
    item: Any = None
    """What is written; None where nothing is."""

    def to_dict(self) -> dict[str, str]:
        """As plain JSON values."""
        return {"action": self.action, "type": self.key[0], "id": self.key[1], "title": self.title}


def plan(wanted: Sequence[Item], stored: Mapping[Key, Stored], ledger: Ledger, *, force: bool = False) -> list[Step]:
    """One step for each object that is wanted, beside an edited one, or left over from an earlier import."""
    steps: list[Step] = []
    for item in wanted:
        steps.append(_step(item, stored, ledger, force=force))
        if steps[-1].action == "kept":
            steps.append(_step(item.beside(), stored, ledger, force=False))
    seen = {step.key for step in steps}
    return _spared([*steps, *_left_over(seen, stored, ledger)], stored)


def _step(item: Item, stored: Mapping[Key, Stored], ledger: Ledger, *, force: bool) -> Step:
    found, record = stored.get(item.key), ledger.records.get(item.key)
    if found is None:
        return Step("created", item.key, item.title, item)
    if record is None and item.is_like(found) and found.saved_since:
        return Step("unchanged", item.key, item.title)  # a person may have added something: it does not become ours
    if _is_edited(item, found, record):
        return Step("replaced", item.key, item.title, item) if force else Step("kept", item.key, item.title)
    if record is None or record.sent == item.digest or record.is_edited(found):
        return Step("unchanged", item.key, item.title, item)
    return Step("updated", item.key, item.title, item)


def _is_edited(item: Item, found: Stored, record: Record | None) -> bool:
    """Whether a person has; what an import wrote that ended before its record is as that import brought it."""
    if record is None:
        return not item.is_like(found)
    return record.is_edited(found) and not (found.as_it_came and item.is_like(found))


def _spared(steps: Sequence[Step], stored: Mapping[Key, Stored]) -> list[Step]:
    """The steps, in which what a person's object shows is left to it: without its data view it would be lost all the
    same.
    """
    needed = {key for step in steps if step.action in ("kept", "left") for key in stored[step.key].shows}
    needed |= {key for one in needed if one in stored for key in stored[one].shows}  # the data views of its searches
    return [
        Step("left", step.key, step.title) if step.action == "removed" and step.key in needed else step
        for step in steps
    ]


def _left_over(seen: Collection[Key], stored: Mapping[Key, Stored], ledger: Ledger) -> Iterator[Step]:
    """What an earlier import wrote and this one does not want."""
    for key, record in sorted(ledger.records.items()):
        found = stored.get(key)
        if key not in seen and found is not None:
            yield Step("left" if record.is_edited(found) else "removed", key, found.title or key[1])


def removal(stored: Mapping[Key, Stored], ledger: Ledger, *, force: bool = False) -> list[Step]:
    """What a removal does with each object that was imported: it takes away what is as we left it."""
    steps = []
    for key, record in sorted(ledger.records.items()):
        found = stored.get(key)
        if found is not None:
            action: Action = "left" if record.is_edited(found) and not force else "removed"
            steps.append(Step(action, key, found.title or key[1]))
    return _spared(steps, stored)


def looked_at(wanted: Sequence[Item], ledger: Ledger) -> list[Key]:
    """Every key whose object has to be read before a plan can be made."""
    keys = [key for item in wanted for key in (item.key, item.beside().key)]
    return list(dict.fromkeys([*keys, *sorted(ledger.records)]))
