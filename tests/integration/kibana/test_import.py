"""`oversight kibana import` and `remove` against our own server, which follows Kibana's documented routes; no Kibana
runs here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.kibana.conftest import Ran
from tests.kibana_server import FakeKibana, Key, failure

Run = Callable[..., Ran]
TRIAGE: Key = ("dashboard", "oversight-default-dashboard-triage")
BESIDE: Key = ("dashboard", "oversight-default-dashboard-triage-as-shipped")
EVENTS: Key = ("index-pattern", "oversight-default-data-view-events")
LEDGER: Key = ("visualization", "oversight-default-visualization-import-record")
OBJECTS = 13
"""Four data views, four searches, two queries, three dashboards."""


def actions(ran: Ran) -> dict[str, str]:
    assert ran.code == 0, ran.err
    return {step["id"]: step["action"] for step in ran.json}


def retitled(attributes: dict[str, Any]) -> None:
    attributes["title"] = "Our own triage"


def test_an_import_brings_everything_and_again_changes_nothing(kibana: FakeKibana, run: Run) -> None:
    first = run("import")
    assert first.code == 0, first.err
    assert "created   dashboard    Oversight: Triage\n" in first.out
    assert (
        f"{OBJECTS} created; open {kibana.url}/app/dashboards#/view/oversight-default-dashboard-oversight" in first.out
    )
    objects = kibana.spaces["default"].objects
    assert len(objects) == OBJECTS + 1
    before = {key: found["updated_at"] for key, found in objects.items()}
    again = actions(run("import", "--json"))
    assert set(again.values()) == {"unchanged"}
    assert {key: found["updated_at"] for key, found in objects.items()} == before


def test_what_a_person_edited_is_kept_and_ours_stands_beside_it(kibana: FakeKibana, run: Run) -> None:
    run("import")
    kibana.edit(TRIAGE, retitled)
    second = run("import")
    assert "kept      dashboard    Oversight: Triage  (someone edited it)" in second.out
    objects = kibana.spaces["default"].objects
    assert objects[TRIAGE]["attributes"]["title"] == "Our own triage"
    assert objects[BESIDE]["attributes"]["title"] == "Oversight: Triage (as shipped)"
    third = actions(run("import", "--json"))
    assert third[TRIAGE[1]] == "kept"
    assert third[BESIDE[1]] == "unchanged"
    kibana.edit(BESIDE, retitled)
    assert actions(run("import", "--json"))[BESIDE[1]] == "kept"


def test_force_writes_over_what_a_person_edited_and_tidies_up(kibana: FakeKibana, run: Run) -> None:
    run("import")
    kibana.edit(TRIAGE, retitled)
    run("import")
    forced = actions(run("import", "--force", "--json"))
    assert forced[TRIAGE[1]] == "replaced"
    assert forced[BESIDE[1]] == "removed"
    assert kibana.spaces["default"].objects[TRIAGE]["attributes"]["title"] == "Oversight: Triage"
    assert set(actions(run("import", "--json")).values()) == {"unchanged"}


def test_an_upgrade_of_kibana_is_no_edit(kibana: FakeKibana, run: Run) -> None:
    """An upgrade changes the form of stored objects and keeps their dates."""
    run("import")
    kibana.upgrade()
    assert set(actions(run("import", "--json")).values()) == {"unchanged"}


def test_saving_without_a_change_is_no_edit(kibana: FakeKibana, run: Run) -> None:
    run("import")
    kibana.edit(TRIAGE, lambda attributes: None)
    assert set(actions(run("import", "--json")).values()) == {"unchanged"}


def test_an_object_that_was_deleted_comes_back(kibana: FakeKibana, run: Run) -> None:
    run("import")
    del kibana.spaces["default"].objects[TRIAGE]
    assert actions(run("import", "--json"))[TRIAGE[1]] == "created"


def test_objects_that_were_imported_by_hand_are_taken_over(kibana: FakeKibana, run: Run) -> None:
    """Without a record the content decides: what equals ours is ours, anything else belongs to someone else."""
    run("import")
    objects = kibana.spaces["default"].objects
    del objects[LEDGER]
    kibana.edit(TRIAGE, retitled)
    found = actions(run("import", "--json"))
    assert found.pop(TRIAGE[1]) == "kept"
    assert found.pop(BESIDE[1]) == "created"
    assert set(found.values()) == {"unchanged"}


def test_another_model_updates_what_nobody_edited(kibana: FakeKibana, run: Run, other_model: str) -> None:
    """A model with other labels has other colours; objects that show no label do not change."""
    run("import")
    found = actions(run("import", "--json", "--model", other_model))
    assert found[TRIAGE[1]] == "updated"
    assert found["oversight-default-search-watchers"] == "unchanged"
    assert "smurf" not in str(kibana.spaces["default"].objects)


def test_a_damaged_record_is_as_none(kibana: FakeKibana, run: Run) -> None:
    run("import")
    kibana.edit(LEDGER, lambda attributes: attributes.update(visState="{"))
    assert set(actions(run("import", "--json")).values()) == {"unchanged"}


def test_removing_takes_ours_and_leaves_what_a_person_edited_or_made(kibana: FakeKibana, run: Run) -> None:
    """The data views and searches that an edited dashboard needs stay too."""
    run("import")
    kibana.edit(TRIAGE, retitled)
    theirs: Key = ("dashboard", "their-own")
    objects = kibana.spaces["default"].objects
    objects[theirs] = {"type": "dashboard", "id": "their-own", "attributes": {}, "references": [], "updated_at": "2026"}
    removed = run("remove")
    assert "left      dashboard    Our own triage  (not deleted, because someone edited or uses it" in removed.out
    view = "oversight-default-data-view-"
    shown: set[Key] = {("index-pattern", f"{view}events"), ("index-pattern", f"{view}predictions")}
    assert set(objects) == {TRIAGE, theirs, ("search", "oversight-default-search-newest-alerts"), *shown}
    assert "nothing to do" in run("remove").out


def test_removing_with_force_takes_the_edited_ones_too(kibana: FakeKibana, run: Run) -> None:
    run("import")
    kibana.edit(TRIAGE, retitled)
    assert set(actions(run("remove", "--force", "--json")).values()) == {"removed"}
    assert kibana.spaces["default"].objects == {}


def test_two_spaces_and_two_installations_do_not_touch_each_other(kibana: FakeKibana, run: Run) -> None:
    run("import")
    assert (
        "/s/soc/app/dashboards#/view/oversight-default-in-soc-dashboard-oversight"
        in run("import", "--space", "soc").out
    )
    run("import", "--namespace", "lab")
    assert len(kibana.spaces["default"].objects) == 2 * (OBJECTS + 1)
    run("remove", "--namespace", "lab")
    assert len(kibana.spaces["default"].objects) == len(kibana.spaces["soc"].objects) == OBJECTS + 1


def test_a_space_that_is_not_there_is_named(kibana: FakeKibana, run: Run) -> None:
    """Kibana itself would import into it, and nobody would see the objects."""
    ran = run("import", "--space", "sco")
    assert ran.code == 64
    assert "has no space 'sco'" in ran.line
    assert "sco" not in kibana.spaces
    assert "is not a space identifier" in run("import", "--space", "../x").line


def test_a_slow_start_is_waited_for(kibana: FakeKibana, run: Run) -> None:
    kibana.not_ready = 2
    ran = run("import", "--wait", "10")
    assert ran.code == 0, ran.err
    assert ran.err.startswith("waiting: Kibana at ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("how", ["503", "level", "gone"])
def test_a_kibana_that_does_not_come_up_in_time_is_said(kibana: FakeKibana, run: Run, how: str) -> None:
    kibana.not_ready, kibana.level = (9 if how == "503" else 0), ("unavailable" if how == "level" else "available")
    ran = run("import", "--wait", "0", **({"KIBANA_URL": "http://127.0.0.1:1"} if how == "gone" else {}))
    assert ran.code == 1
    expected = {
        "503": "is not ready or overloaded (503)",
        "level": "is not ready or overloaded (503)",
        "gone": "Connection refused",
    }
    assert expected[how] in ran.line
    assert "(waited 0 s)" in ran.line


def test_wrong_credentials_are_said_and_right_ones_are_sent(kibana: FakeKibana, run: Run) -> None:
    kibana.authorization = "ApiKey YWJj"
    refused = run("import")
    assert refused.code == 64
    assert "asks for credentials, and none were sent (401); set KIBANA_API_KEY" in refused.line
    refused = run("import", KIBANA_API_KEY="d3Jvbmc=")
    assert refused.code == 64
    assert "refuses the credentials (401); check KIBANA_API_KEY" in refused.line
    assert run("import", KIBANA_API_KEY="YWJj").code == 0


def test_a_user_and_password_are_sent_as_basic_authentication(kibana: FakeKibana, run: Run) -> None:
    kibana.authorization = "Basic ZWxhc3RpYzpzZWNyZXQ="
    assert run("import", KIBANA_USERNAME="elastic", KIBANA_PASSWORD="secret").code == 0


def test_a_key_is_not_sent_over_plain_http_to_another_machine(run: Run) -> None:
    ran = run("import", KIBANA_URL="http://kibana.example:5601", KIBANA_API_KEY="YWJj")
    assert ran.code == 64
    assert "http://kibana.example:5601 is plain HTTP to another machine" in ran.line


def test_a_missing_privilege_is_named(kibana: FakeKibana, run: Run) -> None:
    kibana.forbidden = True
    ran = run("import")
    assert ran.code == 64
    assert "(403: 'Unable to bulk_create dashboard,index-pattern')" in ran.line
    assert "Saved Objects Management" in ran.line


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"type": "missing_references", "references": [{"type": "index-pattern", "id": "gone"}]},
        "is missing (index-pattern gone)",
    ),
    ({"type": "conflict"}, "it already exists"),
    ({"type": "ambiguous_conflict", "destinations": []}, "several copies of it exist"),
    ({"type": "unsupported_type"}, "does not know objects of this type"),
    (
        {"type": "unknown", "message": "[attributes.x]: definition missing", "statusCode": 400},
        "unknown: '[attributes.x]: definition",
    ),
]


@pytest.mark.parametrize(("error", "said"), REFUSED, ids=[error["type"] for error, _ in REFUSED])
def test_an_object_that_kibana_does_not_take_is_named(
    kibana: FakeKibana, run: Run, error: dict[str, Any], said: str
) -> None:
    one = {"type": "dashboard", "id": "d", "meta": {}, "error": error}
    kibana.failing["_import"] = 200, {"success": False, "successCount": 0, "errors": [one, one]}
    ran = run("import")
    assert ran.code == 1
    assert "did not import dashboard d: " in ran.line
    assert said in ran.line
    stops = error["type"] in ("conflict", "ambiguous_conflict", "missing_references")
    rest = "nothing was written" if stops else "the others were written; importing again continues from there"
    assert ran.line.endswith(f"1 more objects have errors; {rest}")


def test_an_object_type_that_this_kibana_lacks_is_named(kibana: FakeKibana, run: Run) -> None:
    kibana.known_types = kibana.known_types - {"query"}
    assert "did not import query oversight-default-query-one-user: this Kibana does not know" in run("import").line
    assert len(kibana.spaces["default"].objects) == OBJECTS - 2


def test_an_import_that_ended_halfway_is_no_edit(kibana: FakeKibana, run: Run, other_model: str) -> None:
    """Kibana has written the objects that it accepts, but there is no record. The next import continues from there."""
    run("import")
    types = kibana.known_types
    kibana.known_types = types - {"query"}
    assert run("import", "--model", other_model).code == 1
    kibana.known_types = types
    assert "kept" not in actions(run("import", "--json", "--model", other_model)).values()
    kibana.edit(TRIAGE, retitled)
    assert actions(run("import", "--json"))[TRIAGE[1]] == "kept"


def test_what_a_person_added_is_kept_also_without_a_record(kibana: FakeKibana, run: Run, other_model: str) -> None:
    """It contains every key of our object, and more."""
    run("import")
    del kibana.spaces["default"].objects[LEDGER]
    field = '{"hour":{"type":"long","script":{"source":"emit(1)"}}}'
    kibana.edit(EVENTS, lambda attributes: attributes.update(runtimeFieldMap=field))
    assert actions(run("import", "--json"))[EVENTS[1]] == "unchanged"
    assert actions(run("import", "--json", "--model", other_model))[EVENTS[1]] == "kept"
    assert kibana.spaces["default"].objects[EVENTS]["attributes"]["runtimeFieldMap"] == field


def test_the_counts_that_discover_saves_are_no_edit(kibana: FakeKibana, run: Run, other_model: str) -> None:
    """Each click on a field makes Kibana save the data view."""

    def counted(attributes: dict[str, Any]) -> None:
        fields = json.loads(attributes["fieldAttrs"])
        fields["user.id"]["count"] = 3
        fields["their.field"] = {"count": 1}
        attributes["fieldAttrs"] = json.dumps(dict(reversed(fields.items())))

    run("import")
    kibana.edit(EVENTS, counted)
    assert actions(run("import", "--json"))[EVENTS[1]] == "unchanged"
    assert actions(run("import", "--json", "--model", other_model))[EVENTS[1]] == "updated"


BROKEN = {"type": "dashboard", "id": "d", "error": {"statusCode": 500, "message": "shard"}}
ANSWERS: dict[str, tuple[str, Any, str]] = {
    "too new": (
        "_import",
        failure(422, 'Document "d" belongs to a more recent version'),
        "answered 422 to importing objects: ",
    ),
    "too large": ("_import", failure(413, "Payload too large"), "accepts no file of this size (413)"),
    "nothing": ("_import", (200, None), "gave no reason"),
    "html": ("_bulk_get", (200, "<html>"), "answered without 'saved_objects'"),
    "broken object": ("_bulk_get", (200, {"saved_objects": [BROKEN]}), "cannot read dashboard d: 'shard'"),
    "overloaded": ("_import", (503, None), "is not ready or overloaded (503) for importing objects"),
    "no kibana": ("/api/status", (404, {"error": "no handler found"}), "it is not Kibana"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_any_other_answer_is_one_line(kibana: FakeKibana, run: Run, name: str) -> None:
    part, reply, said = ANSWERS[name]
    kibana.failing[part] = reply
    ran = run("import", "--wait", "0")
    assert ran.code in (1, 64)
    assert said in ran.line


def test_an_old_kibana_is_noted(kibana: FakeKibana, run: Run) -> None:
    kibana.version = "8.12.0"
    assert "this is Kibana 8.12.0; the dashboards are made for Kibana 8.19 and 9.x" in run("import").err


def test_the_exported_file_is_what_a_hand_imports(kibana: FakeKibana, run: Run, tmp_path: Any) -> None:
    """The command takes over objects that were imported from the file by hand."""
    file = tmp_path / "oversight.ndjson"
    assert f"{OBJECTS} objects written to" in run("export", "--output", str(file)).out
    assert len(file.read_bytes().splitlines()) == OBJECTS
    assert "does not end in .ndjson" in run("export", "--output", str(tmp_path / "x.json")).line
    assert "cannot be written" in run("export", "--output", str(tmp_path / "no" / "x.ndjson")).line
