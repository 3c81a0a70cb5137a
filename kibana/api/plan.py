"""Decide what an import does with each object. Pure: needs the wanted items, the stored ones and the last record.

wanted ──┐                            created      did not exist
stored ──┼─▶ plan() ──▶ ImportStep each ─▶  updated      ours, not edited, and its content has changed
record ──┘                            unchanged    ours, not edited, same content
                                      kept         edited by a person; ours is written beside it, under another id
                                      replaced     edited by a person, and --force was given
                                      removed      ours, from an earlier version, no longer wanted
                                      left         no longer wanted, but edited or still in use: no longer ours
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kibana.api.import_record import ImportedObject, ImportRecord
from kibana.saved_objects.alert_items import AlertItem
from kibana.saved_objects.objects import SavedObject
from kibana.saved_objects.stored import Key, Stored

Action = Literal["created", "updated", "unchanged", "kept", "replaced", "removed", "left"]
WRITES: frozenset[Action] = frozenset({"created", "updated", "replaced"})


Item = SavedObject | AlertItem


@dataclass(frozen=True, slots=True)
class ImportStep:
    """What happens to one object."""

    action: Action
    key: Key
    title: str
    item: Any = None
    """The item to write; None if nothing is written."""

    def to_dict(self) -> dict[str, str]:
        """The step as plain JSON values."""
        return {"action": self.action, "type": self.key[0], "id": self.key[1], "title": self.title}


def plan(
    wanted: Sequence[Item], stored: Mapping[Key, Stored], last: ImportRecord, *, force: bool = False
) -> list[ImportStep]:
    """One step for each wanted item, each copy beside an edited one, and each item left over from an earlier import."""
    steps: list[ImportStep] = []
    for item in wanted:
        steps.append(_step(item, stored, last, force=force))
        if steps[-1].action == "kept":
            steps.append(_step(item.beside(), stored, last, force=False))
    seen = {step.key for step in steps}
    return _keep_what_is_shown([*steps, *_left_over(seen, stored, last)], stored)


def _step(item: Item, stored: Mapping[Key, Stored], last: ImportRecord, *, force: bool) -> ImportStep:
    current, record = stored.get(item.key), last.get(item.key)
    if current is None:
        return ImportStep("created", item.key, item.title, item)
    if record is None and item.is_like(current) and current.saved_after_import:
        return ImportStep("unchanged", item.key, item.title)  # someone may have added to it, so it does not become ours
    if _is_edited(item, current, record):
        return ImportStep("replaced", item.key, item.title, item) if force else ImportStep("kept", item.key, item.title)
    if record is None or record.sent == item.digest or record.is_edited(current):
        return ImportStep("unchanged", item.key, item.title, item)
    return ImportStep("updated", item.key, item.title, item)


def _is_edited(item: Item, found: Stored, record: ImportedObject | None) -> bool:
    """Whether a person has edited the stored item.

    An import that stopped halfway writes no record. Its items still count as ours if nobody has saved them since.
    """
    if record is None:
        return not item.is_like(found)
    return record.is_edited(found) and not (found.unsaved_since_import and item.is_like(found))


def _keep_what_is_shown(steps: Sequence[ImportStep], stored: Mapping[Key, Stored]) -> list[ImportStep]:
    """Keep the data views and searches that an edited object shows; without them it would be broken."""
    needed = {key for step in steps if step.action in ("kept", "left") for key in stored[step.key].shows}
    needed |= {key for used in needed if used in stored for key in stored[used].shows}  # their data views
    return [
        ImportStep("left", step.key, step.title) if step.action == "removed" and step.key in needed else step
        for step in steps
    ]


def _left_over(seen: Collection[Key], stored: Mapping[Key, Stored], last: ImportRecord) -> Iterator[ImportStep]:
    """The steps for objects that an earlier import wrote and this one no longer wants."""
    for key, record in sorted(last.items()):
        current = stored.get(key)
        if key not in seen and current is not None:
            yield ImportStep("left" if record.is_edited(current) else "removed", key, current.title or key[1])


def removal(stored: Mapping[Key, Stored], last: ImportRecord, *, force: bool = False) -> list[ImportStep]:
    """One step for each imported object: removed if nobody has edited it, else left."""
    steps = []
    for key, record in sorted(last.items()):
        current = stored.get(key)
        if current is not None:
            action: Action = "left" if record.is_edited(current) and not force else "removed"
            steps.append(ImportStep(action, key, current.title or key[1]))
    return _keep_what_is_shown(steps, stored)


def keys_to_read(wanted: Sequence[Item], last: ImportRecord) -> list[Key]:
    """The keys of all objects that must be read before planning."""
    keys = [key for item in wanted for key in (item.key, item.beside().key)]
    return list(dict.fromkeys([*keys, *sorted(last)]))
