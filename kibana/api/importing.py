"""Import everything of one installation into one space, or remove it.

    import record + stored objects ──▶ plan ──▶ write all changes ──▶ read what Kibana stored ──▶ import record

Saved objects and alert items are two stores with one import record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kibana.api.alerting import Alerting
from kibana.api.client import Kibana
from kibana.api.import_record import ImportedObject, ImportRecord, import_record_key, object_of, record_in
from kibana.api.plan import WRITES, ImportStep, Item, keys_to_read, plan, removal
from kibana.saved_objects.objects import Names
from kibana.saved_objects.stored import Key, Stored

Store = Kibana | Alerting
"""The saved objects, or the rules and connectors."""


def import_all(
    kibana: Kibana, names: Names, store: Store, wanted: Sequence[Item], *, force: bool = False
) -> list[ImportStep]:
    """Import items into the space. Keep those that a person has edited.

    Args:
        kibana: the space, which also holds the import record.
        names: the installation's names.
        store: the store that the items belong to.
        wanted: all items of the installation in that store.
        force: also overwrite items that a person has edited.
    Raises:
        KibanaRefusedError: Kibana rejects one of them.
    """
    last = _read_record(kibana, names)
    own = _of_store(store, last)
    steps = plan(wanted, store.read(keys_to_read(wanted, own)), own, force=force)
    written = [step.item for step in steps if step.action in WRITES]
    if written:
        store.write(written)
    steps = _deleted(store, steps)
    now = store.read([step.key for step in steps if step.item is not None])
    _write_record(kibana, names, store, last, _records(steps, own, now))
    return steps


def remove_all(kibana: Kibana, names: Names, store: Store, *, force: bool = False) -> list[ImportStep]:
    """Delete everything that the imports created. An item that a person has edited stays, and is theirs from now on."""
    last = _read_record(kibana, names)
    own = _of_store(store, last)
    steps = _deleted(store, removal(store.read(sorted(own)), own, force=force))
    _write_record(kibana, names, store, last, {})
    return steps


def _deleted(store: Store, steps: Sequence[ImportStep]) -> list[ImportStep]:
    """Delete the unwanted items, and mark those that could not be deleted as `left`."""
    stay = store.delete([step.key for step in steps if step.action == "removed"])
    return [replace(step, action="left") if step.key in stay else step for step in steps]


def _read_record(kibana: Kibana, names: Names) -> ImportRecord:
    key = import_record_key(names)
    return record_in(kibana.read([key]).get(key))


def _write_record(kibana: Kibana, names: Names, store: Store, last: ImportRecord, records: ImportRecord) -> None:
    """Replace this store's items in the import record. The other store's items stay."""
    now = {key: imported for key, imported in last.items() if key[0] not in store.kinds} | records
    if not now:
        kibana.delete([import_record_key(names)])
    elif now != last:
        kibana.write([object_of(now, names)])


def _of_store(store: Store, last: ImportRecord) -> ImportRecord:
    return {key: imported for key, imported in last.items() if key[0] in store.kinds}


def _records(steps: Sequence[ImportStep], last: ImportRecord, stored: Mapping[Key, Stored]) -> ImportRecord:
    """The new import record: what Kibana stored of our items, and the old entry of each item that was kept."""
    records = {}
    for step in steps:
        now = stored.get(step.key)
        if step.item is not None and now is not None:
            records[step.key] = ImportedObject(step.item.digest, now.digest, now.updated_at)
        elif step.action == "kept" and step.key in last:
            records[step.key] = last[step.key]
    return records
