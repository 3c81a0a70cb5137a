"""Laws of an import: it never overwrites what a person edited, and a second import changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from kibana.api.import_record import ImportedObject, ImportRecord, object_of, record_in
from kibana.api.plan import WRITES, ImportStep, keys_to_read, plan, removal
from kibana.saved_objects.objects import Names, SavedObject
from kibana.saved_objects.stored import Key, Stored

NAMES = st.sampled_from(["a", "b", "c", "d"])
TITLES = st.sampled_from(["one", "two", "three"])
WANTED = st.dictionaries(NAMES, TITLES, max_size=4)


def items(wanted: dict[str, str]) -> list[SavedObject]:
    return [SavedObject("dashboard", name, {"title": title}) for name, title in sorted(wanted.items())]


@dataclass
class World:
    """A space of a Kibana that adds a key to everything it stores, and the import record."""

    stored: dict[Key, Stored]
    ledger: ImportRecord
    clock: int = 0

    def put(self, key: Key, attributes: dict[str, object], *, created: str | None = None) -> None:
        """Store under a key, as an import does. When a person saves, the time of creation stays."""
        self.clock += 1
        now = f"t{self.clock}"
        self.stored[key] = Stored({"attributes": {**attributes, "added": 1}, "references": []}, now, created or now)

    def run(self, wanted: dict[str, str], *, force: bool = False, recorded: bool = True) -> list[ImportStep]:
        """As kibana/api/importing.py does it. Not recorded means that it ended before it wrote its record."""
        steps = plan(items(wanted), self.stored, self.ledger, force=force)
        for step in steps:
            if step.action in WRITES:
                self.put(step.key, dict(step.item.attributes))
            if step.action == "removed":
                del self.stored[step.key]
        if not recorded:
            return steps
        records = {}
        for step in steps:
            now = self.stored.get(step.key)
            if step.item is not None and now is not None:
                records[step.key] = ImportedObject(step.item.digest, now.digest, now.updated_at)
            elif step.action == "kept" and step.key in self.ledger:
                records[step.key] = self.ledger[step.key]
        self.ledger = records
        return steps

    def edit(self, name: str) -> None:
        self.put(("dashboard", name), {"title": f"edited {self.clock}"}, created="before")

    def add_to(self, name: str) -> None:
        """A person adds to the stored object and changes nothing else."""
        found = self.stored["dashboard", name]
        self.put(("dashboard", name), {**found.content["attributes"], "theirs": self.clock}, created=found.created_at)


@given(first=WANTED, second=WANTED, edited=st.sets(NAMES), force=st.booleans())
def test_doing_it_twice_is_doing_it_once(
    first: dict[str, str], second: dict[str, str], edited: set[str], force: bool
) -> None:
    world = World({}, {})
    world.run(first)
    for name in sorted(edited):
        world.edit(name)
    world.run(second, force=force)
    before = dict(world.stored)
    again = world.run(second)
    assert {step.action for step in again} <= {"unchanged", "kept"}
    assert world.stored == before


@given(first=WANTED, second=WANTED, edited=st.sets(NAMES))
def test_what_a_person_edited_or_made_is_never_written_over_without_force(
    first: dict[str, str], second: dict[str, str], edited: set[str]
) -> None:
    """Also an item that we never wrote, or no longer want."""
    world = World({}, {})
    world.run(first)
    for name in sorted(edited):
        world.edit(name)
    theirs = {("dashboard", name): world.stored["dashboard", name] for name in edited}
    world.run(second)
    assert {key: world.stored.get(key) for key in theirs} == theirs
    for key in theirs.keys() & {("dashboard", name) for name in second}:
        beside = world.stored["dashboard", f"{key[1]}-as-shipped"]
        assert beside.content["attributes"]["title"] == f"{second[key[1]]} (as shipped)"
    for step in removal(world.stored, world.ledger):
        assert step.action == ("left" if step.key in theirs else "removed")


@given(runs=st.lists(st.tuples(WANTED, st.booleans()), min_size=1, max_size=4), last=WANTED, added=st.sets(NAMES))
def test_what_a_person_added_is_never_lost_whichever_records_were_not_written(
    runs: list[tuple[dict[str, str], bool]], last: dict[str, str], added: set[str]
) -> None:
    world = World({}, {})
    for wanted, recorded in runs:
        world.run(wanted, recorded=recorded)
    theirs = [("dashboard", name) for name in sorted(added) if ("dashboard", name) in world.stored]
    for _, name in theirs:
        world.add_to(name)
    before = {key: world.stored[key] for key in theirs}
    for wanted, recorded in [*runs, (last, True), (last, True)]:
        world.run(wanted, recorded=recorded)
    assert {key: world.stored.get(key) for key in theirs} == before


@given(first=WANTED, second=WANTED)
def test_an_import_whose_record_was_not_written_is_no_edit(first: dict[str, str], second: dict[str, str]) -> None:
    world = World({}, {})
    world.run(first)
    world.run(second, recorded=False)
    assert "kept" not in {step.action for step in world.run(second)}


@given(first=WANTED, second=WANTED)
def test_what_nobody_edited_is_what_is_wanted(first: dict[str, str], second: dict[str, str]) -> None:
    world = World({}, {})
    world.run(first)
    world.run(second)
    assert {key[1]: found.content["attributes"]["title"] for key, found in world.stored.items()} == second


@given(first=WANTED)
def test_the_ledger_reads_back_as_it_was_written(first: dict[str, str]) -> None:
    world = World({}, {})
    world.run(first)
    written = object_of(world.ledger, Names())
    assert record_in(Stored(written.to_dict())) == world.ledger
    assert set(keys_to_read(items(first), world.ledger)) >= set(world.ledger)
