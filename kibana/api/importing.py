"""The import of what one installation has into one space, and its removal.

    ledger and what is stored ──▶ plan ──▶ what is written, in one go ──▶ what the server made of it ──▶ ledger

Saved objects and alert rules stand on shelves of their own and have one ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from kibana.api.client import Kibana
from kibana.api.import_record import Ledger, Record, ledger_key
from kibana.api.plan import WRITES, Item, Step, looked_at, plan, removal
from kibana.saved_objects.objects import Names
from kibana.saved_objects.stored import Key, Stored


class Shelf(Protocol):
    """Where items of some kinds are read and written."""

    @property
    def kinds(self) -> frozenset[str]:
        """Types of the keys."""

    def read(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """What stands under these keys; those that are not there are left out."""

    def write(self, items: Sequence[Any]) -> None:
        """Write items over what stands under their keys."""

    def delete(self, keys: Sequence[Key]) -> list[Key]:
        """Take items away; those that are not there are no error. The answer: those that stay, because they are in
        use.
        """


def import_all(
    kibana: Kibana, names: Names, shelf: Shelf, wanted: Sequence[Item], *, force: bool = False
) -> list[Step]:
    """Bring items into the space; what a person has edited stays.

    Args:
        kibana: the space, where the ledger is.
        names: of the installation.
        shelf: where the items belong.
        wanted: all items of the installation on that shelf.
        force: write over what a person has edited.
    Raises:
        KibanaRefusedError: Kibana does not take one of them.
    """
    ledger = _read_ledger(kibana, names)
    own = _on(shelf, ledger)
    steps = plan(wanted, shelf.read(looked_at(wanted, own)), own, force=force)
    written = [step.item for step in steps if step.action in WRITES]
    if written:
        shelf.write(written)
    steps = _deleted(shelf, steps)
    now = shelf.read([step.key for step in steps if step.item is not None])
    _write_ledger(kibana, names, ledger, {**_elsewhere(shelf, ledger), **_records(steps, own, now)})
    return steps


def remove_all(kibana: Kibana, names: Names, shelf: Shelf, *, force: bool = False) -> list[Step]:
    """Take away what the imports have brought; what a person has edited stays, and is theirs from then on."""
    ledger = _read_ledger(kibana, names)
    own = _on(shelf, ledger)
    steps = removal(shelf.read(sorted(own.records)), own, force=force)
    steps = _deleted(shelf, steps)
    _write_ledger(kibana, names, ledger, _elsewhere(shelf, ledger))
    return steps


def _deleted(shelf: Shelf, steps: Sequence[Step]) -> list[Step]:
    """The steps after what is not wanted was taken away; what could not be is left."""
    stay = shelf.delete([step.key for step in steps if step.action == "removed"])
    return [replace(step, action="left") if step.key in stay else step for step in steps]


def _read_ledger(kibana: Kibana, names: Names) -> Ledger:
    key = ledger_key(names)
    return Ledger.from_stored(kibana.read([key]).get(key))


def _write_ledger(kibana: Kibana, names: Names, before: Ledger, records: Mapping[Key, Record]) -> None:
    if not records:
        kibana.delete([ledger_key(names)])
    elif records != before.records:
        kibana.write([Ledger(records).to_object(names)])


def _on(shelf: Shelf, ledger: Ledger) -> Ledger:
    return Ledger({key: record for key, record in ledger.records.items() if key[0] in shelf.kinds})


def _elsewhere(shelf: Shelf, ledger: Ledger) -> dict[Key, Record]:
    return {key: record for key, record in ledger.records.items() if key[0] not in shelf.kinds}


def _records(steps: Sequence[Step], ledger: Ledger, stored: Mapping[Key, Stored]) -> dict[Key, Record]:
    """Of what was written or stands as ours, what the server made of it; of what is kept, the record as it was."""
    found = {}
    for step in steps:
        now = stored.get(step.key)
        if step.item is not None and now is not None:
            found[step.key] = Record(step.item.digest, now.digest, now.updated_at)
        elif step.action == "kept" and step.key in ledger.records:
            found[step.key] = ledger.records[step.key]
    return found
