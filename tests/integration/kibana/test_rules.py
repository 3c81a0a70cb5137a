"""`oversight kibana rules` against our own server, which follows Kibana's documented routes; no Kibana runs here."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from contract.documents.alerts import FIELDS as ALERT_FIELDS
from contract.documents.paths import leaves
from kibana.saved_objects.alert_items import alert_items, item_id
from kibana.saved_objects.alert_rules import alert_rules
from kibana.saved_objects.objects import Names
from tests.integration.kibana.conftest import Ran
from tests.kibana_contracts import shipped_contract
from tests.kibana_server import FakeKibana, failure

Run = Callable[..., Ran]
SEVERE = item_id(Names(), "rule", "severe-attack")
INDEX = item_id(Names(), "connector", "alerts-index")
RULES = len(alert_rules(shipped_contract()))
ITEMS = 2 + RULES


def actions(ran: Ran) -> dict[str, str]:
    assert ran.code == 0, ran.err
    return {step["id"]: step["action"] for step in ran.json}


def edit(kibana: FakeKibana, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the rule and save it, as a person does."""
    rule = kibana.spaces["default"].rules[SEVERE]
    change(rule)
    rule["updated_at"] = kibana.now()


def test_rules_and_connectors_are_made_and_again_nothing_changes(kibana: FakeKibana, run: Run) -> None:
    first = run("rules")
    assert first.code == 0, first.err
    assert f"{ITEMS} created; open {kibana.url}/app/management/" in first.out
    assert "alerts are written to oversight-alerts-default" in first.out
    space = kibana.spaces["default"]
    assert len(space.rules) == RULES
    assert space.connectors[INDEX]["config"]["index"] == "oversight-alerts-default"
    kibana.requests.clear()
    assert set(actions(run("rules", "--json")).values()) == {"unchanged"}
    assert not [each for each in kibana.requests if each.startswith("PUT") or "POST /api/alerting" in each]


def test_a_rule_that_somebody_edited_is_kept_and_ours_stands_beside_it_switched_off(
    kibana: FakeKibana, run: Run
) -> None:
    run("rules")
    edit(kibana, lambda rule: rule["params"].update(threshold=[9]))
    assert actions(run("rules", "--json"))[SEVERE] == "kept"
    rules = kibana.spaces["default"].rules
    (beside,) = (rule for rule in rules.values() if rule["name"] == "Oversight: Attack of high severity (as shipped)")
    assert beside["enabled"] is False
    assert beside["params"]["threshold"] == [0]
    forced = actions(run("rules", "--force", "--json"))
    assert forced[SEVERE] == "replaced"
    assert forced[beside["id"]] == "removed"
    assert rules[SEVERE]["params"]["threshold"] == [0]


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "delay": lambda rule: rule.update(alert_delay={"active": 3}),
    "flapping": lambda rule: rule.update(flapping={"look_back_window": 10, "status_change_threshold": 3}),
    "filter of an action": lambda rule: rule["actions"][0].update(alerts_filter={"query": {"kql": "user.id: alice"}}),
    "one more action": lambda rule: rule["actions"].append(dict(rule["actions"][1], group="recovered")),
    "schedule": lambda rule: rule.update(schedule={"interval": "10m"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_person_sets_of_a_rule_is_kept(kibana: FakeKibana, run: Run, change: str) -> None:
    """Also settings that ours does not have: an update would delete them."""
    run("rules")
    edit(kibana, CHANGES[change])
    theirs = copy.deepcopy(kibana.spaces["default"].rules[SEVERE])
    assert actions(run("rules", "--rescored", "--json"))[SEVERE] == "kept"
    assert kibana.spaces["default"].rules[SEVERE] == theirs


def test_a_rule_that_somebody_switched_off_is_no_edit_and_stays_off(kibana: FakeKibana, run: Run) -> None:
    run("rules")
    edit(kibana, lambda rule: rule.update(enabled=False))
    assert actions(run("rules", "--json"))[SEVERE] == "unchanged"
    assert actions(run("rules", "--rescored", "--json"))[SEVERE] == "updated"
    rule = kibana.spaces["default"].rules[SEVERE]
    assert rule["enabled"] is False
    assert "rescored" not in rule["params"]["esQuery"]


def test_dashboards_and_rules_have_one_record_and_do_not_touch_each_other(kibana: FakeKibana, run: Run) -> None:
    run("import")
    run("rules")
    assert set(actions(run("import", "--json")).values()) == {"unchanged"}
    assert set(actions(run("rules", "--json")).values()) == {"unchanged"}
    assert set(actions(run("remove", "--json")).values()) == {"removed"}
    space = kibana.spaces["default"]
    assert (space.objects, space.rules, space.connectors) == ({}, {}, {})


def test_a_connector_that_an_edited_rule_uses_is_left(kibana: FakeKibana, run: Run) -> None:
    """Without it the rule that someone edited could not send its alerts."""
    run("rules")
    edit(kibana, lambda rule: rule.update(name="Ours"))
    removed = actions(run("remove", "--json"))
    assert removed[SEVERE] == removed[INDEX] == "left"
    assert set(kibana.spaces["default"].rules) == {SEVERE}
    assert len(kibana.spaces["default"].connectors) == 2


def test_removing_without_rules_asks_nothing_of_alerting(kibana: FakeKibana, run: Run) -> None:
    """A user who may only import dashboards can still remove them."""
    run("import")
    kibana.failing["/api/alerting"] = failure(403, "Unauthorized")
    kibana.failing["/api/actions"] = failure(403, "Unauthorized")
    assert run("remove").code == 0


def test_a_rule_in_another_space_has_another_id(kibana: FakeKibana, run: Run) -> None:
    run("rules", "--space", "soc")
    assert not kibana.spaces["default"].rules
    assert SEVERE not in kibana.spaces["soc"].rules
    assert len(kibana.spaces["soc"].rules) == RULES


def test_a_refused_rule_is_named(kibana: FakeKibana, run: Run) -> None:
    kibana.failing["/api/alerting/rule"] = failure(
        500, "Unable to create alerts client because the Encrypted Saved Objects plugin is missing encryption key"
    )
    ran = run("rules")
    assert ran.code == 1
    assert "answered 500 to reading the rule" in ran.line
    assert "missing encryption key" in ran.line
    kibana.failing["/api/alerting/rule"] = failure(403, "Unauthorized to create rule")
    assert "on Stack Rules and Actions and Connectors for the alert rules" in run("rules").line


def test_printing_asks_no_server(kibana: FakeKibana, run: Run) -> None:
    printed = run("rules", "--print", "--namespace", "lab").json
    assert [each["type"] for each in printed] == ["connector", "connector", *["rule"] * RULES]
    assert kibana.requests == []
    assert printed[2]["params"]["timeField"] == "oversight.prediction.at"
    assert printed[0]["config"]["index"] == "oversight-alerts-lab"


def test_ids_are_uuids_that_do_not_change() -> None:
    """Kibana accepts only such ids for items that it encrypts. If the ids changed, old rules would stay behind."""
    assert SEVERE == "d3600a5d-1d70-43a3-8310-b8bf0203da75"
    ids = [item.id for item in alert_items(shipped_contract(), Names())]
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in ids
    )
    assert len(set(ids)) == ITEMS


def test_what_the_rules_write_is_in_the_mapping_of_the_alerts_index() -> None:
    """A field without a mapping would be lost silently."""
    known = {field.name for field in ALERT_FIELDS}
    for item in alert_items(shipped_contract(), Names()):
        for action in item.body.get("actions", ()):
            for document in action["params"].get("documents", ()):
                assert {path for path, _ in leaves(document)} <= known
